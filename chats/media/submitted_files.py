"""Files that staff submits: checked before the message is stored, then saved in the storage."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_noop as _

from chats.media.attachments import SharedFile
from chats.media.decoding_slots import SUBMITTED_FILE_SLOTS, DecodersBusy
from chats.media.file_names import clean_name, offered_name, submitted_name
from chats.media.file_storage import StorageFailed, delete_files, save_file
from chats.media.file_types import detect_type
from chats.media.thumbnails import Thumbnail, make_thumbnail
from chats.media.voice_notes import make_voice_note
from chats.models import Attachment, Message
from chats.models.files import new_stored_name
from cloud_api.media_types import HEAD, MEDIA_LIMITS, check_content, check_media, fitting_kind, fitting_name
from cloud_api.messages import InvalidMessage
from organizations.models import Organization
from organizations.storage import StorageFull, reserve

log = logging.getLogger(__name__)

CHUNK = 64 * 2**10
TEXT_HEAD = 4096
"""How many bytes are examined to recognize a text."""
PNG_HEADER = slice(24, 26)
"""Bytes with the bits per channel and the kind of channels (PNG 11.2.2)."""
PLAIN_PNG = ((8, 2), (8, 6))
"""Values of `PNG_HEADER` that WhatsApp accepts: 8 bits, RGB or RGBA (docs/meta-platform.md 8.3)."""

_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCUMENTS = {
    ("application/zip", ".docx"): f"{_OFFICE}.wordprocessingml.document",
    ("application/zip", ".xlsx"): f"{_OFFICE}.spreadsheetml.sheet",
    ("application/zip", ".pptx"): f"{_OFFICE}.presentationml.presentation",
    ("application/x-ole-storage", ".doc"): "application/msword",
    ("application/x-ole-storage", ".xls"): "application/vnd.ms-excel",
    ("application/x-ole-storage", ".ppt"): "application/vnd.ms-powerpoint",
}
"""Types of office documents, by the type of their container and the suffix of their name."""

BROWSER_MIME_TYPES = {
    "audio": ("audio/opus", "audio/x-m4a", "audio/m4a", "audio/mp3", "audio/x-aac", "audio/vnd.dlna.adts"),
    "image": ("image/jpg",),
    "video": ("video/x-m4v",),
}
"""Other names of browsers and systems for types that WhatsApp accepts. Only for the file dialog: the file's bytes decide its
type."""

WRONG_TYPE = _(
    "WhatsApp does not take this type of file. It takes JPEG, PNG and WebP images, MP4 and 3GP videos, AAC, AMR, MP3, M4A and OGG "
    "audio, PDF, Word, Excel, PowerPoint and text."
)
NO_PICTURE = _("The picture cannot be read. It may be damaged, or far too large.")
BUSY = _("The hub is busy with other files. Send this one again in a moment.")
NO_ROOM = _("Your organization's storage is full, so files cannot be sent. The operator of the hub can give it more.")
STORAGE_FAILS = _("The hub cannot store files at the moment. Try again later, or inform the operator of the hub.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedFile:
    """A file that WhatsApp accepts in a message of this kind. `size` is in bytes."""

    file: "File[Any]"
    kind: str
    mime_type: str
    file_name: str
    size: int
    voice: bool = False
    thumbnail: Thumbnail | None = None
    """Of a picture."""


def read_submitted_file(
    file: "UploadedFile[Any]", *, name: str = "", voice: bool = False, as_document: bool = False
) -> SubmittedFile:
    """Checks a file from a form and returns it.

    `name` is the exact name of the file, if that of the form's field is escaped. `voice`: the file is a recording of a browser, and
    is converted into a voice note. `as_document`: the file is sent as it is, so that WhatsApp does not reduce a picture. Raises
    InvalidMessage with the reason if WhatsApp does not accept the file.
    """
    try:
        with SUBMITTED_FILE_SLOTS.reserve():
            if voice:
                return _submitted_file(ContentFile(make_voice_note(file)), "voice.ogg", "audio/ogg", voice=True)
            return _read_file(file, name, as_document=as_document)
    except DecodersBusy:
        raise InvalidMessage("file", BUSY) from None


def _read_file(file: "UploadedFile[Any]", name: str, *, as_document: bool) -> SubmittedFile:
    name = clean_name(name or submitted_name(file.name or ""))
    mime_type = _detect_type(file, name)
    if file.size and mime_type is None:
        raise InvalidMessage("file", WRONG_TYPE)
    if as_document and mime_type in MEDIA_LIMITS["document"].mime_types:
        return _submitted_file(file, name, mime_type, kind="document")
    submitted = _submitted_file(file, name, mime_type or "text/plain")
    check = CHECKS.get(submitted.mime_type)
    return check(submitted) if check else submitted


def _submitted_file(file: "File[Any]", name: str, mime_type: str, *, kind: str | None = None, voice: bool = False) -> SubmittedFile:
    """Returns the file, of `kind` or of the kind that fits its type. Raises InvalidMessage if its type, size or content is
    wrong."""
    kind = kind or fitting_kind(mime_type)
    if kind is None:
        raise InvalidMessage("file", WRONG_TYPE)
    check_media(kind, mime_type, file.size)
    file.seek(0)
    check_content(mime_type, file.read(HEAD), file.size)
    file.seek(0)
    file_name = fitting_name(offered_name(name, kind, mime_type), mime_type)
    return SubmittedFile(file=file, kind=kind, mime_type=mime_type, file_name=file_name, size=file.size, voice=voice)


def _detect_type(file: "UploadedFile[Any]", name: str) -> str | None:
    """Returns the type by the file's bytes; None if it is unknown. The type from the browser and the suffix of the name only
    distinguish files that begin alike."""
    file.seek(0)
    head = file.read(TEXT_HEAD)
    detected, suffix = detect_type(head), PurePath(name).suffix.lower()
    if not detected:
        is_text = suffix == ".txt" and b"\0" not in head  # in any encoding without zero bytes
        return "text/plain" if is_text else None
    if detected == "video/mp4" and (str(file.content_type).startswith("audio/") or suffix == ".m4a"):
        return "audio/mp4"
    return DOCUMENTS.get((detected, suffix), detected)


def _with_thumbnail(submitted: SubmittedFile, *, with_plain_png: bool = False) -> SubmittedFile:
    """Returns the picture with its thumbnail. Raises InvalidMessage if it cannot be decoded."""
    thumbnail = make_thumbnail(submitted.file, with_plain_png=with_plain_png)
    if thumbnail is None:
        raise InvalidMessage("file", NO_PICTURE)
    return replace(submitted, thumbnail=thumbnail)


def _plain_png(submitted: SubmittedFile) -> SubmittedFile:
    """Returns the PNG with its thumbnail. Converts it if it has colours that WhatsApp does not accept, such as a palette."""
    submitted.file.seek(0)
    if tuple(submitted.file.read(PNG_HEADER.stop)[PNG_HEADER]) in PLAIN_PNG:
        return _with_thumbnail(submitted)
    decoded = _with_thumbnail(submitted, with_plain_png=True)
    plain_png = ContentFile(decoded.thumbnail.plain_png if decoded.thumbnail else b"")
    return replace(_submitted_file(plain_png, submitted.file_name, submitted.mime_type), thumbnail=decoded.thumbnail)


CHECKS: dict[str, Callable[[SubmittedFile], SubmittedFile]] = {
    "image/jpeg": _with_thumbnail,
    "image/png": _plain_png,
    "image/webp": _with_thumbnail,
}


def attach_file(message: Message, file: SubmittedFile) -> Attachment:
    """Saves the file of an outbound message and returns its attachment. Must run in the transaction that stores the message. If
    that is rolled back, the file stays in the storage without a row. Raises InvalidMessage if it exceeds the organization's quota,
    or if the storage fails."""
    organization = message.phone_number.organization
    try:
        reserve(organization=organization, size=file.size)
    except StorageFull:
        raise InvalidMessage("file", NO_ROOM) from None
    attachment = save_submitted_file(file, organization).attachment_of(message)
    attachment.save(force_insert=True)
    return attachment


def save_submitted_file(file: SubmittedFile, organization: Organization) -> SharedFile:
    """Saves the file and its thumbnail in the storage. Raises InvalidMessage if the storage fails."""
    saved: list[str] = []
    try:
        # As a plain File: the storage would move an UploadedFile away, and the transaction may run again.
        saved.append(_save(organization, File(file.file)))
        if file.thumbnail:
            saved.append(_save(organization, ContentFile(file.thumbnail.content)))
    except StorageFailed as error:
        delete_files(saved)  # the file was saved, if only the thumbnail failed
        log.error("a submitted file could not be saved: %s", error)
        raise InvalidMessage("file", STORAGE_FAILS) from None
    return SharedFile(
        kind=file.kind,
        mime_type=file.mime_type,
        file_name=file.file_name,
        sha256=sha256_of(file.file),
        size=file.size,
        file=saved[0],
        thumbnail=saved[1] if file.thumbnail else "",
        width=file.thumbnail.width if file.thumbnail else None,
        height=file.thumbnail.height if file.thumbnail else None,
    )


def _save(organization: Organization, content: "File[Any]") -> str:
    """Saves the content and returns its name in the storage."""
    name = new_stored_name(organization.pk)
    content.seek(0)
    save_file(name, content)
    return name


def sha256_of(file: "File[Any]") -> str:
    """Returns the digest of the content in lower-case hex."""
    digest = hashlib.sha256()
    for chunk in file.chunks(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
