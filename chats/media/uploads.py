"""Files that staff send: checked before anything is written, and kept."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Any

from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_noop as _
from PIL import Image

from chats.media.naming import clean_name, offered_name
from chats.media.recordings import voice_note
from chats.media.sniffing import sniffed
from chats.media.thumbnails import FORMATS, thumbnail_of
from chats.models import Attachment, Message
from cloud_api.messages import InvalidMessage, check_media, fitting_kind
from jobs.models import State

CHUNK = 64 * 2**10
READ_AS_TEXT = 4096
"""Bytes of a text that are looked at."""
MOST_STILL = 100 * 2**10
"""Bytes of a sticker that does not move (reference 8.3)."""
PNG_HEADER = slice(24, 26)
"""Bits of a channel, and which channels there are (PNG 11.2.2)."""
PLAIN_PNG = ((8, 2), (8, 6))
"""Eight bits, RGB or RGBA: all that WhatsApp takes (reference 8.3)."""

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

WRONG_TYPE = _(
    "WhatsApp does not take this type of file. It takes JPEG, PNG and WebP images, MP4 and 3GP videos, AAC, AMR, MP3, M4A and OGG "
    "audio, PDF, Word, Excel, PowerPoint and text."
)
NO_PICTURE = _("The picture cannot be read. It may be damaged, or far too large.")
STICKER_TOO_BIG = _("A sticker that does not move may have at most %(limit)s.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that WhatsApp takes as a message of this kind. `size` is in bytes."""

    file: "File[Any]"
    kind: str
    mime_type: str
    file_name: str
    size: int
    voice: bool = False


def read_upload(file: "UploadedFile[Any]", *, voice: bool = False) -> Upload:
    """The file, if WhatsApp takes it. With `voice` it is a browser's recording and becomes a voice note. Raises InvalidMessage,
    whose words say what WhatsApp does take."""
    if voice:
        return _upload(ContentFile(voice_note(file)), "voice.ogg", "audio/ogg", voice=True)
    name = clean_name(file.name or "")
    mime_type = _type_of(file, name)
    if file.size and mime_type is None:
        raise InvalidMessage("file", WRONG_TYPE)
    upload = _upload(file, name, mime_type or "text/plain")
    check = CHECKS.get(upload.mime_type)
    return check(upload) if check else upload


def _upload(file: "File[Any]", name: str, mime_type: str, *, voice: bool = False) -> Upload:
    kind = fitting_kind(mime_type)
    if kind is None:
        raise InvalidMessage("file", WRONG_TYPE)
    check_media(kind, mime_type, file.size)
    named = offered_name(name, kind, mime_type)
    return Upload(file=file, kind=kind, mime_type=mime_type, file_name=named, size=file.size, voice=voice)


def _type_of(file: "UploadedFile[Any]", name: str) -> str | None:
    """By the file's own bytes; the browser's word and the name's ending only tell apart what begins alike."""
    file.seek(0)
    head = file.read(READ_AS_TEXT)
    seen, ending = sniffed(head), PurePath(name).suffix.lower()
    if not seen:
        return "text/plain" if ending == ".txt" and _is_text(head) else None
    if seen == "video/mp4" and (str(file.content_type).startswith("audio/") or ending == ".m4a"):
        return "audio/mp4"
    return DOCUMENTS.get((seen, ending), seen)


def _is_text(head: bytes) -> bool:
    """In whatever encoding that leaves no zero bytes."""
    return b"\0" not in head


def _checked_picture(upload: Upload) -> Upload:
    if thumbnail_of(upload.file) is None:
        raise InvalidMessage("file", NO_PICTURE)
    return upload


def _plain_png(upload: Upload) -> Upload:
    """Of a PNG in other colours than WhatsApp takes, such as a palette's, one that it takes."""
    _checked_picture(upload)
    upload.file.seek(0)
    if tuple(upload.file.read(PNG_HEADER.stop)[PNG_HEADER]) in PLAIN_PNG:
        return upload
    plain = io.BytesIO()
    with _opened(upload.file) as picture:
        picture.convert("RGBA" if picture.has_transparency_data else "RGB").save(plain, "PNG")
    return _upload(ContentFile(plain.getvalue()), upload.file_name, upload.mime_type)


def _checked_sticker(upload: Upload) -> Upload:
    _checked_picture(upload)
    with _opened(upload.file) as picture:
        moves = getattr(picture, "is_animated", False)
    if not moves and upload.size > MOST_STILL:
        raise InvalidMessage("file", STICKER_TOO_BIG, limit=f"{MOST_STILL // 2**10} KB")
    return upload


def _opened(file: IO[Any]) -> Image.Image:
    file.seek(0)
    return Image.open(file, formats=FORMATS)


CHECKS: dict[str, Callable[[Upload], Upload]] = {
    "image/jpeg": _checked_picture,
    "image/png": _plain_png,
    "image/webp": _checked_sticker,
}


def attach(message: Message, upload: Upload) -> Attachment:
    """Keep the file of a message of ours, which has just been written; in its transaction. If that is rolled back, the storage has
    a file that no row names."""
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
    # As a plain file: the storage would move an uploaded one away, and the transaction may be run again.
    attachment.file.save(upload.file_name, File(upload.file), save=False)
    small = thumbnail_of(upload.file) if upload.mime_type in CHECKS else None
    if small:
        attachment.width, attachment.height = small.width, small.height
        attachment.thumbnail.save(upload.file_name, ContentFile(small.content), save=False)
    attachment.save(force_insert=True)
    return attachment


def _digest(file: "File[Any]") -> str:
    digest = hashlib.sha256()
    for chunk in file.chunks(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
