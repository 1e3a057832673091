"""Which pictures may be decoded. A file of some kilobytes may need gigabytes of memory, or keep a decoder busy for minutes."""

import re

from PIL import Image

MAX_BYTES = 8 * 2**20
"""Of a file that is opened. WhatsApp's limit for images is 5 MB (docs/meta-platform.md 8.3)."""
MAX_PIXELS = {"JPEG": 100_000_000, "MPO": 100_000_000, "PNG": 25_000_000, "WEBP": 4_000_000}
"""By Pillow's format. A JPEG with one scan is decoded at about the size that is needed. Others are decoded at full size: a pixel
takes 4 bytes in a PNG, and 12 in a WebP. Photos of phones have 12 to 50 million pixels, as JPEG. A sticker has 512 × 512."""
MAX_PIXELS_AT_FULL_SIZE = 25_000_000
"""Of a JPEG that cannot be decoded at a reduced size: one with several scans, which keeps up to 6 bytes a pixel until the last
scan, or one with other colours than a camera's."""
MAX_SCANS = 40
"""The decoder processes the whole picture in each scan. Progressive JPEGs have about ten."""
MAX_PARTS = 20_000
"""Segments of a JPEG, or chunks of a PNG. The decoder reads them one by one."""

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
"""Starts a segment of a JPEG. Other values after 0xFF are part of a scan's data."""
_START_OF_SCAN, _END = 0xDA, 0xD9


def has_few_parts(content: bytes) -> bool:
    """Returns whether a JPEG or PNG has few enough parts. Must be called before the file is opened."""
    if content.startswith(_PNG):
        return _count_chunks(content) <= MAX_PARTS
    return not content.startswith(_JPEG) or count_scans(content) <= MAX_SCANS


def is_small_enough(picture: Image.Image, content: bytes) -> bool:
    """Returns whether a picture that is opened, but not decoded yet, is small enough to be decoded."""
    pixels, file_format = picture.width * picture.height, picture.format or ""
    if pixels > MAX_PIXELS[file_format]:
        return False
    can_be_reduced = picture.mode in ("L", "RGB") and count_scans(content) == 1
    return file_format not in ("JPEG", "MPO") or can_be_reduced or pixels <= MAX_PIXELS_AT_FULL_SIZE


def count_scans(content: bytes) -> int:
    """Returns how many scans a JPEG has; more than MAX_SCANS if it has too many segments. Thumbnails in its metadata do not
    count."""
    position, count = 2, 0
    for _ in range(MAX_PARTS):
        marker = _MARKER.search(content, position)
        if marker is None or content[marker.start() + 1] == _END:
            return count
        count += content[marker.start() + 1] == _START_OF_SCAN
        position = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])
    return MAX_SCANS + 1


def _count_chunks(content: bytes) -> int:
    """Returns how many chunks a PNG has. Stops counting beyond MAX_PARTS."""
    position, count = 8, 0
    while position < len(content) and count <= MAX_PARTS:
        position += 12 + int.from_bytes(content[position : position + 4])
        count += 1
    return count
