"""Files that WhatsApp accepts (docs/meta-platform.md 8.3): the types of each kind of message, their maximum size, and their
names."""

from dataclasses import dataclass
from pathlib import PurePath

from cloud_api.limits import MEDIA_REFUSED, InvalidMessage


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


@dataclass(frozen=True, slots=True)
class MediaLimit:
    """The types of files that WhatsApp accepts for a kind of message, and their maximum size in bytes."""

    mime_types: frozenset[str]
    most: int


_KB = 2**10
_MB = 2**20
_OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_LIMITS = {
    "audio": MediaLimit(frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}), 16 * _MB),
    "image": MediaLimit(frozenset({"image/jpeg", "image/png"}), 5 * _MB),
    "video": MediaLimit(frozenset({"video/mp4", "video/3gpp"}), 16 * _MB),
    "sticker": MediaLimit(frozenset({"image/webp"}), 500 * _KB),  # animated
    "document": MediaLimit(
        frozenset(
            {
                *("image/jpeg", "image/png"),  # unchanged, while WhatsApp reduces those of kind image
                "text/plain",
                "application/pdf",
                "application/msword",
                "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                f"{_OFFICE}.wordprocessingml.document",
                f"{_OFFICE}.spreadsheetml.sheet",
                f"{_OFFICE}.presentationml.presentation",
            }
        ),
        100 * _MB,
    ),
}
MAX_STILL_STICKER = 100 * _KB

ENDINGS = {
    "audio/aac": (".aac",),
    "audio/amr": (".amr",),
    "audio/mpeg": (".mp3",),
    "audio/mp4": (".m4a", ".mp4"),
    "audio/ogg": (".ogg",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "video/mp4": (".mp4",),
    "video/3gpp": (".3gp", ".3gpp"),
    "text/plain": (".txt",),
    "application/pdf": (".pdf",),
    "application/msword": (".doc",),
    "application/vnd.ms-excel": (".xls",),
    "application/vnd.ms-powerpoint": (".ppt",),
    f"{_OFFICE}.wordprocessingml.document": (".docx",),
    f"{_OFFICE}.spreadsheetml.sheet": (".xlsx",),
    f"{_OFFICE}.presentationml.presentation": (".pptx",),
}
"""Extensions that Meta recognizes for each type. A file with another extension gets the first one."""
OTHER_ENDINGS = frozenset({".opus", ".oga", ".jfif", ".jpe", ".mpga", ".m4b", ".m4v", ".mpeg", ".3g2"})
"""Extensions of these types that Meta does not recognize. They are replaced. Any other extension stays, and one is added."""

_OGG = b"OggS"
_FIRST_PACKET = 28
"""Offset of the first packet in an Ogg stream: after the page header and its one segment length (RFC 3533)."""
_OPUS = b"OpusHead"
_WEBP_FLAGS = 20
HEAD = 64
"""Bytes of a file that `check_content` needs."""


def fitting_kind(mime_type: str) -> str | None:
    """Returns the kind of message for a file of this type, None if there is none."""
    plain = _plain(mime_type)
    return next((kind for kind, limit in MEDIA_LIMITS.items() if plain in limit.mime_types), None)


def check_media(kind: str, mime_type: str, size: int) -> None:
    """Raises InvalidMessage if WhatsApp does not accept a file of this type and `size` in bytes as a message of this kind."""
    limit = MEDIA_LIMITS[kind]
    if _plain(mime_type) not in limit.mime_types:
        types = ", ".join(sorted(limit.mime_types))
        raise _refused(_("WhatsApp does not take this type of file here, only: %(limit)s."), types)
    if _plain(mime_type) == "audio/ogg" and _codec(mime_type) not in ("", "opus"):
        raise _refused(OPUS_ONLY)
    if size <= 0:
        raise _refused(_("The file is empty."))
    if size > limit.most:
        raise _refused(_("The file may have at most %(limit)s."), _size_words(limit.most))


OPUS_ONLY = _("WhatsApp plays Ogg audio with the Opus codec only. Save it as MP3 or M4A and send that.")


def check_content(mime_type: str, head: bytes, size: int) -> None:
    """Raises InvalidMessage if WhatsApp does not accept the content of a file of this type. `head` is its beginning, `size` its
    bytes. Ogg must be Opus, and stickers that are not animated must be small (docs/meta-platform.md 8.3)."""
    plain = _plain(mime_type)
    if plain == "audio/ogg" and head.startswith(_OGG) and not head[_FIRST_PACKET:].startswith(_OPUS):
        raise _refused(OPUS_ONLY)
    if plain == "image/webp" and size > MAX_STILL_STICKER and not _is_animated(head):
        raise _refused(_("A sticker that does not move may have at most %(limit)s."), _size_words(MAX_STILL_STICKER))


def _is_animated(head: bytes) -> bool:
    """Reads the flag in the extended header of a WebP file (RFC 9649, 2.7)."""
    return head[12:16] == b"VP8X" and len(head) > _WEBP_FLAGS and bool(head[_WEBP_FLAGS] & 0x02)


def fitting_name(name: str, mime_type: str) -> str:
    """Returns the file's name with an extension by which Meta and the customer's phone recognize its type."""
    endings = ENDINGS.get(_plain(mime_type), ())
    ending = PurePath(name).suffix
    if not name or not endings or ending.lower() in endings:
        return name
    stem = name.removesuffix(ending) if ending.lower() in OTHER_ENDINGS else name
    return stem + endings[0]


def _refused(words: str, limit: str = "") -> InvalidMessage:
    return InvalidMessage("file", words, limit=limit, code=MEDIA_REFUSED)


def _plain(mime_type: str) -> str:
    """Returns the type without parameters such as the codec."""
    return mime_type.partition(";")[0].strip().lower()


def _codec(mime_type: str) -> str:
    """Returns the codec in the type, empty if there is none."""
    _type, _semicolon, parameters = mime_type.lower().partition("codecs=")
    return parameters.partition(";")[0].strip(" \"'")


def _size_words(size: int) -> str:
    return f"{size // _MB} MB" if size >= _MB else f"{size // _KB} KB"
