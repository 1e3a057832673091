"""Bodies that are being received, and the memory that they may take.

The sender of a body is known only once the body is complete. Until then the hub assumes that every sender holds its memory for as
long as that is allowed. Small and large bodies have memory of their own:

- A body of at most `SMALL_BODY_SIZE` bytes is always accepted. Nearly all bodies of Meta are so small. If too many are unfinished,
  the oldest is given up. A genuine body is complete within milliseconds, so it is never the oldest.
- A larger body needs a slot, and there are few. If none is free, a client with many slots loses one to a client with few.
  Otherwise a body that progresses too slowly loses its slot. If no body is so slow, the new body waits. So senders that stall, that
  send slowly or that wait in large numbers delay a genuine body by a fraction of a second.

A body that is given up gets 503, so that a genuine sender repeats it.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from webhooks.intake.group_commit import Overloaded

SMALL_BODY_SIZE = 64 * 1024
"""Bytes up to which a body is small."""
MAX_SMALL_BODIES = 1024
"""Small bodies that may be unfinished at once: 64 MiB."""
MAX_LARGE_BODIES = 48
"""Large bodies in memory at once, which is the number of slots: 192 MiB, if all have the maximum size."""
CLIENT_SHARE = MAX_LARGE_BODIES // 4
"""Slots that a client address keeps while its bodies progress. A client with more of them loses slots to clients with fewer."""
MAX_WAITING = 128
"""Bodies that may wait for a slot, each with `SMALL_BODY_SIZE` bytes and what the server has read beyond that, 320 KiB at most."""
PROGRESS_BYTES = 256 * 1024
PROGRESS_SECONDS = 0.25
"""A large body that receives less than `PROGRESS_BYTES` in so many seconds may lose its slot to another."""
FIRST_BYTES_SECONDS = 0.1
"""A body that has waited for its slot may lose it again if it receives nothing in so many seconds: its sender had time to prepare
more."""
MAX_CONTENDED_SECONDS = 2.0
"""A body that is unfinished after so many seconds may lose its slot to another, however fast it is."""
READ_RATE = 256 * 2**20
"""Bytes a second that are read of all large bodies together, so that the process has time for small ones."""
TIMER_RESOLUTION = 0.005
"""Shorter delays, in seconds, are not waited for: timers are not more precise."""
CHECK_SECONDS = 0.05
"""Interval between checks for a free slot while bodies wait for one."""


@dataclass(eq=False)
class IncomingBody:
    """A body that is being received. `timeout` ends the task that receives it."""

    client: str
    timeout: asyncio.Timeout
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    is_evicted: bool = False
    is_complete: bool = False
    admitted_at: float = 0.0
    slow_at: float = 0.0
    """When it may lose its slot, unless it has grown to `needed_size` by then."""
    needed_size: int = 0

    @property
    def lacks_slot(self) -> bool:
        """Whether it was given up, or waits for a slot."""
        return self.is_evicted or (self.size > SMALL_BODY_SIZE and not self.admitted_at)

    def add(self, chunk: bytes) -> None:
        self.chunks.append(chunk)  # joined once, at the end: a growing buffer would be copied again and again
        self.size += len(chunk)
        if self.size >= self.needed_size:
            self._require(PROGRESS_BYTES, PROGRESS_SECONDS)

    def admit(self, *, has_waited: bool) -> None:
        self.admitted_at = _now()
        if has_waited:
            self._require(1, FIRST_BYTES_SECONDS)
        else:
            self._require(PROGRESS_BYTES, PROGRESS_SECONDS)

    def _require(self, size: int, seconds: float) -> None:
        self.needed_size = self.size + size
        self.slow_at = min(_now() + seconds, self.admitted_at + MAX_CONTENDED_SECONDS)

    def evict(self) -> None:
        """Gives the body up: the task that receives it gets a TimeoutError."""
        self.is_evicted = True
        if not self.timeout.expired():
            self.timeout.reschedule(_now())


class ReadRate:
    """Limits how fast the bytes of several senders are read: `rate` bytes a second of all together."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._until = 0.0

    async def wait(self, size: int) -> None:
        """Waits until more may be read after these bytes."""
        now = _now()
        self._until = max(self._until, now) + size / self._rate
        if self._until - now > TIMER_RESOLUTION:
            await asyncio.sleep(self._until - now)


class IncomingBodies:
    """All unfinished bodies of a process. Each is added, admitted once it is large, and removed after the response to its
    request."""

    def __init__(self) -> None:
        self._small: dict[IncomingBody, None] = {}
        self._large: dict[IncomingBody, None] = {}
        self._waiting: dict[IncomingBody, asyncio.Future[None]] = {}
        self._admits_newest = True
        self._timer: asyncio.TimerHandle | None = None
        self._read_rate = ReadRate(READ_RATE)

    def add(self, body: IncomingBody) -> None:
        """Adds an unfinished body. If there are too many, the oldest is given up."""
        if len(self._small) >= MAX_SMALL_BODIES:
            oldest = next(iter(self._small))
            del self._small[oldest]
            oldest.evict()
        self._small[body] = None

    async def admit_large(self, body: IncomingBody) -> None:
        """Waits until the body has a slot. The timeout of the body ends the wait."""
        self._small.pop(body, None)
        if self._admit(body):
            return
        if len(self._waiting) >= MAX_WAITING:  # the one in the middle: the oldest and the newest are admitted next
            evicted = list(self._waiting)[MAX_WAITING // 2]
            del self._waiting[evicted]
            evicted.evict()
        self._waiting[body] = asyncio.get_running_loop().create_future()
        self._set_timer()
        await self._waiting[body]

    async def wait_to_read(self, size: int) -> None:
        """Waits until more of a large body may be read after these bytes of it."""
        await self._read_rate.wait(size)

    def complete(self, body: IncomingBody) -> bytes:
        """Returns all bytes of the body, which cannot be given up any more. Raises Overloaded if it was given up already."""
        if body.is_evicted:
            raise Overloaded
        self._small.pop(body, None)
        body.is_complete = True
        content = b"".join(body.chunks)
        body.chunks.clear()
        return content

    def remove(self, body: IncomingBody) -> None:
        """Frees what the body had. May be called twice."""
        self._small.pop(body, None)
        self._waiting.pop(body, None)
        if body in self._large:
            del self._large[body]
            self._admit_waiting()

    def _admit(self, body: IncomingBody) -> bool:
        """Gives the body a free slot, or the slot of a body that may lose it. Returns False if there is neither."""
        if len(self._large) >= MAX_LARGE_BODIES:
            evicted = self._find_evictable(body.client)
            if evicted is None:
                return False
            del self._large[evicted]
            evicted.evict()
        self._large[body] = None
        body.admit(has_waited=body in self._waiting)
        return True

    def _find_evictable(self, client: str) -> IncomingBody | None:
        """Returns the slowest body that may lose its slot to a body of this client, or None."""
        slots = Counter(each.client for each in self._large)
        unfinished = [each for each in self._large if not each.is_complete]
        above_share = [each for each in unfinished if slots[each.client] > CLIENT_SHARE]
        slowest = min(above_share or unfinished, key=lambda each: each.slow_at, default=None)
        may_lose_slot = slowest is not None and (slowest.slow_at <= _now() or (bool(above_share) and slots[client] < CLIENT_SHARE))
        return slowest if may_lose_slot else None

    def _admit_waiting(self) -> None:
        """Admits waiting bodies, alternately the newest and the oldest."""
        # So many stalled bodies do not delay the newest, and senders that return again and again do not delay the oldest for long.
        while self._waiting:
            body = next(reversed(self._waiting) if self._admits_newest else iter(self._waiting))
            if not self._admit(body):
                return
            future = self._waiting.pop(body)
            self._admits_newest = not self._admits_newest
            if not future.done():
                future.set_result(None)

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_waiting)

    def _check_waiting(self) -> None:
        self._timer = None
        self._admit_waiting()
        if self._waiting:
            self._set_timer()


def _now() -> float:
    return asyncio.get_running_loop().time()
