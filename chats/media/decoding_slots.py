"""How many files a process, web or worker, decodes at once: each takes memory and time as its sender likes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class DecodersBusy(Exception):
    """Others have been in work all the while; the file can be tried again."""


class DecodingSlots:
    """Places for `count` files at once. Whoever finds none free waits for `patience` seconds at most."""

    def __init__(self, count: int, *, patience: float) -> None:
        self.patience = patience
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """With one of them. Raises DecodersBusy."""
        if not self._free.acquire(timeout=self.patience):
            raise DecodersBusy
        try:
            yield
        finally:
            self._free.release()


PICTURE_SLOTS = DecodingSlots(1, patience=20.0)
RECORDING_SLOTS = DecodingSlots(2, patience=20.0)
SUBMITTED_FILE_SLOTS = DecodingSlots(5, patience=1.0)
"""Of what staff send, in work or waiting for the places above: half the threads that serve pages stay free for others."""
