"""Converts recordings of browsers into voice notes as WhatsApp accepts them: Opus in Ogg, mono (docs/meta-platform.md 8.3)."""

import io
import time
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as _

from chats.media.decoding_slots import RECORDING_SLOTS
from chats.media.file_types import HEAD, detect_type
from cloud_api.messages import InvalidMessage

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer, OutputContainer

MAX_SECONDS = 30 * 60
MAX_BYTES = 64 * 2**20
"""Of a recording. Browsers record at most 16 to 32 KB a second."""
MAX_CONVERSION_SECONDS = 120.0
"""Half an hour of sound takes about 20 seconds on one core."""
RATE = 48_000
BITS_PER_SECOND = 32_000
CONTAINERS = {"video/webm": "matroska", "audio/ogg": "ogg", "audio/mp4": "mp4", "video/mp4": "mp4"}
"""FFmpeg's names of the formats in which browsers record. FFmpeg must not guess: some of its formats open other files."""
CODECS = frozenset({"opus", "vorbis", "aac"})
"""Codecs of browsers. Others, such as FLAC, compress hours of silence into some bytes."""
MAX_CHANNELS = 2
MAX_STREAMS = "4"
"""A recording has one stream of sound, and perhaps one of pictures."""

UNREADABLE = _("The recording cannot be read. Record it again.")
TOO_LONG = _("A voice message may have at most %(limit)s minutes.")


@cache
def _ffmpeg() -> Any:
    """Returns the package `av`. The first recording loads it, because it takes 17 MB of memory in each process."""
    return import_module("av")


def make_voice_note(recording: IO[Any]) -> bytes:
    """Returns the recording as a voice note. Raises InvalidMessage if it cannot be read or is too long, and DecodersBusy."""
    recording.seek(0)
    container = CONTAINERS.get(detect_type(recording.read(HEAD)))
    if container is None:
        raise InvalidMessage("file", UNREADABLE)
    if recording.seek(0, io.SEEK_END) > MAX_BYTES:
        raise InvalidMessage("file", TOO_LONG, limit=MAX_SECONDS // 60)
    with RECORDING_SLOTS.reserve():
        try:
            return _convert(recording, container)
        except InvalidMessage:
            raise
        except (_ffmpeg().FFmpegError, ValueError, LookupError, ArithmeticError, MemoryError):
            raise InvalidMessage("file", UNREADABLE) from None


def _convert(recording: IO[Any], container: str) -> bytes:
    deadline = time.monotonic() + MAX_CONVERSION_SECONDS
    # A live recording does not contain its length. Decoding it once to find out costs little in comparison with encoding.
    with _open(recording, container) as source:
        if not sum(frame.samples for frame in _frames(source, deadline)):
            raise InvalidMessage("file", UNREADABLE)
    note = io.BytesIO()
    with _open(recording, container) as source, _ffmpeg().open(note, "w", format="ogg") as target:
        _encode(_frames(source, deadline), target)
    return note.getvalue()


def _open(recording: IO[Any], container: str) -> "InputContainer":
    recording.seek(0)
    source: InputContainer = _ffmpeg().open(recording, "r", format=container, container_options={"max_streams": MAX_STREAMS})
    return source


def _frames(source: "InputContainer", deadline: float) -> "Iterator[AudioFrame]":
    """Yields the frames of sound. Raises InvalidMessage if a browser would not record such sound, or if it is too long."""
    stream = source.streams.audio[0]
    if stream.codec_context.name not in CODECS:
        raise InvalidMessage("file", UNREADABLE)
    seconds = 0.0
    for frame in source.decode(stream):
        if not 8_000 <= frame.sample_rate <= 96_000 or frame.layout.nb_channels > MAX_CHANNELS:
            raise InvalidMessage("file", UNREADABLE)
        seconds += frame.samples / frame.sample_rate
        if seconds > MAX_SECONDS or time.monotonic() > deadline:
            raise InvalidMessage("file", TOO_LONG, limit=MAX_SECONDS // 60)
        yield frame


def _encode(frames: "Iterable[AudioFrame]", target: "OutputContainer") -> None:
    stream = target.add_stream("libopus", rate=RATE, layout="mono", options={"compression_level": "5"})
    stream.bit_rate = BITS_PER_SECOND
    resampler = _ffmpeg().AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in chain(frames, [None]):
        for resampled in resampler.resample(frame):
            target.mux(stream.encode(resampled))
    target.mux(stream.encode(None))
