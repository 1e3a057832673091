"""A lane in slices: it stops when its time is over or the worker stops, and asks for the next slice when there is more to do."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from jobs.models import Lease, State
from jobs.workers.slices import NEAR_SECONDS, SlicedLane
from jobs.workers.worker import Lane, SideLane
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db(transaction=True)
TIMEOUT = 15.0


def add_rows(count: int, *, due_in: float = 0.0) -> None:
    for _ in range(count):
        Webhook.objects.create(json="{}", size=2, due_at=Now() + timedelta(seconds=due_in))


def done() -> int:
    return Webhook.objects.filter(state=State.DONE).count()


def slow_lane() -> Lane:
    """A lane that works on one row in 0.1 seconds."""

    def work(lease: Lease) -> None:
        time.sleep(0.1)
        lease.finish()

    return Lane("test", Webhook, work, limit=1)


def side_lane(stored: list[int]) -> "SideLane[int, int]":
    """A lane whose requests take 0.3 seconds. `stored` gets the ids of their rows."""

    def take(free: int) -> list[int]:
        lease = Webhook.objects.all().lease(limit=1, seconds=60.0)
        return lease.ids if lease else []

    def request(pk: int) -> int:
        time.sleep(0.3)
        return pk

    def store(outcomes: Any) -> None:
        stored.extend(pk for pk, _ in outcomes)
        Webhook.objects.filter(pk__in=stored).update(state=State.DONE)

    return SideLane("test", model=Webhook, take=take, do=request, store=store, width=2)


def run(sliced: SlicedLane, *, stops: bool = False) -> tuple[int, list[float]]:
    """Returns how many rows it worked on, and the seconds after which it asks for tasks."""
    asked: list[float] = []
    return sliced.run(is_stopping=lambda: stops, continue_after=asked.append), asked


def test_a_lane_without_rows_asks_for_nothing() -> None:
    assert run(SlicedLane(slow_lane())) == (0, [])


def test_a_slice_works_until_nothing_is_due() -> None:
    add_rows(3)
    assert run(SlicedLane(slow_lane())) == (3, [])
    assert done() == 3


def test_a_slice_whose_time_is_over_asks_for_the_next_one() -> None:
    add_rows(20)
    count, asked = run(SlicedLane(slow_lane(), seconds=0.3))
    assert 0 < count < 20
    assert asked == [0.0]
    assert done() == count


def test_a_worker_that_stops_works_on_nothing_and_asks_for_nothing() -> None:
    add_rows(1)
    assert run(SlicedLane(slow_lane()), stops=True) == (0, [])


def test_the_next_slice_of_a_side_lane_is_asked_for_before_the_last_requests_have_ended() -> None:
    add_rows(20)
    stored: list[int] = []
    counts: list[int] = []
    sliced = SlicedLane(side_lane(stored), seconds=0.5)
    sliced.run(is_stopping=lambda: False, continue_after=lambda seconds: counts.append(len(stored)))
    assert len(counts) == 1
    assert counts[0] < len(stored) == done() < 20


def test_a_side_lane_asks_for_a_task_when_its_next_row_is_due() -> None:
    add_rows(1, due_in=1.0)
    _, asked = run(SlicedLane(side_lane([])))
    assert [0 < seconds <= 1.0 for seconds in asked] == [True]
    Webhook.objects.update(due_at=Now() + timedelta(seconds=10 * NEAR_SECONDS))
    assert run(SlicedLane(side_lane([]))) == (0, [])


def test_one_slice_of_a_lane_runs_at_a_time() -> None:
    add_rows(10)
    sliced = SlicedLane(slow_lane())
    first = threading.Thread(target=run, args=[sliced])
    first.start()
    while not done():
        time.sleep(0.01)
    assert run(sliced) == (0, [])
    assert first.is_alive()
    first.join(TIMEOUT)
    assert done() == 10


def test_errors_of_a_lane_reach_the_engine_and_leave_its_rows() -> None:
    add_rows(1)

    class BrokenLane(Lane):
        def run_once(self) -> int:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(SlicedLane(BrokenLane("test", Webhook, lambda lease: None)))
    assert Webhook.objects.due().count() == 1
    assert run(SlicedLane(slow_lane())) == (1, [])
