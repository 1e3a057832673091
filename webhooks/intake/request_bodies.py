"""Bodies that are still being received, and the memory that they may take.

Who sends a body is known only once it is complete. Until then every sender is treated as one who holds what was sent for as long as
that is allowed. Small bodies and large ones have memory of their own:

- A body of at most `SMALL_BODY_SIZE` bytes, which nearly all of Meta's are, is always taken. Where too many are unfinished at once, the
  oldest is given up. A genuine body is complete within milliseconds, so it is never the oldest.
- A larger body needs a slot, of which there are few. Where none is free, a client with few slots gets one of a client with many,
  and otherwise a body that makes too little progress loses its slot. Where none is so slow, the body waits. So senders that stall,
  trickle or wait in great numbers delay a genuine body by a fraction of a second.

A body that is given up is answered with 503, so that a genuine sender repeats it.
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
"""Large bodies in memory at once: 192 MiB, if all are as large as they may be."""
SHARE = MAX_LARGE_BODIES // 4
"""Slots that no other client address can take while their bodies make progress. Who has more gives way to who has less."""
MOST_WAITING = 128
"""Bodies that may wait for a slot, each with `SMALL_BODY_SIZE` bytes and what the server has read beyond that, 320 KiB at most."""
PROGRESS = 256 * 1024
PROGRESS_SECONDS = 0.25
"""A large body that receives less than `PROGRESS` bytes in so many seconds may lose its slot to another."""
FIRST_SECONDS = 0.1
"""A body that has waited for its slot has to receive something in so many seconds, or may lose it again: its sender had time to
have more ready."""
CONTENDED_SECONDS = 2.0
"""However fast it is, a body that is unfinished after so many seconds may lose its slot to another."""
PACE = 256 * 2**20
"""Bytes a second that are read of all large bodies together, so that the process has time for small ones."""
PACE_STEP = 0.005
"""Seconds for which nobody waits: timers are no finer."""
CHECK_SECONDS = 0.05
"""How often slots are looked at while a body waits for one."""


@dataclass(eq=False)
class Upload:
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
    def lacks_room(self) -> bool:
        """Whether it was given up, or waits for a slot."""
        return self.is_evicted or (self.size > SMALL_BODY_SIZE and not self.admitted_at)

    def add(self, chunk: bytes) -> None:
        self.chunks.append(chunk)  # joined once, at the end: a buffer that grows is copied again and again
        self.size += len(chunk)
        if self.size >= self.needed_size:
            self._demand(PROGRESS, PROGRESS_SECONDS)

    def admit(self, *, has_waited: bool) -> None:
        self.admitted_at = _now()
        if has_waited:
            self._demand(1, FIRST_SECONDS)
        else:
            self._demand(PROGRESS, PROGRESS_SECONDS)

    def _demand(self, size: int, seconds: float) -> None:
        self.needed_size = self.size + size
        self.slow_at = min(_now() + seconds, self.admitted_at + CONTENDED_SECONDS)

    def evict(self) -> None:
        """Give it up: the task that receives it gets a TimeoutError."""
        self.is_evicted = True
        if not self.timeout.expired():
            self.timeout.reschedule(_now())


class Pace:
    """How fast bytes are read that several senders send: `rate` of them a second, of all together."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._until = 0.0

    async def keep(self, size: int) -> None:
        """Wait until more may be read, after these bytes."""
        now = _now()
        self._until = max(self._until, now) + size / self._rate
        if self._until - now > PACE_STEP:
            await asyncio.sleep(self._until - now)


class Uploads:
    """All uploads of a process. Each is added, admitted once it is large, and removed when its request is answered."""

    def __init__(self) -> None:
        self._small: dict[Upload, None] = {}
        self._large: dict[Upload, None] = {}
        self._waiting: dict[Upload, asyncio.Future[None]] = {}
        self._serves_newest = True
        self._timer: asyncio.TimerHandle | None = None
        self._pace = Pace(PACE)

    def add(self, upload: Upload) -> None:
        """Count an unfinished body; the oldest of too many is given up."""
        if len(self._small) >= MAX_SMALL_BODIES:
            oldest = next(iter(self._small))
            del self._small[oldest]
            oldest.evict()
        self._small[upload] = None

    async def admit_large(self, upload: Upload) -> None:
        """Wait until the body has a slot. The timeout of the upload ends the wait."""
        self._small.pop(upload, None)
        if self._take_slot(upload):
            return
        if len(self._waiting) >= MOST_WAITING:  # neither the oldest nor the newest, which are served next
            given_up = list(self._waiting)[MOST_WAITING // 2]
            del self._waiting[given_up]
            given_up.evict()
        self._waiting[upload] = asyncio.get_running_loop().create_future()
        self._set_timer()
        await self._waiting[upload]

    async def pace(self, size: int) -> None:
        """Wait until more of a large body may be read, after these bytes of it."""
        await self._pace.keep(size)

    def complete(self, upload: Upload) -> bytes:
        """The whole body, which is not given up any more. Raises Overloaded if it was given up already."""
        if upload.is_evicted:
            raise Overloaded
        self._small.pop(upload, None)
        upload.is_complete = True
        body = b"".join(upload.chunks)
        upload.chunks.clear()
        return body

    def remove(self, upload: Upload) -> None:
        """Free what the body had; safe to repeat."""
        self._small.pop(upload, None)
        self._waiting.pop(upload, None)
        if upload in self._large:
            del self._large[upload]
            self._serve_waiting()

    def _take_slot(self, upload: Upload) -> bool:
        """Whether the upload has a slot now, be it one that another has lost."""
        if len(self._large) >= MAX_LARGE_BODIES:
            loser = self._loser(upload.client)
            if loser is None:
                return False
            del self._large[loser]
            loser.evict()
        self._large[upload] = None
        upload.admit(has_waited=upload in self._waiting)
        return True

    def _loser(self, client: str) -> Upload | None:
        """The slowest upload that has to give way to one of this client, if any has to."""
        slots = Counter(each.client for each in self._large)
        unfinished = [each for each in self._large if not each.is_complete]
        greedy = [each for each in unfinished if slots[each.client] > SHARE]
        slowest = min(greedy or unfinished, key=lambda each: each.slow_at, default=None)
        gives_way = slowest is not None and (slowest.slow_at <= _now() or (bool(greedy) and slots[client] < SHARE))
        return slowest if gives_way else None

    def _serve_waiting(self) -> None:
        """Give slots to those that wait, in turn to the last and the first. Many that have stalled do not delay the last, and many
        that come again and again do not delay the first for long."""
        while self._waiting:
            upload = next(reversed(self._waiting) if self._serves_newest else iter(self._waiting))
            if not self._take_slot(upload):
                return
            future = self._waiting.pop(upload)
            self._serves_newest = not self._serves_newest
            if not future.done():
                future.set_result(None)

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_waiting)

    def _check_waiting(self) -> None:
        self._timer = None
        self._serve_waiting()
        if self._waiting:
            self._set_timer()


def _now() -> float:
    return asyncio.get_running_loop().time()
