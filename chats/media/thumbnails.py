"""Thumbnails of pictures, for conversations.

A picture is decoded within the limits of `picture_limits`. Each process, web or worker, decodes one picture at a time, always in
the same thread, so its memory does not depend on how many people send pictures at once.
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
ROTATED = range(5, 9)
"""Values of EXIF's orientation that swap width and height."""
ORIENTATION = 0x0112
DECODER = ThreadPoolExecutor(1, thread_name_prefix="pictures")
"""One thread, because the C library keeps freed memory for the thread that used it, about a hundred megabytes a thread."""

UNREADABLE = (
    *(OSError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, MemoryError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""What Pillow raises for files that are no picture, or that it cannot read."""

Image.MAX_IMAGE_PIXELS = max(MAX_PIXELS.values())
PngImagePlugin.MAX_TEXT_MEMORY = 4 * 2**20
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP without metadata. `width` and `height` are those of the original picture, upright."""

    content: bytes
    width: int
    height: int
    is_animated: bool = False
    """Whether the original is an animation."""
    plain_png: bytes = b""
    """The original as PNG with 8 bits a channel, RGB or RGBA, if that was asked for."""


def make_thumbnail(file: IO[Any], *, with_plain_png: bool = False) -> Thumbnail | None:
    """Returns the thumbnail of a picture; None if the file is no picture that can be decoded, or is too large. The file must be a
    PNG for `with_plain_png`. Raises DecodersBusy."""
    file.seek(0)
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES or not has_few_parts(content):
        return None
    with PICTURE_SLOTS.reserve():
        return DECODER.submit(_decode, content, with_plain_png=with_plain_png).result()


def _decode(content: bytes, *, with_plain_png: bool) -> Thumbnail | None:
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return _reduce(picture, with_plain_png=with_plain_png) if is_small_enough(picture, content) else None
    except UNREADABLE:
        return None


def _reduce(picture: Image.Image, *, with_plain_png: bool) -> Thumbnail:
    width, height = picture.size
    is_animated = bool(getattr(picture, "is_animated", False))
    plain_png = _plain_png(picture) if with_plain_png else b""
    _set_reduced_size(picture)
    if picture.getexif().get(ORIENTATION) in ROTATED:
        width, height = height, width
    reduced = picture.convert("RGB") if picture.mode.startswith("I") else picture  # Pillow cannot reduce 16 bits a channel
    reduced.thumbnail((MAX_SIDE, MAX_SIDE))
    upright = ImageOps.exif_transpose(reduced)
    converted = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    content = io.BytesIO()
    converted.save(content, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return Thumbnail(content.getvalue(), width, height, is_animated, plain_png)


def _set_reduced_size(picture: Image.Image) -> None:
    """Makes a JPEG decode at a reduced size, whatever its proportions."""
    # Pillow's own `thumbnail` considers the shorter side, and would decode a long strip at full size.
    longest = max(picture.size)
    size = [max(1, side * 2 * MAX_SIDE // longest) for side in picture.size]
    if longest > 2 * MAX_SIDE:
        picture.draft(None, (size[0], size[1]))


def _plain_png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.convert("RGBA" if picture.has_transparency_data else "RGB").save(content, "PNG")
    return content.getvalue()
