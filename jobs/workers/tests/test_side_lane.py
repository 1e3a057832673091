"""Side lanes: tasks run at once, are stored together, and are never lost."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError

from jobs.transactions import DatabaseAway
from jobs.workers.worker import MAX_PAUSE, MAX_RETRY_PAUSE, SideLane, retry_pause
from webhooks.models import Webhook

PATIENCE = 5.0


class Shelf:
    """Tasks to be taken, and what was stored of them."""

    def __init__(self, *tasks: int) -> None:
        self.tasks = list(tasks)
        self.stored: list[tuple[int, int]] = []
        self.is_locked = False

    def take(self, free: int) -> Sequence[int]:
        taken, self.tasks = self.tasks[:free], self.tasks[free:]
        return taken

    def store(self, outcomes: Sequence[tuple[int, int]]) -> None:
        if self.is_locked:
            raise ConnectionError("away")
        self.stored += outcomes


def side_lane(shelf: Shelf, do: Callable[[int], int], *, width: int) -> SideLane[int, int]:
    return SideLane("test", model=Webhook, take=shelf.take, do=do, store=shelf.store, width=width)


def never() -> bool:
    return False


def test_as_many_as_there_are_threads_run_side_by_side() -> None:
    shelf, together = Shelf(1, 2, 3), threading.Barrier(3)

    def meet(task: int) -> int:
        together.wait(PATIENCE)
        return task * 10

    lane = side_lane(shelf, meet, width=3)
    assert lane.drain(never) == 3
    assert sorted(shelf.stored) == [(1, 10), (2, 20), (3, 30)]


def test_no_more_are_taken_than_there_are_threads() -> None:
    shelf, going_on = Shelf(*range(10)), threading.Event()
    lane = SideLane(
        "test", model=Webhook, take=shelf.take, do=lambda task: int(going_on.wait(PATIENCE)), store=shelf.store, width=2
    )
    lane.run_once()
    lane.run_once()
    assert len(shelf.tasks) == 8
    going_on.set()
    lane.finish()
    assert len(shelf.stored) == 2


def test_a_task_that_fails_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(0, 1, 2)
    lane = side_lane(shelf, lambda task: 10 // task, width=3)
    assert lane.drain(never) == 2
    assert sorted(shelf.stored) == [(1, 10), (2, 5)]
    assert "ZeroDivisionError" in caplog.text


def test_what_could_not_be_stored_is_stored_later() -> None:
    shelf = Shelf(1)
    lane = side_lane(shelf, lambda task: task, width=1)
    lane.run_once()
    shelf.is_locked = True
    with pytest.raises(ConnectionError):
        lane.run_once()
    shelf.is_locked = False
    lane.finish()
    assert shelf.stored == [(1, 1)]


def test_at_the_end_nothing_waits_for_the_slowest_to_be_stored() -> None:
    shelf, going_on = Shelf(1, 2), threading.Event()
    lane = SideLane(
        "test",
        model=Webhook,
        take=shelf.take,
        do=lambda task: int(task == 1 or going_on.wait(PATIENCE)),
        store=shelf.store,
        width=2,
    )
    lane.run_once()
    ending = threading.Thread(target=lane.finish)
    ending.start()
    until = time.monotonic() + PATIENCE
    while not shelf.stored and time.monotonic() < until:
        time.sleep(0.01)
    assert shelf.stored == [(1, 1)]
    going_on.set()
    ending.join()
    assert shelf.stored == [(1, 1), (2, 1)]


def test_a_lane_pauses_no_longer_however_often_it_failed() -> None:
    """2.0 to the power of 1024 is no number: after three hours without a database, lanes ended."""
    assert all(0 < retry_pause(trouble) <= MAX_RETRY_PAUSE for trouble in (1, 10, 1024, 10**9))


# What goes wrong stays with the task it is about


class Ledger:
    """Stores whole batches or nothing, and refuses some tasks."""

    def __init__(self, *bad: int, failure: type[Exception] = ValueError) -> None:
        self.bad, self.failure = set(bad), failure
        self.stored: list[int] = []
        self.rejected: list[tuple[int, str]] = []
        self.returned: list[int] = []

    def store(self, outcomes: Sequence[tuple[int, int]]) -> None:
        if self.bad & {task for task, _ in outcomes}:
            raise self.failure(1213, "deadlock")
        self.stored += [task for task, _ in outcomes]

    def reject(self, task: int, outcome: int, failure: Exception) -> None:
        self.rejected.append((task, type(failure).__name__))

    def give_back(self, tasks: Sequence[int]) -> None:
        self.returned += tasks


def lane_for(ledger: Ledger, *tasks: int, do: Callable[[int], int] = abs, **more: Any) -> SideLane[int, int]:
    steps = {"take": Shelf(*tasks).take, "store": ledger.store, "reject": ledger.reject, "give_back": ledger.give_back}
    return SideLane("test", model=Webhook, do=do, width=16, **(steps | more))


@pytest.mark.parametrize("bad", [(1,), (8,), (4, 5), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_an_outcome_that_cannot_be_stored_is_rejected_alone(bad: tuple[int, ...]) -> None:
    ledger = Ledger(*bad)
    lane_for(ledger, *range(1, 9)).drain(never)
    assert sorted(ledger.stored) == [task for task in range(1, 9) if task not in bad]
    assert sorted(ledger.rejected) == [(task, "ValueError") for task in bad]


def test_an_outcome_that_cannot_even_be_rejected_is_left_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def reject(task: int, outcome: int, failure: Exception) -> None:
        raise KeyError

    ledger = Ledger(2)
    lane = lane_for(ledger, 1, 2, 3, reject=reject)
    lane.drain(never)
    assert sorted(ledger.stored) == [1, 3]
    assert "KeyError" in caplog.text
    assert lane.run_once() == 0


def test_an_outcome_whose_row_is_locked_is_stored_when_it_is_free() -> None:
    ledger = Ledger(2, failure=OperationalError)
    lane = lane_for(ledger, 1, 2, 3)
    lane.run_once()
    lane.run_once()
    assert sorted(ledger.stored) == [1, 3]
    ledger.bad.clear()
    lane.finish()
    assert (sorted(ledger.stored), ledger.rejected) == ([1, 2, 3], [])


def test_a_lane_with_outcomes_that_are_locked_has_something_to_do() -> None:
    ledger = Ledger(2, failure=OperationalError)
    lane = lane_for(ledger, 2)
    lane.run_once()
    assert lane.run_once() == 1
    ledger.bad.clear()
    assert lane.run_once() == 1
    assert (ledger.stored, lane.run_once()) == ([2], 0)


def test_while_the_database_is_away_outcomes_are_kept() -> None:
    ledger = Ledger(2, failure=DatabaseAway)
    lane = lane_for(ledger, 1, 2, 3)
    lane.run_once()
    for _ in range(2):
        with pytest.raises(DatabaseAway):
            lane.run_once()
    ledger.bad.clear()
    lane.finish()
    assert (sorted(ledger.stored), ledger.rejected) == ([1, 2, 3], [])


def test_a_task_that_fails_has_an_outcome_of_its_own() -> None:
    shelf = Shelf(0, 1)
    steps: dict[str, Any] = {"take": shelf.take, "store": shelf.store, "fail": lambda task, error: -1}
    lane = SideLane("test", model=Webhook, do=lambda task: 10 // task, width=2, **steps)
    lane.drain(never)
    assert sorted(shelf.stored) == [(0, -1), (1, 10)]


def test_what_no_thread_can_be_started_for_is_given_back_and_never_done(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, done, going_on = Ledger(), [], threading.Event()

    def do(task: int) -> int:
        going_on.wait(PATIENCE)
        done.append(task)
        return task

    started: list[threading.Thread] = []
    start = threading.Thread.start

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    lane = lane_for(ledger, 1, 2, 3, do=do)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_one)
        lane.run_once()
    going_on.set()
    lane.finish()
    assert (done, ledger.stored, ledger.returned) == ([1], [1], [2, 3])


@pytest.mark.django_db(transaction=True)
def test_leases_of_tasks_are_renewed_while_they_are_worked_on() -> None:
    ledger, renewed, going_on = Ledger(), threading.Event(), threading.Event()
    seen: list[list[int]] = []

    def renew(tasks: Sequence[int]) -> None:
        seen.append(sorted(tasks))
        renewed.set()

    lane = lane_for(ledger, 1, 2, do=lambda task: task * going_on.wait(PATIENCE), renew=renew, lease=0.15)
    lane.run_once()
    assert renewed.wait(PATIENCE)
    going_on.set()
    lane.finish()
    assert seen[0] == [1, 2]
    assert sorted(ledger.stored) == [1, 2]


def test_a_round_that_waits_for_its_tasks_takes_rows_that_become_due() -> None:
    shelf, second_started = Shelf(1), threading.Event()

    def do(task: int) -> int:
        if task == 1:
            second_started.wait(PATIENCE)
        else:
            second_started.set()
        return task

    lane = side_lane(shelf, do, width=2)
    lane.run_round()
    shelf.tasks = [2]
    lane.wake()
    started = time.monotonic()
    lane.rest()
    assert time.monotonic() - started < MAX_PAUSE
    lane.run_round()
    assert second_started.wait(PATIENCE)
    lane.finish()
    assert sorted(shelf.stored) == [(1, 1), (2, 2)]
