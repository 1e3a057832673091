"""Limits of bytes that many requests share."""

from threading import Lock


class ByteLimit:
    """Bytes of memory or disk that requests may hold at once. Safe to use from any thread."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._lock = Lock()

    def reserve(self, size: int) -> bool:
        """Reserves `size` bytes. Returns False, without reserving any, if fewer are free."""
        with self._lock:
            if size > self._free:
                return False
            self._free -= size
            return True

    def release(self, size: int) -> None:
        with self._lock:
            self._free += size
