"""What files are called. A sender's name for a file is shown and offered, and never a path in the storage."""

import re
import unicodedata

MAX_LENGTH = 255
MAX_CHARACTERS_READ = 2_000
"""Characters of a name that are looked at."""
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
"""Categories of Unicode with what would break a header or turn a name around: control, bidi, surrogates, line ends."""
_SEPARATOR = re.compile(r"[/\\]")


def clean_name(name: str) -> str:
    """The name without path, control and bidi characters, at most 255 long with its ending kept; empty if nothing is left."""
    if len(name) > MAX_CHARACTERS_READ:  # to order many accents on one letter takes the square of their number
        name = name[: MAX_CHARACTERS_READ // 2] + name[-MAX_CHARACTERS_READ // 2 :]
    visible = "".join(each for each in unicodedata.normalize("NFC", name) if unicodedata.category(each) not in _INVISIBLE)
    last = " ".join(_SEPARATOR.split(visible)[-1].split()).strip(". ")
    if len(last) <= MAX_LENGTH:
        return last
    stem, dot, ending = last.rpartition(".")
    kept = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
    return last[: MAX_LENGTH - len(kept)] + kept


def submitted_name(name: str) -> str:
    """The name of a file that came in a form. Browsers escape quotation marks there (WHATWG HTML, multipart/form-data)."""
    return name.replace("%22", '"')


def offered_name(file_name: str, kind: str, mime_type: str) -> str:
    """What the file is saved as: the sender's name for it, or one of its kind."""
    return clean_name(file_name) or f"{clean_name(kind) or 'file'}{EXTENSIONS.get(mime_type, '')}"
