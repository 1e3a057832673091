"""Bytes that many requests share."""

from threading import Lock


class Budget:
    """Memory or disk that requests may take at once, in bytes. Safe to use from any thread."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Whether that much was left, and is taken now."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self._left += size
