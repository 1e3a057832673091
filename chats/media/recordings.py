"""What a browser records, as WhatsApp takes voice notes: Opus in Ogg, mono (reference 8.3)."""

import io
from itertools import chain
from typing import IO, Any

import av
from av.container import InputContainer, OutputContainer
from django.utils.translation import gettext_noop as _

from chats.media.sniffing import HEAD, sniffed
from cloud_api.messages import InvalidMessage

LONGEST = 30 * 60
"""Seconds."""
RATE = 48_000
BITS_PER_SECOND = 32_000
CONTAINERS = {"video/webm": "matroska", "audio/ogg": "ogg", "audio/mp4": "mp4", "video/mp4": "mp4"}
"""What browsers record in, by the file's first bytes. Never guessed by FFmpeg, some of whose formats open other files."""

UNREADABLE = _("The recording cannot be read. Record it again.")
TOO_LONG = _("A voice message may have at most %(limit)s minutes.")


def voice_note(recording: IO[Any]) -> bytes:
    """The recording as a voice note. Raises InvalidMessage if it cannot be read or is too long."""
    recording.seek(0)
    container = CONTAINERS.get(sniffed(recording.read(HEAD)))
    if container is None:
        raise InvalidMessage("file", UNREADABLE)
    note = io.BytesIO()
    try:
        _check_length(recording, container)
        with _opened(recording, container) as source, av.open(note, "w", format="ogg") as target:
            _convert(source, target)
    except InvalidMessage:
        raise
    except (av.FFmpegError, ValueError, LookupError, ArithmeticError, MemoryError):
        raise InvalidMessage("file", UNREADABLE) from None
    return note.getvalue()


def _opened(recording: IO[Any], container: str) -> InputContainer:
    recording.seek(0)
    return av.open(recording, "r", format=container)


def _check_length(recording: IO[Any], container: str) -> None:
    """A live recording does not say how long it is: it is heard through, which costs little beside encoding it."""
    seconds = 0.0
    with _opened(recording, container) as source:
        for frame in source.decode(source.streams.audio[0]):
            seconds += frame.samples / frame.sample_rate
            if seconds > LONGEST:
                raise InvalidMessage("file", TOO_LONG, limit=LONGEST // 60)
    if not seconds:
        raise InvalidMessage("file", UNREADABLE)


def _convert(source: InputContainer, target: OutputContainer) -> None:
    said = target.add_stream("libopus", rate=RATE, layout="mono")
    said.bit_rate = BITS_PER_SECOND
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in chain(source.decode(source.streams.audio[0]), [None]):
        for resampled in resampler.resample(frame):
            target.mux(said.encode(resampled))
    target.mux(said.encode(None))
