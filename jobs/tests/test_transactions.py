"""Transactions run again if the database was the reason of a failure, and only then. A batch stops if the database is away."""

from collections.abc import Sequence

import pytest
from django.db import DataError, IntegrityError, OperationalError

from jobs.batches import apply_batch
from jobs.transactions import TRIES, DatabaseAway, run_in_transaction
from organizations.models import Organization

AWAY = OperationalError(2003, "Can't connect to MySQL server")


class Work:
    """Creates an organization, and then fails with one of these errors after the other, and after the last one not at all."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.runs = 0

    def __call__(self) -> str:
        self.runs += 1
        Organization.objects.create(organization_name="Aroeira")
        if self._failures:
            raise self._failures.pop(0)
        return "committed"


@pytest.mark.parametrize("code", [1205, 1213, 2013, 2003], ids=["lock wait", "deadlock", "connection lost", "server away"])
def test_a_transaction_runs_again_and_its_first_run_leaves_nothing(transactional_db: None, code: int) -> None:
    work = Work(OperationalError(code, "…"))
    assert run_in_transaction(work) == "committed"
    assert (work.runs, Organization.objects.count()) == (2, 1)


def test_contention_that_does_not_end_is_raised_after_a_few_runs(transactional_db: None) -> None:
    work = Work(*[OperationalError(1213, "…")] * 100)
    with pytest.raises(OperationalError, match="1213"):
        run_in_transaction(work)
    assert (work.runs, Organization.objects.count()) == (TRIES, 0)


def test_a_database_that_stays_away_is_reported_as_such(transactional_db: None) -> None:
    work = Work(*[AWAY] * 100)
    with pytest.raises(DatabaseAway):
        run_in_transaction(work)
    assert (work.runs, Organization.objects.count()) == (TRIES, 0)


def test_a_row_that_another_worker_stored_is_found_in_the_next_run_and_not_waited_for_ever(transactional_db: None) -> None:
    assert run_in_transaction(Work(IntegrityError("twice"))) == "committed"
    work = Work(*[IntegrityError("twice")] * 100)
    with pytest.raises(IntegrityError):
        run_in_transaction(work)
    assert work.runs == 3


def test_an_error_of_the_work_is_raised_at_once(transactional_db: None) -> None:
    work = Work(DataError("too long"))
    with pytest.raises(DataError):
        run_in_transaction(work)
    assert (work.runs, Organization.objects.count()) == (1, 0)


class Batch:
    """Rows that are applied, except bad ones."""

    def __init__(self, failure: Exception, *bad: int) -> None:
        self._failure = failure
        self._bad = bad
        self.applied: list[int] = []
        self.rejected: list[int] = []

    def run(self, rows: Sequence[int]) -> None:
        apply_batch(rows, apply=self._apply, reject=lambda row, failure: self.rejected.append(row))

    def _apply(self, rows: Sequence[int]) -> None:
        if set(rows) & set(self._bad):
            raise self._failure
        self.applied += rows


def test_bad_rows_of_a_batch_are_rejected_and_the_others_applied_in_order() -> None:
    batch = Batch(ValueError("bad"), 3, 8)
    batch.run(range(10))
    assert (batch.applied, batch.rejected) == ([0, 1, 2, 4, 5, 6, 7, 9], [3, 8])


@pytest.mark.parametrize("failure", [AWAY, DatabaseAway()], ids=["server", "after retries"])
def test_no_row_of_a_batch_is_rejected_because_the_database_is_away(failure: Exception) -> None:
    batch = Batch(failure, 3)
    with pytest.raises(type(failure)):
        batch.run(range(10))
    assert batch.rejected == []
