"""Small pictures of pictures, for conversations.

A picture is opened within the bounds of `picture_bounds`, and one at a time in each process, web and worker alike, always in the
same thread: how many people send at once does not decide how much memory the process takes.
"""

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

from PIL import Image, ImageOps, PngImagePlugin

from chats.media.decoding_slots import PICTURE_SLOTS
from chats.media.picture_limits import MAX_BYTES, MAX_PIXELS, has_few_parts, is_small_enough

MAX_SIDE = 480
"""Pixels of the longer side."""
FORMATS = ("JPEG", "PNG", "WEBP")
QUALITY = 78
TURNED = range(5, 9)
"""Values of EXIF's orientation with which width and height change places."""
ORIENTATION = 0x0112
DECODER = ThreadPoolExecutor(1, thread_name_prefix="pictures")
"""The C library keeps memory that was freed for the thread that had it: each thread that decodes would keep a hundred megabytes."""

UNREADABLE = (
    *(OSError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""What Pillow raises for pictures that are none, or none that it can read."""

Image.MAX_IMAGE_PIXELS = max(MAX_PIXELS.values())
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 2**20
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP without metadata; `width` and `height` are the whole picture's, as it is looked at."""

    content: bytes
    width: int
    height: int
    is_animated: bool = False
    """Whether the whole picture moves."""
    plain_png: bytes = b""
    """Of a PNG that was to be made plain: the whole picture in 8 bits, RGB or RGBA."""


def make_thumbnail(file: IO[Any], *, make_plain: bool = False) -> Thumbnail | None:
    """None if the file is no picture that can be shown, or too large a one. Raises DecodersBusy. With `make_plain` the picture
    is a PNG, and given in plain colours too."""
    file.seek(0)
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES or not has_few_parts(content):
        return None
    with PICTURE_SLOTS.taken():
        return DECODER.submit(_decoded, content, make_plain=make_plain).result()


def _decoded(content: bytes, *, make_plain: bool) -> Thumbnail | None:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return _small(picture, make_plain=make_plain) if is_small_enough(picture, content) else None
    except UNREADABLE:
        return None


def _small(picture: Image.Image, *, make_plain: bool) -> Thumbnail:
    width, height = picture.size
    is_animated = bool(getattr(picture, "is_animated", False))
    plain = _plain(picture) if make_plain else b""
    _decode_in_small(picture)
    if picture.getexif().get(ORIENTATION) in TURNED:
        width, height = height, width
    shown = picture.convert("RGB") if picture.mode.startswith("I") else picture  # Pillow makes no picture in 16 bits small
    shown.thumbnail((MAX_SIDE, MAX_SIDE))
    upright = ImageOps.exif_transpose(shown)
    drawn = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    small = io.BytesIO()
    drawn.save(small, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return Thumbnail(small.getvalue(), width, height, is_animated, plain)


def _decode_in_small(picture: Image.Image) -> None:
    """A JPEG, whatever its shape. Pillow's own `thumbnail` looks at the shorter side, and would decode a long strip whole."""
    longest = max(picture.size)
    wanted = [max(1, side * 2 * MAX_SIDE // longest) for side in picture.size]
    if longest > 2 * MAX_SIDE:
        picture.draft(None, (wanted[0], wanted[1]))


def _plain(picture: Image.Image) -> bytes:
    plain = io.BytesIO()
    picture.convert("RGBA" if picture.has_transparency_data else "RGB").save(plain, "PNG")
    return plain.getvalue()
