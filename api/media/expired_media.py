"""The chore that deletes uploaded files which have expired."""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from api.models import Media
from chats.media.file_storage import delete_files
from chats.models import Attachment
from jobs.transactions import in_transaction
from organizations.storage import record_stored_file

ROWS_AT_ONCE = 500
MAX_STEPS = 4
"""In one run of the chore, which runs each minute. A storage may need a request for each file."""


def delete_expired_media() -> int:
    """A chore: deletes files that have expired, and returns their number. A file that a message has stays in the storage, and still
    counts in the quota."""
    total = 0
    for _ in range(MAX_STEPS):
        count = _delete_step(timezone.now())
        total += count
        if count < ROWS_AT_ONCE:
            break
    return total


def _delete_step(now: datetime) -> int:
    expired = list(Media.objects.filter(expires_at__lte=now).order_by("expires_at")[:ROWS_AT_ONCE])
    if not expired:
        return 0
    # Nothing can send an expired file, so no message gets one after this query.
    names = [each.file.name for each in expired]
    attached = set(Attachment.objects.filter(file__in=names).values_list("file", flat=True))
    deleted = _delete_rows(expired, attached, now)
    delete_files(name for each in deleted for name in (each.file.name, each.thumbnail.name) if name)
    return len(expired)


@in_transaction
def _delete_rows(expired: Sequence[Media], attached: set[str], now: datetime) -> list[Media]:
    """Deletes the rows, and returns those whose files can be deleted from the storage."""
    deletable = []
    for media in expired:
        # Another worker may have deleted it: the quota is freed once.
        is_deleted = Media.objects.filter(pk=media.pk, expires_at__lte=now).delete()[0]
        if is_deleted and media.file.name not in attached:
            record_stored_file(organization_id=media.organization_id, size=-media.size)
            deletable.append(media)
    return deletable
