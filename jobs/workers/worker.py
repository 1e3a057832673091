"""The worker: every lane and every chore in a thread of its own, until it is stopped.

A lane is a plain function over the rows of one lease, so that another task engine could run the same lanes.
"""

import logging
import math
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import close_old_connections, connection
from django.db.models import Q

from jobs.batches import apply_batch
from jobs.models import Lease, LeasedQuerySet, LeasedRow
from jobs.tracing import span
from jobs.transactions import is_away, is_contention
from jobs.wakeups import WakeUps
from jobs.workers.due_times import DueTimes
from jobs.workers.lease_renewal import LeaseRenewal
from jobs.workers.round_queue import RoundQueue

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Result = TypeVar("Result")

MIN_PAUSE = 0.05
"""Longest time in seconds that a lane rests when it has found nothing more, although rows may be due: as long as its last work
took, so that rows that arrive one by one are leased together when the machine is busy."""
MAX_PAUSE = 0.25
MIN_QUERY_INTERVAL = 0.1
MAX_QUERY_INTERVAL = 1.0
"""Seconds between two queries for due rows. The first row of an idle hub waits no longer than this, even if nobody wakes its
worker."""
STORE_DELAY = 0.02
"""Seconds from the first outcome, or from a wake-up, to the next round of a side lane. Outcomes that follow in this time are stored
with it, and rows that become due are taken with the first one."""
DUE_SOON = 0.3
"""Seconds. `run_due` also runs lanes whose first row is due within this time: the outbox takes messages before their slots."""
MAX_RETRY_PAUSE = 10.0
RENEWALS_PER_LEASE = 3
"""How often a lease is renewed in its length."""
MAX_WORK_SECONDS = 900.0
"""Seconds for which a lease is renewed. Work that takes longer counts as hung, and other workers take its rows."""


@dataclass(frozen=True)
class Lane:
    """Rows of `model` that match `which`, and the function that works on them.

    `work` finishes, parks, buries or retries each row of the lease. A row that it leaves is due again when the lease ends.
    `weight` and `budget` limit a lease in addition to `limit` (see LeasedQuerySet.lease). `seconds` is the length of a lease.
    Wake-ups name a model. Of lanes that share one, those whose rows are rare have `is_woken` false: their rows are found by the
    next query for due rows, and no worker is kept busy with looking for them.
    """

    name: str
    model: type[LeasedRow]
    work: Callable[[Lease], None]
    limit: int = 1000
    seconds: float = 20.0
    weight: str | None = None
    budget: int = 0
    which: Q = field(default_factory=Q)
    is_woken: bool = True

    @property
    def rows(self) -> LeasedQuerySet[Any]:
        """All rows of this lane, in any state."""
        return self.model.objects.filter(self.which)  # type: ignore[no-any-return]  # see LeasedRow.objects

    def run_once(self) -> int:
        """Leases due rows, up to one lease, and works on them. Returns how many rows were worked on. If the work fails, it runs
        for each half of the lease, down to single rows, so one bad row costs no other row a retry."""
        lease = self.rows.lease(limit=self.limit, seconds=self.seconds, weight=self.weight, budget=self.budget)
        if lease is None:
            return 0
        renewal = LeaseRenewal(
            partial(lease.renew, self.seconds), every=self.seconds / RENEWALS_PER_LEASE, longest=MAX_WORK_SECONDS
        )
        with span(f"lane {self.name}", rows=len(lease.ids)), renewal:
            apply_batch(lease.ids, apply=partial(self._work_on, lease), reject=partial(self._retry, lease))
        return len(lease.ids) - len(lease.given_back)

    def drain(self, is_stopping: Callable[[], bool]) -> int:
        """Works on everything that is due. Returns how many rows that were."""
        total = 0
        while not is_stopping() and (rows := self.run_once()):
            total += rows
        return total

    def _work_on(self, lease: Lease, ids: Sequence[int]) -> None:
        part = lease if len(ids) == len(lease.ids) else replace(lease, ids=_still_held(lease, ids))
        if part.ids:
            self.work(part)

    def _retry(self, lease: Lease, row_id: int, failure: Exception) -> None:
        log.error("lane %s failed on row %s: %s", self.name, row_id, format_without_message(failure))
        lease.retry([row_id], f"{type(failure).__name__}: {failure}")


def _still_held(lease: Lease, ids: Sequence[int]) -> list[int]:
    """Returns the ids, in their order, of rows that the work had not finished before it failed."""
    held = set(lease.held(ids).values_list("pk", flat=True))
    return [row_id for row_id in ids if row_id in held]


@dataclass(frozen=True)
class RunningTask(Generic[Task]):
    """A task in a thread of a side lane, and its start by `time.monotonic`."""

    task: Task
    started_at: float


class SideLane(Generic[Task, Outcome]):
    """Work that waits for other servers, for example by HTTP. Up to `width` tasks run at once, in threads that never use the
    database.

    `take(free)` leases and yields up to `free` tasks, which start as they come. `do` runs one task. `store` stores the outcomes
    of several tasks at once. `model` is the model that `take` leases. Errors stay with their task:

        `fail(task, error)`             returns the outcome of a task whose `do` raised
        `reject(task, outcome, error)`  stores that the outcome cannot be stored
        `give_back(tasks)`              returns tasks that no thread has started
        `renew(tasks)`                  renews the leases of tasks, each `lease` seconds long

    Without `fail`, a task that raised stays leased until its lease ends. Without `reject`, an outcome that cannot be stored is
    kept and the error is raised. The error is always raised if the database does not answer.
    """

    def __init__(
        self,
        name: str,
        *,
        model: type[LeasedRow],
        take: Callable[[int], Iterable[Task]],
        do: Callable[[Task], Outcome],
        store: Callable[[Sequence[tuple[Task, Outcome]]], object],
        width: int,
        fail: Callable[[Task, BaseException], Outcome] | None = None,
        reject: Callable[[Task, Outcome, Exception], object] | None = None,
        give_back: Callable[[Sequence[Task]], object] | None = None,
        renew: Callable[[Sequence[Task]], object] | None = None,
        lease: float = 60.0,
    ) -> None:
        self.name = name
        self.model = model
        self._take, self._do, self._store = take, do, store
        self._fail, self._reject, self._give_back, self._renew = fail, reject, give_back, renew
        self._width = width
        self._lease = lease
        self._threads: ThreadPoolExecutor | None = None
        self._renewal: LeaseRenewal | None = None
        self._changed = threading.Event()
        """Set when a task is finished, and when rows may have become due."""
        self._in_progress: dict[Future[Outcome], RunningTask[Task]] = {}
        self._not_started: list[Task] = []
        self._unstored: list[tuple[Task, Outcome]] = []
        self._locked: list[tuple[Task, Outcome]] = []
        """Outcomes whose rows others had locked. They are stored in the next round."""

    @property
    def rows(self) -> LeasedQuerySet[Any]:
        """All rows of this lane, in any state."""
        return self.model.objects.all()  # type: ignore[no-any-return]  # see LeasedRow.objects

    def wake(self) -> None:
        """Makes a round that waits for its tasks look for due rows. May be called in any thread."""
        self._changed.set()

    def run_once(self) -> int:
        """Runs a round and rests. Returns what `run_round` returns."""
        count = self.run_round()
        self.rest()
        return count

    def run_round(self) -> int:
        """Stores finished tasks and starts as many new ones as threads are free. Returns how many tasks were stored or are not
        settled: 0 if there is nothing to do and the lane may wait for a wake-up."""
        return self._round() + len(self._locked) + len(self._not_started) + len(self._in_progress)

    def rest(self) -> None:
        """Waits until a task is finished or rows may have become due, but not for long."""
        if self._locked or self._not_started:
            time.sleep(MAX_PAUSE)
        elif self._in_progress and self._changed.wait(MAX_PAUSE):
            time.sleep(STORE_DELAY)

    def drain(self, is_stopping: Callable[[], bool]) -> int:
        """Does everything that is due. Returns how many tasks that were."""
        total = 0
        while not is_stopping():
            stored = self._round()
            total += stored
            if not (stored or self._in_progress):
                break
            self.rest()
        return total + self.finish()

    def finish(self) -> int:
        """Starts nothing new: returns the tasks that no thread has started, waits for the others, and stores each outcome as it
        comes. Returns how many tasks were stored."""
        self._cancel()
        self._return_tasks()
        stored = self._store_outcomes()
        while self._in_progress:  # one by one: a supervisor may kill a process that stops too slowly
            wait(self._in_progress, return_when=FIRST_COMPLETED)
            self._collect_outcomes()
            stored += self._store_outcomes()
        stored += self._store_outcomes()  # those whose rows were locked
        self._drop_locked()
        if self._threads:
            self._threads.shutdown()
            self._threads = None
        if self._renewal:
            self._renewal.stop()
            self._renewal = None
        return stored

    def _round(self) -> int:
        self._changed.clear()
        self._collect_outcomes()
        self._return_tasks()
        stored = self._store_outcomes()
        free = self._width - len(self._in_progress)
        for task in self._take(free) if free else ():
            self._start(task)
        return stored

    def _start(self, task: Task) -> None:
        """Passes the task to a thread.

        The lane has a Future of its own. The pool's Future would stay in the pool's queue if no thread could be started, and
        would run after the task was returned.
        """
        future: Future[Outcome] = Future()
        try:
            self._start_renewal()
            self._pool().submit(_run, future, self._do, task)
        except RuntimeError as failure:
            if future.cancel():
                log.error("lane %s cannot start a thread: %s", self.name, failure)
                self._not_started.append(task)
                return
        self._in_progress[future] = RunningTask(task, time.monotonic())
        future.add_done_callback(lambda _: self._changed.set())

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._width, thread_name_prefix=self.name)
        return self._threads

    def _start_renewal(self) -> None:
        if self._renew and self._renewal is None:
            renewal = LeaseRenewal(self._renew_leases, every=self._lease / RENEWALS_PER_LEASE)
            renewal.start()
            self._renewal = renewal

    def _renew_leases(self) -> None:
        """Runs in the renewal's thread. Copying a dictionary or a list is atomic."""
        now = time.monotonic()
        in_progress = [each.task for each in list(self._in_progress.values()) if now - each.started_at < MAX_WORK_SECONDS]
        finished = [task for task, _ in [*self._unstored, *self._locked]]
        tasks = [*in_progress, *finished, *self._not_started]
        if self._renew and tasks:
            self._renew(tasks)

    def _cancel(self) -> None:
        for future in [future for future in self._in_progress if future.cancel()]:
            self._not_started.append(self._in_progress.pop(future).task)

    def _return_tasks(self) -> None:
        if self._not_started and self._give_back:
            apply_batch(self._not_started, apply=self._give_back, reject=self._leave)
        self._not_started = []

    def _collect_outcomes(self) -> None:
        for future in [future for future in self._in_progress if future.done()]:
            task = self._in_progress.pop(future).task
            failure = future.exception()
            if failure is None:
                self._unstored.append((task, future.result()))
                continue
            log.error("lane %s failed on a task: %s", self.name, format_without_message(failure))
            if self._fail:
                self._unstored.append((task, self._fail(task, failure)))

    def _store_outcomes(self) -> int:
        """Stores all outcomes, and those with locked rows in the next round. Returns how many were stored or rejected."""
        self._unstored, self._locked = self._locked + self._unstored, []
        finished = len(self._unstored)
        if finished:
            apply_batch(list(self._unstored), apply=self._store_batch, reject=self._reject_outcome)
        return finished - len(self._locked)

    def _store_batch(self, outcomes: Sequence[tuple[Task, Outcome]]) -> None:
        self._store(outcomes)
        del self._unstored[: len(outcomes)]  # batches come in order

    def _reject_outcome(self, outcome: tuple[Task, Outcome], failure: Exception) -> None:
        if self._reject is None:
            raise failure
        if is_contention(failure):
            self._locked.append(self._unstored.pop(0))
            return
        log.error("lane %s cannot store an outcome: %s", self.name, format_without_message(failure))
        try:
            self._reject(*outcome, failure)
        except Exception as second:
            if is_away(second):
                raise
            self._leave(outcome[0], second)
        del self._unstored[0]

    def _leave(self, task: Task, failure: Exception) -> None:
        log.error("lane %s: a task stays leased until its lease ends: %s", self.name, format_without_message(failure))

    def _drop_locked(self) -> None:
        if self._locked:
            log.error("lane %s: the rows of %s tasks are locked; they stay leased", self.name, len(self._locked))
        self._locked = []


def _run(future: "Future[Outcome]", do: Callable[[Task], Outcome], task: Task) -> None:
    """Runs the task in a thread, unless it was cancelled."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(do(task))
    except BaseException as failure:  # noqa: BLE001  as every executor does; the lane's thread handles it
        future.set_exception(failure)


AnyLane: TypeAlias = Lane | SideLane[Any, Any]


@dataclass(frozen=True)
class Chore:
    """A function that runs every `every` seconds on all workers. It must be safe to run twice at once. It returns how many rows
    it changed."""

    name: str
    run: Callable[[], int]
    every: float

    def run_once(self) -> int:
        return self.run()


@dataclass(eq=False)
class RunningLane:
    """A lane in its thread. While it is idle, it waits for `awake`."""

    lane: AnyLane
    awake: threading.Event = field(default_factory=threading.Event)
    is_idle: bool = False

    def wake(self) -> None:
        """Follows a wake-up for the lane's model."""
        if isinstance(self.lane, SideLane):
            self.lane.wake()
        elif not self.lane.is_woken:
            return
        self.awake.set()


class Worker:
    """Runs lanes and chores. `stop` may be called from a signal handler: work in progress is finished, then `run` returns.

    A lane without work waits until it is woken: by a process of this host that made rows due (`jobs.wakeups`), or by the query
    that asks for all idle lanes when their next rows are due (`jobs.workers.due_times`).
    """

    def __init__(self, lanes: Sequence[AnyLane], chores: Sequence[Chore]) -> None:
        self._lanes = lanes
        self._chores = chores
        self._due_times = DueTimes({lane.name: lane.rows.soonest() for lane in lanes})
        self._stopping = threading.Event()
        self._running = [RunningLane(lane) for lane in lanes]
        self._rounds = RoundQueue()
        self._query_soon = threading.Event()
        self._wakeups: WakeUps | None = None

    def stop(self) -> None:
        self._stopping.set()
        if self._wakeups:
            self._wakeups.interrupt()

    def run(self) -> None:
        """Works until `stop` is called."""
        threads = [threading.Thread(target=self._run_lane, args=[each], name=each.lane.name) for each in self._running]
        threads += [threading.Thread(target=self._run_chore, args=[chore], name=chore.name) for chore in self._chores]
        threads += [threading.Thread(target=self._watch_due_times, name="due-times")]
        with WakeUps() as wakeups:
            self._wakeups = wakeups
            for thread in threads:
                thread.start()
            while not self._stopping.is_set():
                labels = wakeups.wait()
                for each in self._running:
                    if each.lane.model._meta.label_lower in labels:
                        each.wake()
                self._query_soon.set()
            for event in (*(each.awake for each in self._running), self._query_soon):
                event.set()
            for thread in threads:
                thread.join()
            self._wakeups = None

    def run_due(self, progress: Callable[[int], object] = lambda done: None) -> int:
        """Does everything that is due, and what becomes due by it, in this thread. Returns the number of rows, and calls
        `progress` with the number of each step. Raises a database error after a few tries."""
        total = 0
        while not self._stopping.is_set():
            done = sum(_run_with_retries(chore.run_once) for chore in self._chores)
            while rows := self._run_due_lanes(progress):
                done += rows
            total += done
            if not done:
                break
        return total

    def _run_due_lanes(self, progress: Callable[[int], object]) -> int:
        """Runs the lanes that have due rows, each until it has none. Returns the number of rows."""
        left = _run_with_retries(partial(self._due_times.seconds_left, [lane.name for lane in self._lanes]))
        done = 0
        for lane in (lane for lane in self._lanes if left.get(lane.name, math.inf) <= DUE_SOON):
            while not self._stopping.is_set() and (rows := _run_with_retries(partial(self._drain, lane))):
                done += rows
                progress(rows)
        return done

    def _drain(self, lane: AnyLane) -> int:
        return lane.drain(self._stopping.is_set) if isinstance(lane, SideLane) else lane.run_once()

    def _run_lane(self, running: RunningLane) -> None:
        lane, has_worked, seconds = running.lane, False, 0.0
        while True:
            running.awake.clear()
            if self._stopping.is_set():  # checked after clearing: a stop from now on wakes the lane
                break
            started = time.monotonic()
            if self._run_until_success(lane.name, partial(self._run_round, lane)):
                has_worked, seconds = True, time.monotonic() - started
                continue
            running.is_idle = True
            if has_worked:  # rows that it worked on may be due again soon
                self._query_soon.set()
            has_worked = False
            self._stopping.wait(min(MIN_PAUSE, seconds))
            running.awake.wait()
            running.is_idle = False
        if isinstance(lane, SideLane):
            _run_with_retries(lane.finish)
        connection.close()

    def _run_round(self, lane: AnyLane) -> int:
        with self._rounds.next():
            if self._stopping.is_set():
                return 0
            count = lane.run_round() if isinstance(lane, SideLane) else lane.run_once()
        if isinstance(lane, SideLane):
            lane.rest()
        return count

    def _run_chore(self, chore: Chore) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            self._run_until_success(chore.name, chore.run_once)
            self._stopping.wait(max(0.0, chore.every - (time.monotonic() - started)))
        connection.close()

    def _watch_due_times(self) -> None:
        """Wakes the idle lanes whose rows are due. The longer nothing has happened, the longer the pause between queries."""
        pause = MIN_QUERY_INTERVAL
        while not self._stopping.is_set():
            idle = {each.lane.name: each for each in self._running if each.is_idle}
            left = self._run_until_success("due-times", partial(self._due_times.seconds_left, idle), runs_often=True) or {}
            for name, seconds in left.items():
                if seconds <= 0:
                    idle[name].awake.set()
            self._stopping.wait(MIN_QUERY_INTERVAL)
            ahead = min([pause, *(seconds for seconds in left.values() if seconds > 0)])
            if self._query_soon.wait(max(0.0, ahead - MIN_QUERY_INTERVAL)):
                self._query_soon.clear()
                pause = MIN_QUERY_INTERVAL
            else:
                pause = min(MAX_QUERY_INTERVAL, pause * 1.5)
        connection.close()

    def _run_until_success(self, name: str, run: Callable[[], Result], *, runs_often: bool = False) -> Result | None:
        """Returns the result of `run`. Retries after a pause for as long as it fails. Returns None when the worker stops.

        With `runs_often`, for calls about once a second, the connection is checked after a failure only. Checking it each time
        would double the queries of an idle hub.
        """
        failures = 0
        while not self._stopping.is_set():
            try:
                if failures or not runs_often:
                    close_old_connections()
                return run()
            except Exception as failure:  # noqa: BLE001  the lane continues after any error
                failures += 1
                what = type(failure).__name__ if is_away(failure) else format_without_message(failure)
                log.error("%s failed, trying again: %s", name, what)
                self._stopping.wait(retry_pause(failures))
        return None


def _run_with_retries(run: Callable[[], Result]) -> Result:
    for attempt in (1, 2, 3):
        try:
            close_old_connections()
            return run()
        except Exception as failure:
            if attempt == 3 or not is_away(failure):
                raise
            log.warning("database error, trying again: %s", type(failure).__name__)
            time.sleep(retry_pause(attempt))
    raise AssertionError("unreachable")


def format_without_message(failure: BaseException) -> str:
    """Returns the type of the exception and where it was raised. The message is left out of the log, because it may quote what
    people wrote."""
    return f"{type(failure).__name__}\n{''.join(traceback.format_tb(failure.__traceback__))}"


def retry_pause(failures: int) -> float:
    """Returns the seconds to wait after so many failures in a row."""
    return min(MAX_RETRY_PAUSE, 0.5 * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311  distribution, not a secret
