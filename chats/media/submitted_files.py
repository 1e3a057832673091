"""Files that staff send: checked before anything is written, and kept."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_noop as _

from chats.media.decoding_slots import SUBMITTED_FILE_SLOTS, DecodersBusy
from chats.media.file_names import clean_name, offered_name, submitted_name
from chats.media.file_storage import StorageFailed, delete_files, save_file
from chats.media.file_types import detect_type
from chats.media.thumbnails import Thumbnail, make_thumbnail
from chats.media.voice_notes import make_voice_note
from chats.models import Attachment, Message
from chats.models.files import stored_name
from cloud_api.media_types import HEAD, MEDIA_LIMITS, check_content, check_media, fitting_kind, fitting_name
from cloud_api.messages import InvalidMessage
from jobs.models import State
from organizations.storage import StorageFull, reserve

log = logging.getLogger(__name__)

CHUNK = 64 * 2**10
READ_AS_TEXT = 4096
"""Bytes of a text that are looked at."""
PNG_HEADER = slice(24, 26)
"""Bits of a channel, and which channels there are (PNG 11.2.2)."""
PLAIN_PNG = ((8, 2), (8, 6))
"""Eight bits, RGB or RGBA: all that WhatsApp takes (docs/meta-platform.md 8.3)."""

_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCUMENTS = {
    ("application/zip", ".docx"): f"{_OFFICE}.wordprocessingml.document",
    ("application/zip", ".xlsx"): f"{_OFFICE}.spreadsheetml.sheet",
    ("application/zip", ".pptx"): f"{_OFFICE}.presentationml.presentation",
    ("application/x-ole-storage", ".doc"): "application/msword",
    ("application/x-ole-storage", ".xls"): "application/vnd.ms-excel",
    ("application/x-ole-storage", ".ppt"): "application/vnd.ms-powerpoint",
}
"""What office documents are, by what they are packed in and their name's ending."""

BROWSER_MIME_TYPES = {
    "audio": ("audio/opus", "audio/x-m4a", "audio/m4a", "audio/mp3", "audio/x-aac", "audio/vnd.dlna.adts"),
    "image": ("image/jpg",),
    "video": ("video/x-m4v",),
}
"""Other names that browsers and systems have for types that WhatsApp takes. What counts is what the file's bytes say."""

WRONG_TYPE = _(
    "WhatsApp does not take this type of file. It takes JPEG, PNG and WebP images, MP4 and 3GP videos, AAC, AMR, MP3, M4A and OGG "
    "audio, PDF, Word, Excel, PowerPoint and text."
)
NO_PICTURE = _("The picture cannot be read. It may be damaged, or far too large.")
BUSY = _("The hub is busy with other files. Send this one again in a moment.")
NO_ROOM = _("Your organization's storage is full, so files cannot be sent. Whoever runs the hub can give it more.")
STORAGE_FAILS = _("The hub cannot store files at the moment. Try again later, or tell whoever runs it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedFile:
    """A file that WhatsApp takes as a message of this kind. `size` is in bytes."""

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
    """The file, if WhatsApp takes it. `name`: exactly how it is called, where the form's own field cannot say so. With `voice` it
    is a browser's recording and becomes a voice note. With `as_document` a picture is sent as it is, and WhatsApp does not make it
    smaller. Raises InvalidMessage, whose words say what WhatsApp does take."""
    try:
        with SUBMITTED_FILE_SLOTS.taken():
            return _read_recording(file) if voice else _read_file(file, name, as_document=as_document)
    except DecodersBusy:
        raise InvalidMessage("file", BUSY) from None


def _read_recording(file: "UploadedFile[Any]") -> SubmittedFile:
    return _upload(ContentFile(make_voice_note(file)), "voice.ogg", "audio/ogg", voice=True)


def _read_file(file: "UploadedFile[Any]", name: str, *, as_document: bool) -> SubmittedFile:
    name = clean_name(name or submitted_name(file.name or ""))
    mime_type = _type_of(file, name)
    if file.size and mime_type is None:
        raise InvalidMessage("file", WRONG_TYPE)
    if as_document and mime_type in MEDIA_LIMITS["document"].mime_types:
        return _upload(file, name, mime_type, kind="document")
    upload = _upload(file, name, mime_type or "text/plain")
    check = CHECKS.get(upload.mime_type)
    return check(upload) if check else upload


def _upload(file: "File[Any]", name: str, mime_type: str, *, kind: str | None = None, voice: bool = False) -> SubmittedFile:
    kind = kind or fitting_kind(mime_type)
    if kind is None:
        raise InvalidMessage("file", WRONG_TYPE)
    check_media(kind, mime_type, file.size)
    file.seek(0)
    check_content(mime_type, file.read(HEAD), file.size)
    file.seek(0)
    named = fitting_name(offered_name(name, kind, mime_type), mime_type)
    return SubmittedFile(file=file, kind=kind, mime_type=mime_type, file_name=named, size=file.size, voice=voice)


def _type_of(file: "UploadedFile[Any]", name: str) -> str | None:
    """By the file's own bytes; the browser's word and the name's ending only tell apart what begins alike."""
    file.seek(0)
    head = file.read(READ_AS_TEXT)
    seen, ending = detect_type(head), PurePath(name).suffix.lower()
    if not seen:
        return "text/plain" if ending == ".txt" and _is_text(head) else None
    if seen == "video/mp4" and (str(file.content_type).startswith("audio/") or ending == ".m4a"):
        return "audio/mp4"
    return DOCUMENTS.get((seen, ending), seen)


def _is_text(head: bytes) -> bool:
    """In whatever encoding that leaves no zero bytes."""
    return b"\0" not in head


def _checked_picture(upload: SubmittedFile, *, make_plain: bool = False) -> SubmittedFile:
    """With its thumbnail: it is opened here and never again."""
    thumbnail = make_thumbnail(upload.file, make_plain=make_plain)
    if thumbnail is None:
        raise InvalidMessage("file", NO_PICTURE)
    return replace(upload, thumbnail=thumbnail)


def _plain_png(upload: SubmittedFile) -> SubmittedFile:
    """Of a PNG in other colours than WhatsApp takes, such as a palette's, one that it takes."""
    upload.file.seek(0)
    if tuple(upload.file.read(PNG_HEADER.stop)[PNG_HEADER]) in PLAIN_PNG:
        return _checked_picture(upload)
    checked = _checked_picture(upload, make_plain=True)
    plain = ContentFile(checked.thumbnail.plain_png if checked.thumbnail else b"")
    return replace(_upload(plain, upload.file_name, upload.mime_type), thumbnail=checked.thumbnail)


CHECKS: dict[str, Callable[[SubmittedFile], SubmittedFile]] = {
    "image/jpeg": _checked_picture,
    "image/png": _plain_png,
    "image/webp": _checked_picture,
}


def attach_file(message: Message, upload: SubmittedFile) -> Attachment:
    """Keep the file of a message of ours, which has just been written; in its transaction. If that is rolled back, the storage has
    a file that no row names. Raises InvalidMessage if the organization's quota or the storage has no room for it."""
    attachment = Attachment(
        phone_number_id=message.phone_number_id,
        message_name=message.name,
        kind=upload.kind,
        mime_type=upload.mime_type,
        file_name=upload.file_name,
        sha256=_digest(upload.file),
        size=upload.size,
        state=State.DONE,
    )
    try:
        reserve(organization=attachment.phone_number.organization, size=upload.size)
        # As a plain file: the storage would move an uploaded one away, and the transaction may be run again.
        attachment.file = _kept(attachment, File(upload.file))
        if small := upload.thumbnail:
            attachment.width, attachment.height = small.width, small.height
            attachment.thumbnail = _kept(attachment, ContentFile(small.content))
    except StorageFull:
        raise InvalidMessage("file", NO_ROOM) from None
    except StorageFailed as failure:
        delete_files([attachment.file.name or ""] if attachment.file else [])  # it may be there without its thumbnail
        log.error("a file of staff could not be stored: %s", failure)
        raise InvalidMessage("file", STORAGE_FAILS) from None
    attachment.save(force_insert=True)
    return attachment


def _kept(attachment: Attachment, content: "File[Any]") -> str:
    """Its name in the storage."""
    name = stored_name(attachment, "")
    content.seek(0)
    save_file(name, content)
    return name


def _digest(file: "File[Any]") -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
