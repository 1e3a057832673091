"""Limits of bytes that many requests share."""

from threading import Lock


class ByteLimit:
    """Bytes of memory or disk that requests may hold at once, as a part of the bytes of `within`. Safe to use from any thread."""

    def __init__(self, size: int, *, within: "ByteLimit | None" = None) -> None:
        self._free = size
        self._within = within
        self._lock = Lock()

    def reserve(self, size: int) -> bool:
        """Reserves `size` bytes. Returns False, without reserving any, if fewer are free."""
        with self._lock:
            if size > self._free or (self._within and not self._within.reserve(size)):
                return False
            self._free -= size
            return True

    def release(self, size: int) -> None:
        with self._lock:
            self._free += size
        if self._within:
            self._within.release(size)
