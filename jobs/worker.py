"""The worker: every lane in a thread of its own, and the chores beside them, until told to stop.

A lane is a plain function over the rows of one lease, so that another engine could run the same lanes.
"""

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from django.db import close_old_connections, connection

from jobs.models import Lease, LeasedRow
from jobs.transactions import is_away

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Result = TypeVar("Result")

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
GATHERED_FOR = 0.02
"""Seconds from the first of some outcomes to storing them, which those that follow use to come along."""
LONGEST_TROUBLE = 10.0


@dataclass(frozen=True)
class Lane:
    """Rows of `model` and what is to be done with them. `work` finishes, parks, buries or retries each row of the lease; what it
    leaves is tried again when the lease ends. `weight` and `budget` bound a lease beside `limit`: see LeasedQuerySet.lease."""

    name: str
    model: type[LeasedRow]
    work: Callable[[Lease], None]
    limit: int = 1000
    seconds: float = 20.0
    weight: str | None = None
    budget: int = 0

    def run_once(self) -> int:
        """Take what is due, up to one lease, and work on it; returns how many rows that were."""
        lease = self.model.objects.all().lease(limit=self.limit, seconds=self.seconds, weight=self.weight, budget=self.budget)
        if lease is None:
            return 0
        try:
            self.work(lease)
        except Exception as failure:
            if is_away(failure):
                raise  # the rows are due again when the lease ends
            log.error("lane %s failed on rows %s…%s: %s", self.name, lease.ids[0], lease.ids[-1], _traced(failure))
            lease.retry(lease.ids, f"{type(failure).__name__}: {failure}")
        return len(lease.ids)


class SideLane(Generic[Task, Outcome]):
    """Work that waits for others, such as HTTP: up to `width` tasks side by side in threads that never touch the database.

    `take(free)` leases and gives up to so many tasks, `do` works on one, `store` keeps what came of several at once. A task whose
    `do` raises is left to the end of its lease; what could not be stored is kept, and stored later. Where there is nothing to do,
    it looks again after `longest_pause` seconds at most.
    """

    def __init__(
        self,
        name: str,
        *,
        take: Callable[[int], Sequence[Task]],
        do: Callable[[Task], Outcome],
        store: Callable[[Sequence[tuple[Task, Outcome]]], None],
        width: int,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self.name = name
        self.longest_pause = longest_pause
        self._take, self._do, self._store = take, do, store
        self._width = width
        self._threads: ThreadPoolExecutor | None = None
        self._under_way: dict[Future[Outcome], Task] = {}
        self._unstored: list[tuple[Task, Outcome]] = []

    def run_once(self) -> int:
        """One round: store what is finished, take as much as there are threads free. Returns how many tasks were stored or are
        under way: 0 if there is nothing to do."""
        return self._round() + len(self._under_way)

    def drain(self, is_stopping: Callable[[], bool]) -> int:
        """Do all that is due; returns how many tasks that were."""
        total = 0
        while not is_stopping():
            stored = self._round()
            total += stored
            if not (stored or self._under_way):
                break
        return total + self.finish()

    def finish(self) -> int:
        """Wait for what is under way and store each as it comes, for whoever waits may lose patience; nothing new is taken."""
        stored = self._put_away()
        while self._under_way:
            wait(self._under_way, return_when=FIRST_COMPLETED)
            self._gather()
            stored += self._put_away()
        if self._threads:
            self._threads.shutdown()
            self._threads = None
        return stored

    def _round(self) -> int:
        self._gather()
        stored = self._put_away()
        free = self._width - len(self._under_way)
        taken = self._take(free) if free else ()
        for task in taken:
            self._under_way[self._pool().submit(self._do, task)] = task
        if self._under_way:
            wait(self._under_way, timeout=LONGEST_PAUSE, return_when=FIRST_COMPLETED)
            time.sleep(GATHERED_FOR)
        return stored

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._width, thread_name_prefix=self.name)
        return self._threads

    def _gather(self) -> None:
        for future in [future for future in self._under_way if future.done()]:
            task = self._under_way.pop(future)
            failure = future.exception()
            if failure is None:
                self._unstored.append((task, future.result()))
            else:
                log.error("lane %s failed on a task: %s", self.name, _traced(failure))

    def _put_away(self) -> int:
        finished = len(self._unstored)
        if finished:
            self._store(self._unstored)
            self._unstored = []
        return finished


AnyLane: TypeAlias = Lane | SideLane[Any, Any]


@dataclass(frozen=True)
class Chore:
    """Something to look after every so many seconds, on one or on all workers: it must be safe to do twice at once. Returns how
    many rows it changed."""

    name: str
    run: Callable[[], int]
    every: float

    def run_once(self) -> int:
        return self.run()


class Work(Protocol):
    """What a worker goes through again and again: a lane, whatever its kind, or a chore."""

    @property
    def name(self) -> str: ...

    def run_once(self) -> int: ...


class Worker:
    """Runs lanes and chores. `stop` may be called from a signal: what is under way is finished, then `run` returns."""

    def __init__(self, lanes: Sequence[AnyLane], chores: Sequence[Chore]) -> None:
        self._lanes = lanes
        self._chores = chores
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped."""
        jobs: list[tuple[Work, float]] = [(lane, 0.0) for lane in self._lanes]
        jobs += [(chore, chore.every) for chore in self._chores]
        threads = [threading.Thread(target=self._repeat, args=job, name=job[0].name) for job in jobs]
        for thread in threads:
            thread.start()
        while not self._stopping.wait(0.2):
            pass  # short waits, so that a signal is seen on every platform
        for thread in threads:
            thread.join()

    def run_due(self, progress: Callable[[int], object] = lambda done: None) -> int:
        """Do all that is due, in this thread, and what becomes due by it; returns how many rows that were, and tells `progress`
        of each step. A database error is raised after a few tries."""
        total = 0
        while not self._stopping.is_set():
            done = sum(_patiently(chore.run_once) for chore in self._chores)
            for lane in self._lanes:
                while not self._stopping.is_set() and (rows := _patiently(partial(self._drain, lane))):
                    done += rows
                    progress(rows)
            total += done
            if not done:
                break
        return total

    def _drain(self, lane: AnyLane) -> int:
        return lane.drain(self._stopping.is_set) if isinstance(lane, SideLane) else lane.run_once()

    def _repeat(self, job: Work, every: float) -> None:
        pause = SHORTEST_PAUSE
        trouble = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                close_old_connections()
                rows = job.run_once()
                trouble = 0
            except Exception as failure:  # noqa: BLE001  whatever it is, the lane goes on
                trouble += 1
                what = type(failure).__name__ if is_away(failure) else _traced(failure)
                log.error("%s failed, trying again: %s", job.name, what)
                self._stopping.wait(_trouble_pause(trouble))
                continue
            if every:
                self._stopping.wait(max(0.0, every - (time.monotonic() - started)))
            else:
                longest = job.longest_pause if isinstance(job, SideLane) else LONGEST_PAUSE
                pause = SHORTEST_PAUSE if rows else min(longest, pause * 1.5)
                self._stopping.wait(0 if rows else pause)
        if isinstance(job, SideLane):
            _patiently(job.finish)
        connection.close()


def _patiently(run: Callable[[], Result]) -> Result:
    for attempt in (1, 2, 3):
        try:
            close_old_connections()
            return run()
        except Exception as failure:
            if attempt == 3 or not is_away(failure):
                raise
            log.warning("database error, trying again: %s", type(failure).__name__)
            time.sleep(_trouble_pause(attempt))
    raise AssertionError("unreachable")


def _traced(failure: BaseException) -> str:
    """What failed and where. Its message stays out of the log, because it may quote what people wrote."""
    return f"{type(failure).__name__}\n{''.join(traceback.format_tb(failure.__traceback__))}"


def _trouble_pause(trouble: int) -> float:
    return min(LONGEST_TROUBLE, 0.5 * 2.0**trouble) * random.uniform(0.5, 1.0)  # noqa: S311  spread, not secret
