"""Runs work in groups: while one group runs, further inputs are collected for the next one.

For work that takes as long for many inputs as for one, such as an INSERT with its commit.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Generic, TypeVar

Input = TypeVar("Input")
Result = TypeVar("Result")

MAX_HANGING_THREADS = 4
"""Threads of one group commit that may still run work that timed out. While so many do, no other work is started."""


class Overloaded(Exception):
    """More is waiting than memory allows."""


class GroupCommit(Generic[Input, Result]):
    """Runs `work` for groups of inputs, one group at a time, in a thread. Each caller gets the result of its own input.

    `work` returns for each input a result or an exception. A group has at most `max_inputs` inputs, and at most `max_bytes` bytes
    by `size_of`, but always one input. At most `capacity` bytes wait.

    A group that takes longer than `timeout` seconds is abandoned, and its thread ends on its own: a database that hangs must not
    delay later groups. If `MAX_HANGING_THREADS` threads hang, all groups wait until one of them ends.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Input]], Sequence[Result | Exception]],
        *,
        size_of: Callable[[Input], int] = lambda each: 0,
        max_inputs: int = 500,
        max_bytes: int = 4 * 2**20,
        timeout: float = 4.0,
        capacity: int = 64 * 2**20,
    ) -> None:
        self._work = work
        self._size_of = size_of
        self._max_inputs = max_inputs
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._capacity = capacity
        self._waiting: deque[tuple[Input, int, asyncio.Future[Result]]] = deque()
        self._waiting_bytes = 0
        self._deadlines: Deadlines[Result] = Deadlines()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")
        self._hanging: set[asyncio.Future[Sequence[Result | Exception]]] = set()

    def submit(self, submitted: Input, *, deadline: float) -> "asyncio.Future[Result]":
        """Adds an input to the next group. Returns a future for its result, or for the exception that `work` returns for it.

        At `deadline`, by the loop's clock, the future gets a TimeoutError. Raises Overloaded if too many bytes wait already.
        """
        size = self._size_of(submitted)
        if self._waiting and self._waiting_bytes + size > self._capacity:
            raise Overloaded
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((submitted, size, future))
        self._waiting_bytes += size
        self._deadlines.add(future, deadline)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                if len(self._hanging) >= MAX_HANGING_THREADS:
                    await asyncio.wait(self._hanging, return_when=asyncio.FIRST_COMPLETED)
                await self._run_group(self._next_group())
                self._deadlines.remove_done()
        finally:
            self._task = None

    def _next_group(self) -> list[tuple[Input, asyncio.Future[Result]]]:
        group: list[tuple[Input, asyncio.Future[Result]]] = []
        group_bytes = 0
        while self._waiting and len(group) < self._max_inputs:
            submitted, size, future = self._waiting[0]
            if group and group_bytes + size > self._max_bytes:
                break
            self._waiting.popleft()
            self._waiting_bytes -= size
            group_bytes += size
            if not future.done():  # its caller does not wait any more
                group.append((submitted, future))
        return group

    async def _run_group(self, group: list[tuple[Input, asyncio.Future[Result]]]) -> None:
        if not group:
            return
        inputs = [submitted for submitted, _ in group]
        outcomes: Sequence[Result | Exception]
        running = asyncio.get_running_loop().run_in_executor(self._thread, self._work, inputs)
        await asyncio.wait([running], timeout=self._timeout)
        if not running.done():
            self._abandon_thread(running)
            outcomes = [TimeoutError()] * len(group)
        elif failure := running.exception():
            outcomes = [failure] * len(group) if isinstance(failure, Exception) else []
        else:
            outcomes = running.result()
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _set_outcome(future, outcome)

    def _abandon_thread(self, running: "asyncio.Future[Sequence[Result | Exception]]") -> None:
        self._hanging.add(running)
        running.add_done_callback(self._remove_hanging)
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    def _remove_hanging(self, ended: "asyncio.Future[Sequence[Result | Exception]]") -> None:
        self._hanging.discard(ended)
        if not ended.cancelled():
            ended.exception()  # reads it, so that asyncio does not log it: no caller waits for it


class Deadlines(Generic[Result]):
    """Futures that must be done at a time each. They share one timer: a timer for each would take longer than the work on a
    webhook."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, asyncio.Future[Result]]] = []
        self._sequence = count()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, future: "asyncio.Future[Result]", deadline: float) -> None:
        """Sets a TimeoutError on the future at `deadline`, by the loop's clock, if it is not done by then."""
        heapq.heappush(self._heap, (deadline, next(self._sequence), future))
        if self._timer is None or self._timer.when() > deadline:
            self._set_timer(deadline)

    def remove_done(self) -> None:
        """Removes the futures with the earliest deadlines, as far as they are done."""
        while self._heap and self._heap[0][2].done():
            heapq.heappop(self._heap)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._expire)

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer = None
        self.remove_done()
        while self._heap and self._heap[0][0] <= now:
            _set_outcome(heapq.heappop(self._heap)[2], TimeoutError())
            self.remove_done()
        if self._heap:
            self._set_timer(self._heap[0][0])


def _set_outcome(future: "asyncio.Future[Result]", outcome: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
