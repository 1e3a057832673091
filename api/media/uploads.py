"""Stores files that programs upload, and finds those that messages name."""

from dataclasses import asdict
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext_noop as _

from api.models import Media
from chats.media.attachments import SharedFile
from chats.media.file_storage import delete_files
from chats.media.submitted_files import NO_ROOM, SubmittedFile, save_submitted_file
from cloud_api.media_types import check_media
from cloud_api.messages import InvalidMessage
from jobs.transactions import in_transaction
from organizations.models import Organization
from organizations.storage import StorageFull, reserve

MAX_UPLOAD = 101 * 2**20
"""Bytes of a request. The largest file that WhatsApp accepts is a document of 100 MB."""
MAX_MEDIA = 1_000
"""Files of one organization."""
TOO_MANY = _("An organization has at most %(limit)s uploaded files. Delete some that are not needed.")


LIFETIME = timedelta(days=30)
"""After the upload, and after each message with the file."""
PROLONGED_EVERY = timedelta(days=1)
"""A file that is sent more often keeps its time."""


def media_of(organization: Organization, *, now: datetime) -> QuerySet[Media]:
    """Returns the files of the organization that have not expired."""
    return Media.objects.filter(organization=organization, expires_at__gt=now)


def store_media(*, organization: Organization, submitted: SubmittedFile, now: datetime) -> Media:
    """Stores a file. Raises InvalidMessage if there are too many files, if it exceeds the organization's quota, or if the storage
    fails."""
    # Saved before the transaction, in which nobody should wait for the storage.
    saved = save_submitted_file(submitted, organization)
    try:
        return _insert(organization, saved, now)
    except InvalidMessage:
        delete_files(filter(None, (saved.file, saved.thumbnail)))
        raise


@in_transaction
def _insert(organization: Organization, saved: SharedFile, now: datetime) -> Media:
    # The lock serializes uploads, so that none exceeds the limit.
    Organization.objects.select_for_update().get(pk=organization.pk)
    if media_of(organization, now=now).count() >= MAX_MEDIA:
        raise InvalidMessage("file", TOO_MANY, limit=MAX_MEDIA)
    try:
        reserve(organization=organization, size=saved.size)
    except StorageFull:
        raise InvalidMessage("file", NO_ROOM) from None
    return Media.objects.create(organization=organization, create_in=now, expires_at=now + LIFETIME, **asdict(saved))


def expire_media(*, media: Media, now: datetime) -> None:
    """The file cannot be sent any more, and is deleted soon. Messages that have it keep it."""
    Media.objects.filter(pk=media.pk, expires_at__gt=now).update(expires_at=now)


def sendable_file(*, organization: Organization, pk: int, kind: str, now: datetime) -> SharedFile | None:
    """Returns the file for a message of this kind, which prolongs its life. Returns None if the organization has no such file.
    Raises InvalidMessage if WhatsApp does not accept it as this kind."""
    media = media_of(organization, now=now).filter(pk=pk).first()
    if media is None:
        return None
    check_media(kind, media.mime_type, media.size)
    until = now + LIFETIME
    is_due = media.expires_at <= until - PROLONGED_EVERY
    # None is updated if it has just been deleted.
    if is_due and not media_of(organization, now=now).filter(pk=pk).update(expires_at=until):
        return None
    return SharedFile(
        kind=kind,
        mime_type=media.mime_type,
        file_name=media.file_name,
        sha256=media.sha256,
        size=media.size,
        file=media.file.name or "",
        thumbnail=media.thumbnail.name or "",
        width=media.width,
        height=media.height,
    )
