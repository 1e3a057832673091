"""Small pictures of pictures, for conversations."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image, ImageOps

LARGEST = 480
"""Pixels of the longer side."""
MOST_PIXELS = 60_000_000
"""A picture with more is not opened: a small file may claim as many as it likes."""
FORMATS = ("JPEG", "PNG", "WEBP")
QUALITY = 78
TURNED = range(5, 9)
"""Values of EXIF's orientation with which width and height change places."""
ORIENTATION = 0x0112

UNREADABLE = (
    *(OSError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""What Pillow raises for pictures that are none, or none that it can read."""

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP without metadata; `width` and `height` are the whole picture's, as it is looked at."""

    content: bytes
    width: int
    height: int


def thumbnail_of(file: IO[Any]) -> Thumbnail | None:
    """None if the file is no picture that can be shown, or too large a one."""
    try:
        file.seek(0)
        with Image.open(file, formats=FORMATS) as picture:
            return _small(picture)
    except UNREADABLE:
        return None


def _small(picture: Image.Image) -> Thumbnail:
    width, height = picture.size
    if picture.getexif().get(ORIENTATION) in TURNED:
        width, height = height, width
    picture.thumbnail((LARGEST, LARGEST))
    upright = ImageOps.exif_transpose(picture)
    drawn = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    small = io.BytesIO()
    drawn.save(small, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return Thumbnail(small.getvalue(), width, height)
