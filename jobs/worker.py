"""The worker: every lane in a thread of its own, and the chores beside them, until told to stop.

A lane is a plain function over the rows of one lease, so that another engine could run the same lanes.
"""

import logging
import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import close_old_connections, connection

from jobs.models import Lease, LeasedRow
from jobs.transactions import is_away

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
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


@dataclass(frozen=True)
class Chore:
    """Something to look after every so many seconds, on one or on all workers: it must be safe to do twice at once. Returns how
    many rows it changed."""

    name: str
    run: Callable[[], int]
    every: float

    def run_once(self) -> int:
        return self.run()


class Worker:
    """Runs lanes and chores. `stop` may be called from a signal: what is under way is finished, then `run` returns."""

    def __init__(self, lanes: Sequence[Lane], chores: Sequence[Chore]) -> None:
        self._lanes = lanes
        self._chores = chores
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped."""
        jobs: list[tuple[Lane | Chore, float]] = [(lane, 0.0) for lane in self._lanes]
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
                while not self._stopping.is_set() and (rows := _patiently(lane.run_once)):
                    done += rows
                    progress(rows)
            total += done
            if not done:
                break
        return total

    def _repeat(self, job: Lane | Chore, every: float) -> None:
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
                pause = SHORTEST_PAUSE if rows else min(LONGEST_PAUSE, pause * 1.5)
                self._stopping.wait(0 if rows else pause)
        connection.close()


def _patiently(run: Callable[[], int]) -> int:
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


def _traced(failure: Exception) -> str:
    """What failed and where. Its message stays out of the log, because it may quote what people wrote."""
    return f"{type(failure).__name__}\n{''.join(traceback.format_tb(failure.__traceback__))}"


def _trouble_pause(trouble: int) -> float:
    return min(LONGEST_TROUBLE, 0.5 * 2.0**trouble) * random.uniform(0.5, 1.0)  # noqa: S311  spread, not secret
