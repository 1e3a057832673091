"""Work that costs as much for many things as for one, done for all that came in while the last round was under way."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class Overloaded(Exception):
    """More is waiting than memory should hold."""


class GroupCommit(Generic[Thing, Result]):
    """Hands things to `work` in groups, one group at a time, in a thread of its own, and each caller its own result.

    `work` gives for each thing a result or the exception that became of it. A group holds at most `most` things and, by `weigh`,
    `budget` bytes (but always one). A group that takes longer than `patience` seconds fails, and its thread is left to end alone:
    a database that hangs must not hold up what comes after.
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
        self._rounds: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")

    async def submit(self, thing: Thing) -> Result:
        """The result for this thing, once its group is through. Raises what became of it, TimeoutError, or Overloaded."""
        weight = self._weigh(thing)
        if self._waiting and self._waiting_bytes + weight > self._capacity:
            raise Overloaded
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((thing, weight, future))
        self._waiting_bytes += weight
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._round(self._next_group())
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
        try:
            running = asyncio.get_running_loop().run_in_executor(self._thread, self._work, things)
            outcomes = await asyncio.wait_for(asyncio.shield(running), self._patience)
        except TimeoutError as late:
            self._abandon_thread(running)
            outcomes = [late] * len(group)
        except Exception as failure:  # noqa: BLE001  whatever it is, each caller has to hear of it
            outcomes = [failure] * len(group)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            _settle(future, outcome)

    def _abandon_thread(self, running: asyncio.Future[Sequence[Result | Exception]]) -> None:
        running.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="group-commit")


def _settle(future: "asyncio.Future[Result]", outcome: Result | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
