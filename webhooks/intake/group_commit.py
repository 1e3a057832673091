"""Work that costs as much for many things as for one, done for all that came in while the last round was under way."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")

MOST_HANGING = 4
"""Threads of one group commit that may hang in work that was given up. While as many do, no other work is begun."""


class Overloaded(Exception):
    """More is waiting than memory should hold."""


class GroupCommit(Generic[Thing, Result]):
    """Hands things to `work` in groups, one group at a time, in a thread of its own, and each caller its own result.

    `work` gives for each thing a result or the exception that became of it. A group holds at most `most` things and, by `weigh`,
    `budget` bytes (but always one). A group that takes longer than `patience` seconds is given up, and its thread is left to end
    alone: a database that hangs must not hold up what comes after. Once `MOST_HANGING` threads hang, all wait until one ends.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Thing]], Sequence[Result | Exception]],
        *,
        weigh: Callable[[Thing], int] = lambda thing: 0,
        most: int = 500,
        budget: int = 4 * 2**20,
        patience: float = 4.0,
        capacity: int = 64 * 2**20,
    ) -> None:
        self._work = work
        self._weigh = weigh
        self._most = most
        self._budget = budget
        self._patience = patience
        self._capacity = capacity
        self._waiting: deque[tuple[Thing, int, asyncio.Future[Result]]] = deque()
        self._waiting_bytes = 0
        self._promises: Promises[Result] = Promises()
        self._rounds: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")
        self._hanging: set[asyncio.Future[Sequence[Result | Exception]]] = set()

    def submit(self, thing: Thing, *, due: float) -> "asyncio.Future[Result]":
        """The result for this thing, to be awaited: there once its group is through. It may be what became of it, or a TimeoutError
        at `due`, by the loop's clock. Overloaded is raised at once."""
        weight = self._weigh(thing)
        if self._waiting and self._waiting_bytes + weight > self._capacity:
            raise Overloaded
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((thing, weight, future))
        self._waiting_bytes += weight
        self._promises.add(future, due)
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                if len(self._hanging) >= MOST_HANGING:
                    await asyncio.wait(self._hanging, return_when=asyncio.FIRST_COMPLETED)
                await self._round(self._next_group())
                self._promises.forget_kept()
        finally:
            self._rounds = None

    def _next_group(self) -> list[tuple[Thing, asyncio.Future[Result]]]:
        group: list[tuple[Thing, asyncio.Future[Result]]] = []
        spent = 0
        while self._waiting and len(group) < self._most:
            thing, weight, future = self._waiting[0]
            if group and spent + weight > self._budget:
                break
            self._waiting.popleft()
            self._waiting_bytes -= weight
            spent += weight
            if not future.done():  # its caller gave up
                group.append((thing, future))
        return group

    async def _round(self, group: list[tuple[Thing, asyncio.Future[Result]]]) -> None:
        if not group:
            return
        things = [thing for thing, _ in group]
        outcomes: Sequence[Result | Exception]
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._work, things)
        await asyncio.wait([running], timeout=self._patience)
        if not running.done():
            self._abandon_thread(running)
            outcomes = [TimeoutError()] * len(group)
        elif failure := running.exception():
            outcomes = [failure] * len(group) if isinstance(failure, Exception) else []
        else:
            outcomes = running.result()
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _settle(future, outcome)

    def _abandon_thread(self, running: "asyncio.Future[Sequence[Result | Exception]]") -> None:
        self._hanging.add(running)
        running.add_done_callback(self._forget_hanging)
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    def _forget_hanging(self, ended: "asyncio.Future[Sequence[Result | Exception]]") -> None:
        self._hanging.discard(ended)
        if not ended.cancelled():
            ended.exception()  # nobody waits for it, and nobody need be told


class Promises(Generic[Result]):
    """Futures that have to be done at a time each. One timer serves all: one for each would cost more than the work on a
    webhook."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, asyncio.Future[Result]]] = []
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, future: "asyncio.Future[Result]", due: float) -> None:
        """The future gets a TimeoutError at `due`, by the loop's clock, if it has nothing else by then."""
        heapq.heappush(self._due, (due, next(self._numbers), future))
        if self._timer is None or self._timer.when() > due:
            self._set_timer(due)

    def forget_kept(self) -> None:
        """Let go of those that are done and would be due first."""
        while self._due and self._due[0][2].done():
            heapq.heappop(self._due)

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._break_late)

    def _break_late(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer = None
        self.forget_kept()
        while self._due and self._due[0][0] <= now:
            _settle(heapq.heappop(self._due)[2], TimeoutError())
            self.forget_kept()
        if self._due:
            self._set_timer(self._due[0][0])


def _settle(future: "asyncio.Future[Result]", outcome: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
