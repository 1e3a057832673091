"""Stores files of bots, and finds those that messages name by their keys.

Drafts, versions, undo and automatic messages may name a file. `unused_files` deletes those that none of them names any more.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_noop as _

from bots.flows.flow import messages_in
from bots.flows.messages import file_of
from bots.models import BotFile
from chats.media.attachments import SharedFile
from chats.media.file_storage import delete_files
from chats.media.submitted_files import (
    BROWSER_MIME_TYPES,
    NO_ROOM,
    SubmittedFile,
    read_submitted_file,
    save_submitted_file,
    sha256_of,
)
from cloud_api.media_types import MEDIA_LIMITS, check_media
from cloud_api.messages import InvalidMessage
from jobs.transactions import in_transaction
from organizations.models import Organization, User
from organizations.storage import StorageFull, reserve

MAX_FILES = 200
"""Of one organization."""
TOO_MANY = _("An organization has at most %(limit)s files of bots and automatic messages.")
FILE_LIMITS = _("Images up to 5 MB, videos and audio up to 16 MB, documents up to 100 MB.")
ACCEPTED_TYPES = ",".join(
    sorted({each for kind, limit in MEDIA_LIMITS.items() for each in (*limit.mime_types, *BROWSER_MIME_TYPES.get(kind, ()))})
)
"""For the file dialog of browsers."""


@dataclass(frozen=True, slots=True)
class FileDetails:
    """A stored file as pages show it. `size` is in bytes."""

    key: str
    kind: str
    file_name: str
    size: int


def read_and_store(*, organization: Organization, uploaded: "UploadedFile[Any]", by: User, now: datetime) -> FileDetails:
    """Stores a file from a form. Raises InvalidMessage with the reason if it cannot be sent or stored."""
    stored = store_bot_file(organization=organization, submitted=read_submitted_file(uploaded), by=by, now=now)
    return FileDetails(stored.key, stored.kind, stored.file_name, stored.size)


def store_bot_file(*, organization: Organization, submitted: SubmittedFile, by: User, now: datetime) -> BotFile:
    """Stores a file of the organization. The same file with the same name is stored once. Raises InvalidMessage if there are too
    many files, if the file exceeds the organization's quota, or if the storage fails."""
    digest = sha256_of(submitted.file)
    same = BotFile.objects.filter(
        organization=organization, sha256=digest, kind=submitted.kind, file_name=submitted.file_name
    ).first()
    # Uploaded again, so that its 30 days as an unused file begin again. None is updated if it has just been deleted.
    if same and BotFile.objects.filter(pk=same.pk).update(create_in=now):
        return same
    # Saved before the transaction, in which nobody should wait for the storage.
    saved = save_submitted_file(submitted, organization)
    try:
        return _insert(organization, saved, by, now)
    except InvalidMessage:
        delete_files(filter(None, (saved.file, saved.thumbnail)))
        raise


@in_transaction
def _insert(organization: Organization, saved: SharedFile, by: User, now: datetime) -> BotFile:
    # The lock serializes users who store files, so that none exceeds the limit.
    Organization.objects.select_for_update().get(pk=organization.pk)
    if BotFile.objects.filter(organization=organization).count() >= MAX_FILES:
        raise InvalidMessage("file", TOO_MANY, limit=MAX_FILES)
    try:
        reserve(organization=organization, size=saved.size)
    except StorageFull:
        raise InvalidMessage("file", NO_ROOM) from None
    key = secrets.token_urlsafe(16)
    return BotFile.objects.create(organization=organization, key=key, created_by=by, create_in=now, **asdict(saved))


def files_of(organization_id: int) -> dict[str, FileDetails]:
    """Returns the files of the organization by their keys."""
    rows = BotFile.objects.filter(organization=organization_id).values_list("key", "kind", "file_name", "size")
    return {key: FileDetails(key, kind, name, size) for key, kind, name, size in rows}


def sendable_keys(organization_id: int | None, document: Mapping[str, Any]) -> frozenset[str]:
    """Returns the keys of files in a flow that the organization has, and that can be sent as the kinds of its messages. Makes no
    query for a flow without files."""
    wanted = set(_files_in(document))
    if not wanted:
        return frozenset()
    files = {each.key: each for each in BotFile.objects.filter(organization=organization_id, key__in={key for key, _ in wanted})}
    unsendable = {key for key, kind in wanted if key not in files or not can_be_sent_as(kind, files[key])}
    return frozenset(files) - unsendable


def _files_in(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields key and kind of each message with a stored file."""
    for step in document.get("steps", ()):
        for _field, message in messages_in(step):
            if key := file_of(message):
                yield key, message["kind"]


def can_be_sent_as(kind: str, file: BotFile) -> bool:
    """Returns whether WhatsApp accepts the file as a message of this kind. A picture can be sent as a document, too."""
    try:
        check_media(kind, file.mime_type, file.size)
    except InvalidMessage:
        return False
    return True
