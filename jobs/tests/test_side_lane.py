"""Work that waits for others: side by side, stored together, and never lost between the two."""

import threading
import time
from collections.abc import Sequence

import pytest

from jobs.worker import SideLane

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


def never() -> bool:
    return False


def test_as_many_as_there_are_threads_run_side_by_side() -> None:
    shelf, together = Shelf(1, 2, 3), threading.Barrier(3)

    def meet(task: int) -> int:
        together.wait(PATIENCE)
        return task * 10

    lane = SideLane("test", take=shelf.take, do=meet, store=shelf.store, width=3)
    assert lane.drain(never) == 3
    assert sorted(shelf.stored) == [(1, 10), (2, 20), (3, 30)]


def test_no_more_are_taken_than_there_are_threads() -> None:
    shelf, going_on = Shelf(*range(10)), threading.Event()
    lane = SideLane("test", take=shelf.take, do=lambda task: int(going_on.wait(PATIENCE)), store=shelf.store, width=2)
    lane.run_once()
    lane.run_once()
    assert len(shelf.tasks) == 8
    going_on.set()
    lane.finish()
    assert len(shelf.stored) == 2


def test_a_task_that_fails_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(0, 1, 2)
    lane = SideLane("test", take=shelf.take, do=lambda task: 10 // task, store=shelf.store, width=3)
    assert lane.drain(never) == 2
    assert sorted(shelf.stored) == [(1, 10), (2, 5)]
    assert "ZeroDivisionError" in caplog.text


def test_what_could_not_be_stored_is_stored_later() -> None:
    shelf = Shelf(1)
    lane = SideLane("test", take=shelf.take, do=lambda task: task, store=shelf.store, width=1)
    lane.run_once()
    shelf.is_locked = True
    with pytest.raises(ConnectionError):
        lane.run_once()
    shelf.is_locked = False
    lane.finish()
    assert shelf.stored == [(1, 1)]


def test_at_the_end_nothing_waits_for_the_slowest_to_be_stored() -> None:
    shelf, going_on = Shelf(1, 2), threading.Event()
    lane = SideLane("test", take=shelf.take, do=lambda task: int(task == 1 or going_on.wait(PATIENCE)), store=shelf.store, width=2)
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
