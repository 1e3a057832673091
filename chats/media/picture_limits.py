"""Which pictures may be opened: a file of kilobytes may hold a picture of gigabytes, or keep a decoder busy for minutes."""

import re

from PIL import Image

MAX_BYTES = 8 * 2**20
"""Of a file that is opened. WhatsApp takes and gives images of 5 MB (docs/meta-platform.md 8.3)."""
MAX_PIXELS = {"JPEG": 100_000_000, "MPO": 100_000_000, "PNG": 25_000_000, "WEBP": 4_000_000}
"""By Pillow's format. A JPEG in one scan is decoded at about the size that is needed, the others as they are: a pixel takes 4 bytes
of a PNG, and 12 of a WebP. Phones take pictures of 12 to 50 million pixels, as JPEG; a sticker has 512 × 512."""
MAX_PIXELS_AT_FULL_SIZE = 25_000_000
"""Of a JPEG that cannot be decoded in small: one in several scans, of which up to 6 bytes a pixel are kept until the last one, or
in other colours than a camera's."""
MAX_SCANS = 40
"""Each is a walk through the whole picture. Progressive JPEGs have about ten."""
MAX_PARTS = 20_000
"""Segments of a JPEG, or chunks of a PNG: the decoder reads each by itself."""

_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
"""Of a segment of a JPEG. The others stand within a scan's data."""
_START_OF_SCAN, _END = 0xDA, 0xD9


def has_few_parts(content: bytes) -> bool:
    """Whether a JPEG or PNG has no more parts than a picture needs. To be asked before the file is opened."""
    if content.startswith(_PNG):
        return _chunks(content) <= MAX_PARTS
    return not content.startswith(_JPEG) or count_scans(content) <= MAX_SCANS


def is_small_enough(picture: Image.Image, content: bytes) -> bool:
    """Whether a picture that was opened, and not read yet, may be decoded."""
    pixels, shape = picture.width * picture.height, picture.format or ""
    if pixels > MAX_PIXELS[shape]:
        return False
    is_decoded_small = picture.mode in ("L", "RGB") and count_scans(content) == 1
    return shape not in ("JPEG", "MPO") or is_decoded_small or pixels <= MAX_PIXELS_AT_FULL_SIZE


def count_scans(content: bytes) -> int:
    """Scans of a JPEG; more than MOST_SCANS if it has too many segments. Those of thumbnails in its metadata do not count."""
    place, count = 2, 0
    for _ in range(MAX_PARTS):
        marker = _MARKER.search(content, place)
        if marker is None or content[marker.start() + 1] == _END:
            return count
        count += content[marker.start() + 1] == _START_OF_SCAN
        place = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])
    return MAX_SCANS + 1


def _chunks(content: bytes) -> int:
    """Chunks of a PNG; beyond MOST_PARTS they are not counted on."""
    place, count = 8, 0
    while place < len(content) and count <= MAX_PARTS:
        place += 12 + int.from_bytes(content[place : place + 4])
        count += 1
    return count
