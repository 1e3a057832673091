"""How many queues of each endpoint one worker works on, so that slow and failing endpoints leave threads for the others."""

import threading
from collections import Counter
from collections.abc import Sequence

from events.models import EventEndpoint

WIDTH = 256
"""Queues that one worker works on at the same time."""
PER_ENDPOINT = 128
PER_UNPROVEN = 12
"""Of an endpoint that is slow, or has not answered this worker yet."""
PER_FAILING = 4
UNPROVEN_TOTAL = WIDTH // 2
"""Of all endpoints that are slow, failing or have not answered yet."""
SLOW = 1.0
"""Seconds of an answer, on average, from which on an endpoint is slow."""
WEIGHT = 0.2
"""Of the latest answer in the average."""


class Shares:
    """Counts what is under way, and how long endpoints take to answer. Threads may use it at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[int] = Counter()
        self._unproven: Counter[int] = Counter()
        self._seconds: dict[int, float] = {}

    def count(self, endpoint_id: int, change: int, *, is_unproven: bool) -> None:
        """Adds to the queues of this endpoint that are under way."""
        with self._lock:
            self._busy[endpoint_id] += change
            self._unproven[endpoint_id] += change if is_unproven else 0

    def record_seconds(self, endpoint_id: int, seconds: float) -> None:
        """Records how long an attempt took."""
        with self._lock:
            before = self._seconds.get(endpoint_id, seconds)
            self._seconds[endpoint_id] = (1 - WEIGHT) * before + WEIGHT * seconds

    def is_unproven(self, endpoint: EventEndpoint) -> bool:
        """Returns whether the endpoint is slow or failing, or has not answered yet."""
        with self._lock:
            return endpoint.failures > 0 or self._seconds.get(endpoint.pk, SLOW) >= SLOW

    def share_out(self, endpoints: Sequence[EventEndpoint], free: int) -> list[tuple[EventEndpoint, int]]:
        """Returns how many more queues of each endpoint may be leased, `free` together."""
        shares = []
        unproven = {endpoint.pk for endpoint in endpoints if self.is_unproven(endpoint)}
        with self._lock:
            free_of_unproven = UNPROVEN_TOTAL - sum(self._unproven.values())
            for index, endpoint in enumerate(endpoints):
                most = PER_FAILING if endpoint.failures else PER_UNPROVEN if endpoint.pk in unproven else PER_ENDPOINT
                equal = -(-free // (len(endpoints) - index))
                share = max(0, min(most - self._busy[endpoint.pk], equal))
                if endpoint.pk in unproven:
                    share = max(0, min(share, free_of_unproven))
                    free_of_unproven -= share
                free -= share
                if share:
                    shares.append((endpoint, share))
        return shares
