"""Lanes of one process run their rounds one after another.

Only one thread of a process runs Python at a time. Rounds that run side by side take as long as all of them together, and a message
passes several lanes: it waits in each for all others.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MAX_ROUND_SECONDS = 0.1
"""After so long, the next round begins beside one that still runs. A limit for the whole time that a round waits would be worse: a
busy worker would reach it, run more rounds side by side, and become slower by that."""


class RoundQueue:
    """Rounds begin in the order in which their threads came: each when the one before it has ended, or has lasted for `longest`
    seconds."""

    def __init__(self, *, longest: float = MAX_ROUND_SECONDS) -> None:
        self._longest = longest
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._running: object = None
        self._until = 0.0
        """How long the running round is waited for, by `time.monotonic`."""

    @contextmanager
    def next(self) -> Iterator[None]:
        """Waits for its place, and runs one round."""
        own = object()
        with self._changed:
            self._waiting.append(own)
            try:
                while self._waiting[0] is not own or (self._running and self._until > time.monotonic()):
                    self._changed.wait(max(0.001, self._until - time.monotonic()))
            finally:
                self._waiting.remove(own)
            self._running, self._until = own, time.monotonic() + self._longest
        try:
            yield
        finally:
            with self._changed:
                if self._running is own:
                    self._running = None
                self._changed.notify_all()
