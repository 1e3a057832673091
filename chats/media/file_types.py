"""The type of a file by its first bytes. The type that a sender states, and the suffix of the name, may be wrong.

Written by hand: of the same bytes, puremagic 1.30 calls HEIC, AVIF, 3GP and M4A files MP4 videos, and a text that begins with "BM"
a picture.
"""

HEAD = 64
"""How many bytes `detect_type` needs."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"#!AMR", "audio/amr"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
_BRANDS = (
    (b"M4A", "audio/mp4"),
    (b"M4B", "audio/mp4"),
    (b"3g", "video/3gpp"),
    (b"qt", "video/quicktime"),
    (b"hei", "image/heic"),
    (b"hev", "image/heic"),
    (b"mif1", "image/heic"),
    (b"msf1", "image/heic"),
    (b"avi", "image/avif"),
)
"""How the brand of an ISO base media file (ISO 14496-12) begins. Files of other brands are videos."""


def detect_type(head: bytes) -> str:
    """Returns the MIME type of a file that begins with `head`; an empty string if it is not recognized, such as that of texts."""
    for signature, mime_type in _SIGNATURES:
        if head.startswith(signature):
            return mime_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return next((mime_type for brand, mime_type in _BRANDS if head[8:12].startswith(brand)), "video/mp4")
    return _audio_type(head)


def _audio_type(head: bytes) -> str:
    """Returns the type of audio without a container, which begins with a frame; an empty string if it is none."""
    # The sync word: 11 or 12 bits set, then the layer, which is 0 in AAC and 1 in MP3.
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return ""
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    return "audio/mpeg" if head[1] & 0x06 == 0x02 else ""
