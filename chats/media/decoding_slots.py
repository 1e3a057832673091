"""How many files a process, web or worker, decodes at once. The sender of a file decides how much memory and time that takes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class DecodersBusy(Exception):
    """No slot became free in time. The file can be tried again."""


class DecodingSlots:
    """`count` slots, of which each file takes one. If none is free, the caller waits for at most `timeout` seconds."""

    def __init__(self, count: int, *, timeout: float) -> None:
        self.timeout = timeout
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def reserve(self) -> Iterator[None]:
        """Reserves a slot for the time of the context. Raises DecodersBusy."""
        if not self._free.acquire(timeout=self.timeout):
            raise DecodersBusy
        try:
            yield
        finally:
            self._free.release()


PICTURE_SLOTS = DecodingSlots(1, timeout=20.0)
RECORDING_SLOTS = DecodingSlots(2, timeout=20.0)
SUBMITTED_FILE_SLOTS = DecodingSlots(5, timeout=1.0)
"""For files that staff submits, in work or waiting for one of the slots above. Half of the threads that serve pages stay free."""
