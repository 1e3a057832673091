"""How many calls to other servers a process makes at once for people and programs that wait for the result.

Such a call keeps a thread that serves pages or the API for as long as the other server likes. All slots together are half of the
threads that serve pages, so the other half stays free. What nobody waits for is done by the worker instead.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class CallsBusy(Exception):
    """No slot became free in time. The call can be tried again."""


class CallSlots:
    """`count` slots, of which calls of one organization take `per_organization` at most. If none is free, the caller waits for at
    most `timeout` seconds. Safe to use from any thread."""

    def __init__(self, count: int, *, per_organization: int, timeout: float) -> None:
        self._count = count
        self._per_organization = per_organization
        self._timeout = timeout
        self._used: Counter[int] = Counter()
        """By organization."""
        self._changed = threading.Condition()

    @contextmanager
    def reserve(self, organization_id: int) -> Iterator[None]:
        """Reserves a slot for the time of the context. Raises CallsBusy."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_free(organization_id), self._timeout):
                raise CallsBusy
            self._used[organization_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._used[organization_id] -= 1
                self._used += Counter()  # forgets organizations without a slot
                self._changed.notify_all()

    def _has_free(self, organization_id: int) -> bool:
        return self._used.total() < self._count and self._used[organization_id] < self._per_organization


GRAPH_SLOTS = CallSlots(3, per_organization=2, timeout=1.0)
AI_CHECK_SLOTS = CallSlots(2, per_organization=1, timeout=0.0)
"""For checks of AIs. Their servers belong to organizations, and can be as slow as these want."""
