"""A chore that several schedulers start runs once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from jobs.models import ChoreRun

pytestmark = pytest.mark.django_db(transaction=True)


def start(name: str) -> bool:
    try:
        return ChoreRun.objects.start(name, every=10.0)
    finally:
        connection.close()


def start_at_once(count: int) -> int:
    """Returns how many of so many callers at once may run the chore."""
    with ThreadPoolExecutor(count) as threads:
        return sum(threads.map(start, ["sweep"] * count))


def test_of_several_callers_at_once_one_may_run_it() -> None:
    assert start_at_once(6) == 1
    assert start_at_once(6) == 0


def test_it_may_run_again_after_its_interval() -> None:
    assert start("sweep")
    ChoreRun.objects.update(started_at=Now() - timedelta(seconds=11))
    assert start_at_once(6) == 1


def test_chores_are_independent() -> None:
    assert [start("sweep"), start("close"), start("sweep")] == [True, True, False]


def test_seconds_are_by_the_clock_of_the_database() -> None:
    assert ChoreRun.objects.seconds_since_start() == {}
    start("sweep")
    ChoreRun.objects.update(started_at=Now() - timedelta(seconds=7))
    assert ChoreRun.objects.seconds_since_start()["sweep"] == pytest.approx(7, abs=3)
