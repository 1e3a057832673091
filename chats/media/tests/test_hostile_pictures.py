"""Pictures that would cost much more than they weigh: small files, within or beyond the bounds, in a process that is measured."""

import io
import json
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, PngImagePlugin

from chats.media.decoding_slots import PICTURE_SLOTS, DecodersBusy
from chats.media.picture_limits import MAX_PARTS, MAX_PIXELS, MAX_SCANS
from chats.media.submitted_files import read_submitted_file
from chats.media.tests.media_at_meta import picture
from chats.media.thumbnails import make_thumbnail
from cloud_api.messages import InvalidMessage

ROOT = Path(__file__).resolve().parents[3]
SECONDS, MEGABYTES = 6.0, 350
"""More than any picture may cost on a machine that is busy with tests. The PNG of 60 million pixels once took 300 MB, and eight of
them 2.7 GB."""
MEASURE = """
import io, json, os, resource, sys, threading, time
from chats.media.thumbnails import make_thumbnail
content, before, seen = sys.stdin.buffer.read(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
def open_it():
    started = time.process_time()
    small = make_thumbnail(io.BytesIO(content), with_plain_png=content.startswith(b"\\x89PNG"))
    seen.append((time.process_time() - started, small and (small.width, small.height)))
threads = [threading.Thread(target=open_it) for _ in range(int(sys.argv[1]))]
[each.start() for each in threads]
[each.join() for each in threads]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": max(each for each, _ in seen), "size": seen[0][1], "megabytes": (after - before) / 1024}))
"""


def cost_of(content: bytes, *, at_once: int = 1) -> dict[str, Any]:
    """Processor seconds of the slowest, the picture's size, and how many megabytes all took."""
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, str(at_once)],
        input=content,
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=120,
    )
    return json.loads(measured.stdout)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *, colour: int = 2, depth: int = 8, more: bytes = b"") -> bytes:
    """Black, and so a thousandth of what it becomes. `colour`: 0 grey, 2 RGB, 3 palette, 6 RGBA."""
    packer = zlib.compressobj(9)
    row = bytes(1 + width * {0: 1, 2: 3, 3: 1, 6: 4}[colour] * depth // 8)
    content = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + header + palette + more + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, **options: object) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(content, "JPEG", **options)
    return content.getvalue()


def webp(width: int, height: int, **options: object) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(content, "WEBP", lossless=True, method=0, **options)
    return content.getvalue()


BEYOND = {
    "60 million pixels": lambda: png(10_000, 6_000),
    "a palette": lambda: png(6_000, 5_000, colour=3),
    "one line": lambda: png(30_000_000, 1),
    "a WebP": lambda: webp(4_000, 4_000),
    "a progressive JPEG": lambda: jpeg(6_000, 5_000, progressive=True),
    "a JPEG": lambda: jpeg(12_000, 9_000),
    "many scans": lambda: scans(MAX_SCANS + 1),
    "many chunks": lambda: png(10, 10, more=chunk(b"aaAa", b"") * MAX_PARTS),
    "many segments": lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * MAX_PARTS + jpeg(10, 10)[2:],
    "a text that unpacks": lambda: png(10, 10, more=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000)))),
}
WITHIN = {
    "a PNG": (lambda: png(5_000, 5_000), [5_000, 5_000]),
    "a transparent PNG": (lambda: png(5_000, 5_000, colour=6), [5_000, 5_000]),
    "a PNG in 16 bits": (lambda: png(5_000, 5_000, colour=6, depth=16), [5_000, 5_000]),
    "a grey PNG in 16 bits": (lambda: png(5_000, 5_000, colour=0, depth=16), [5_000, 5_000]),
    "a palette": (lambda: png(5_000, 5_000, colour=3), [5_000, 5_000]),
    "one line": (lambda: png(20_000_000, 1), [20_000_000, 1]),
    "a phone's 50 million pixels": (lambda: with_thumbnail(jpeg(8_160, 6_120)), [8_160, 6_120]),
    "a progressive JPEG": (lambda: jpeg(5_000, 4_000, progressive=True), [5_000, 4_000]),
    "a sticker of many frames": (lambda: frames(300), [512, 512]),
}


def scans(count: int) -> bytes:
    """A progressive JPEG that ends in the same scan again and again."""
    content = jpeg(2_000, 2_000, progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * count + content[-2:]


def with_thumbnail(content: bytes) -> bytes:
    """As cameras put a small JPEG into the metadata of a large one."""
    small = b"Exif\0\0" + jpeg(160, 120)
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(small) + 2) + small + content[2:]


def frames(count: int) -> bytes:
    pictures = [Image.new("RGB", (512, 512), (each % 256, each // 256, 0)) for each in range(count)]
    content = io.BytesIO()
    pictures[0].save(content, "WEBP", save_all=True, append_images=pictures[1:], method=0)
    return content.getvalue()


@pytest.mark.parametrize("name", BEYOND)
def test_a_picture_beyond_the_limits_costs_little(name) -> None:
    cost = cost_of(BEYOND[name]())
    assert cost["size"] is None
    assert cost["seconds"] < 1.0
    assert cost["megabytes"] < 60


@pytest.mark.parametrize("name", WITHIN)
def test_a_picture_within_the_limits_is_reduced_at_a_limited_cost(name) -> None:
    make, size = WITHIN[name]
    cost = cost_of(make())
    assert cost["size"] == size
    assert cost["seconds"] < SECONDS
    assert cost["megabytes"] < MEGABYTES


@pytest.mark.parametrize("size", [(65_500, 1_500), (1_500, 65_500)])
def test_a_long_jpeg_is_decoded_at_a_reduced_size(size) -> None:
    assert cost_of(jpeg(*size))["megabytes"] < 60


def test_six_at_once_take_no_more_memory_than_one() -> None:
    cost = cost_of(png(5_000, 5_000, colour=6, depth=16), at_once=6)
    assert cost["size"] == [5_000, 5_000]
    assert cost["megabytes"] < MEGABYTES


def test_one_pixel_more_than_the_limit_is_too_many() -> None:
    assert make_thumbnail(io.BytesIO(png(MAX_PIXELS["PNG"], 1)))
    assert make_thumbnail(io.BytesIO(png(MAX_PIXELS["PNG"] + 1, 1))) is None


@pytest.fixture
def impatient() -> Iterator[None]:
    """Another picture has the slot, and callers do not wait for it."""
    timeout, PICTURE_SLOTS.timeout = PICTURE_SLOTS.timeout, 0.01
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with PICTURE_SLOTS.reserve():
            held.set()
            done.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    yield
    done.set()
    holder.join()
    PICTURE_SLOTS.timeout = timeout


def test_a_caller_that_waits_too_long_gets_an_error(impatient) -> None:
    with pytest.raises(DecodersBusy):
        make_thumbnail(io.BytesIO(picture()))
    with pytest.raises(InvalidMessage, match="busy with other files"):
        read_submitted_file(SimpleUploadedFile("a.jpg", picture(), "image/jpeg"))


def test_a_picture_that_cannot_be_decoded_releases_its_slot() -> None:
    for _ in range(3):
        assert make_thumbnail(io.BytesIO(picture()[:300])) is None
    assert make_thumbnail(io.BytesIO(picture()))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "content",
    [
        *(picture(kind=kind)[:length] for kind in ("JPEG", "PNG", "WEBP") for length in (3, 11, 40, 120)),
        b"\xff\xd8\xff",
        b"\xff\xd8" + b"\xff\xe0\xff\xff" * 10,
        b"\x89PNG\r\n\x1a\n" + b"\xff" * 100,
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 100,
        png(10, 10, more=chunk(b"eXIf", b"MM\0*" + b"\xff" * 100)),
    ],
)
def test_a_truncated_or_broken_picture_has_a_thumbnail_or_none(content) -> None:
    assert make_thumbnail(io.BytesIO(content)) is None or content.startswith(b"\x89PNG")


def test_the_texts_of_a_png_are_limited() -> None:
    content, words = io.BytesIO(), PngImagePlugin.PngInfo()
    words.add_text("Comment", "tirada em casa " * 1_000, zip=True)
    Image.new("RGB", (10, 10)).save(content, "PNG", pnginfo=words)
    assert make_thumbnail(content)
