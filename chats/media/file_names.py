"""Names of files. The name that a sender gave is displayed and offered for saving. It is never a path in the storage."""

import re
import unicodedata

MAX_LENGTH = 255
MAX_CHARACTERS_READ = 2_000
"""More characters of a name are ignored."""
EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories of characters that break a header or reverse a name: control, bidi, surrogates, line ends."""
_SEPARATOR = re.compile(r"[/\\]")


def clean_name(name: str) -> str:
    """Returns the name without path, control and bidi characters, at most 255 characters long with its suffix kept. Returns an
    empty string if nothing is left."""
    if len(name) > MAX_CHARACTERS_READ:  # NFC takes quadratic time if many accents are on one letter
        name = name[: MAX_CHARACTERS_READ // 2] + name[-MAX_CHARACTERS_READ // 2 :]
    visible = "".join(each for each in unicodedata.normalize("NFC", name) if unicodedata.category(each) not in _INVISIBLE)
    last = " ".join(_SEPARATOR.split(visible)[-1].split()).strip(". ")
    if len(last) <= MAX_LENGTH:
        return last
    stem, dot, extension = last.rpartition(".")
    suffix = f"{dot}{extension}" if stem and len(extension) <= 10 else ""
    return last[: MAX_LENGTH - len(suffix)] + suffix


def submitted_name(name: str) -> str:
    """Returns the name of a file from a form. Browsers escape quotation marks there (WHATWG HTML, multipart/form-data)."""
    return name.replace("%22", '"')


def offered_name(file_name: str, kind: str, mime_type: str) -> str:
    """Returns the name under which a browser saves the file: the sender's name, or one made from kind and type."""
    return clean_name(file_name) or f"{clean_name(kind) or 'file'}{EXTENSIONS.get(mime_type, '')}"
