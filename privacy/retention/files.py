"""Deletes the files of old messages. The messages stay, and say that their file was deleted.

A stored file is deleted from the storage with the last row that has it (`privacy.shared_files`), after the transaction: a worker
that dies in between leaves a file without a row, never a row without its file.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db.models import Min

from chats.media.file_storage import delete_files
from chats.media.message_files import MAY_HAVE_FILE
from chats.models import Attachment, Message, MessageStatus
from chats.models.files import DownloadProblem
from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from organizations.storage import record_stored_file
from privacy.models import PrivacySettings
from privacy.shared_files import stored_names, without_other_rows

STEP = 500
"""Files of one transaction."""
SPAN = timedelta(hours=1)
"""Messages are read by such spans of their times, and the end of each is stored."""
UNSENT = (MessageStatus.QUEUED, MessageStatus.SENDING)
KINDS = (*MAY_HAVE_FILE, "interactive")
DELETED = {
    "file": "",
    "thumbnail": "",
    "file_name": "",
    "media_id": "",
    "sha256": "",
    "size": None,
    "width": None,
    "height": None,
    "state": State.DEAD,
    "lease_token": None,
    "reason": "",
    "errors": None,
    "problem": DownloadProblem.PRUNED,
}
"""Columns of a file that was deleted. A download that runs loses its lease, and its file is not stored."""


def prune_files(settings: PrivacySettings, numbers: Sequence[PhoneNumber], before: datetime) -> Iterator[int]:
    """Deletes the files of messages that were sent before this time. Yields the number of files of each step."""
    while (start := _next_message_at(numbers, settings.files_deleted_until)) and start < before:
        end = min(start + SPAN, before)
        for number in numbers:
            yield from _prune_span(number, start, end)
        settings.files_deleted_until = end
        settings.save(update_fields=["files_deleted_until"])
        yield 0


def delete_attachments(attachments: Sequence[Attachment], *, organization_id: int) -> list[str]:
    """Deletes these rows. Returns the names of the files that the caller deletes from the storage after the transaction."""
    Attachment.objects.filter(pk__in=[each.pk for each in attachments]).delete()
    return _release(attachments, organization_id)


def _next_message_at(numbers: Sequence[PhoneNumber], since: datetime | None) -> datetime | None:
    """Returns the time of the first message from `since` on. One index lookup for each number."""
    rows = [Message.objects.filter(phone_number=number) for number in numbers]
    later = [each.filter(create_in__gte=since) if since else each for each in rows]
    return min((at for each in later if (at := each.aggregate(first=Min("create_in"))["first"])), default=None)


def _prune_span(number: PhoneNumber, start: datetime, end: datetime) -> Iterator[int]:
    sent = Message.objects.filter(phone_number=number, create_in__gte=start, create_in__lt=end, kind__in=KINDS)
    rows = sent.exclude(message_status__in=UNSENT).values_list("callback_data", "wamid")
    names = [callback_data or wamid or "" for callback_data, wamid in rows]
    for first in range(0, len(names), STEP):
        count, files = run_in_transaction(partial(_prune_step, number, names[first : first + STEP]))
        delete_files(files)
        yield count


def _prune_step(number: PhoneNumber, names: Collection[str]) -> tuple[int, list[str]]:
    """Returns the number of files whose rows changed, and the names of the files to delete from the storage."""
    rows = Attachment.objects.select_for_update().filter(phone_number=number, message_name__in=names)
    kept = list(rows.exclude(problem=DownloadProblem.PRUNED).order_by("pk"))
    if not kept:
        return 0, []
    Attachment.objects.filter(pk__in=[each.pk for each in kept]).update(**DELETED)
    released = _release(kept, number.organization_id)
    publish_revisions([number.organization_id])
    return len(kept), released


def _release(attachments: Sequence[Attachment], organization_id: int) -> list[str]:
    """Returns the names of those files of these rows that no other row has, and frees their quota."""
    free = without_other_rows(attachments, organization_id=organization_id)
    if free:
        record_stored_file(organization_id=organization_id, size=-sum(each.size or 0 for each in free))
    return stored_names(free)
