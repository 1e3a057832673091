"""What a browser records, as WhatsApp takes voice notes: Opus in Ogg, mono (docs/meta-platform.md 8.3)."""

import io
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO, Any

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from django.utils.translation import gettext_noop as _

from chats.media.decoding_slots import RECORDING_SLOTS
from chats.media.file_types import HEAD, detect_type
from cloud_api.messages import InvalidMessage

MAX_SECONDS = 30 * 60
"""Seconds."""
MAX_BYTES = 64 * 2**20
"""Of what was recorded: browsers take 16 to 32 KB a second of sound at most."""
MOST_WORK = 120.0
"""Seconds that one recording may keep the hub busy. Half an hour takes about 20 on one core."""
RATE = 48_000
BITS_PER_SECOND = 32_000
CONTAINERS = {"video/webm": "matroska", "audio/ogg": "ogg", "audio/mp4": "mp4", "video/mp4": "mp4"}
"""What browsers record in, by the file's first bytes. Never guessed by FFmpeg, some of whose formats open other files."""
CODECS = frozenset({"opus", "vorbis", "aac"})
"""What browsers record with. Others, such as FLAC, pack hours of silence into nothing."""
MOST_CHANNELS = 2
MOST_STREAMS = "4"
"""A recording has one, or a second one of pictures."""

UNREADABLE = _("The recording cannot be read. Record it again.")
TOO_LONG = _("A voice message may have at most %(limit)s minutes.")


def make_voice_note(recording: IO[Any]) -> bytes:
    """The recording as a voice note. Raises InvalidMessage if it cannot be read or is too long, and DecodersBusy."""
    recording.seek(0)
    container = CONTAINERS.get(detect_type(recording.read(HEAD)))
    if container is None:
        raise InvalidMessage("file", UNREADABLE)
    if recording.seek(0, io.SEEK_END) > MAX_BYTES:
        raise InvalidMessage("file", TOO_LONG, limit=MAX_SECONDS // 60)
    with RECORDING_SLOTS.taken():
        try:
            return _converted(recording, container)
        except InvalidMessage:
            raise
        except (av.FFmpegError, ValueError, LookupError, ArithmeticError, MemoryError):
            raise InvalidMessage("file", UNREADABLE) from None


def _converted(recording: IO[Any], container: str) -> bytes:
    """A live recording does not say how long it is: it is decoded once to find out, which costs little beside encoding it."""
    deadline = time.monotonic() + MOST_WORK
    with _opened(recording, container) as source:
        if not sum(frame.samples for frame in _frames(source, deadline)):
            raise InvalidMessage("file", UNREADABLE)
    note = io.BytesIO()
    with _opened(recording, container) as source, av.open(note, "w", format="ogg") as target:
        _encode(_frames(source, deadline), target)
    return note.getvalue()


def _opened(recording: IO[Any], container: str) -> InputContainer:
    recording.seek(0)
    return av.open(recording, "r", format=container, container_options={"max_streams": MOST_STREAMS})


def _frames(source: InputContainer, deadline: float) -> Iterator[AudioFrame]:
    """The sound, as far as it is what a browser records. Raises InvalidMessage for other sound, before anything is made of it."""
    stream = source.streams.audio[0]
    if stream.codec_context.name not in CODECS:
        raise InvalidMessage("file", UNREADABLE)
    seconds = 0.0
    for frame in source.decode(stream):
        if not 8_000 <= frame.sample_rate <= 96_000 or frame.layout.nb_channels > MOST_CHANNELS:
            raise InvalidMessage("file", UNREADABLE)
        seconds += frame.samples / frame.sample_rate
        if seconds > MAX_SECONDS or time.monotonic() > deadline:
            raise InvalidMessage("file", TOO_LONG, limit=MAX_SECONDS // 60)
        yield frame


def _encode(frames: Iterable[AudioFrame], target: OutputContainer) -> None:
    said = target.add_stream("libopus", rate=RATE, layout="mono", options={"compression_level": "5"})
    said.bit_rate = BITS_PER_SECOND
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in chain(frames, [None]):
        for resampled in resampler.resample(frame):
            target.mux(said.encode(resampled))
    target.mux(said.encode(None))
