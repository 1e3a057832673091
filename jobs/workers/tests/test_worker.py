"""`manage.py worker --once`: what is due is done, errors of the database are waited out for a moment, and nothing else is asked."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Lease, State
from jobs.workers.worker import Chore, Lane, Worker
from organizations.credentials.signers import Signature
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook
from whatsapp_hub.lanes import LANES

AWAY = OperationalError(2003, "Can't connect to MySQL server")


class FailingChore:
    """Fails so many times, and then has nothing to do."""

    def __init__(self, failures: int) -> None:
        self._failures = failures
        self.runs = 0
        self.chore = Chore("failing", self._run, every=60.0)

    def _run(self) -> int:
        self.runs += 1
        if self.runs <= self._failures:
            raise AWAY
        return 0


def test_a_database_that_is_back_after_a_moment_stops_nothing(transactional_db: None) -> None:
    failing = FailingChore(failures=2)
    assert Worker([], [failing.chore]).run_due() == 0
    assert failing.runs == 3


def test_a_database_that_stays_away_is_an_error(transactional_db: None) -> None:
    failing = FailingChore(failures=100)
    with pytest.raises(OperationalError):
        Worker([], [failing.chore]).run_due()
    assert failing.runs == 3


def test_without_due_rows_all_lanes_together_take_one_query(transactional_db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert Worker(LANES, []).run_due() == 0


def test_rows_that_become_due_by_the_work_are_done_too(transactional_db: None) -> None:
    store_bodies([SignedBody(b"{}", Signature(None))] * 2)
    first, second = Webhook.objects.order_by("pk").values_list("pk", flat=True)
    Webhook.objects.filter(pk=second).update(state=State.WAITING)

    def work(lease: Lease) -> None:
        lease.finish()
        Webhook.objects.filter(pk=second, state=State.WAITING).make_due()

    assert Worker([Lane("test", Webhook, work)], []).run_due() == 2
    assert set(Webhook.objects.values_list("pk", "state")) == {(first, State.DONE), (second, State.DONE)}


def test_a_row_that_was_made_due_a_moment_ago_is_due(transactional_db: None) -> None:
    store_bodies([SignedBody(b"{}", Signature(None))])
    for _ in range(50):  # SQLite counts milliseconds: the two times are often in the same one
        Webhook.objects.update(due_at=timezone.now())
        assert Webhook.objects.due().count() == 1


def test_a_row_loses_no_attempt_while_the_database_is_away(transactional_db: None) -> None:
    store_bodies([SignedBody(b"{}", Signature(None))] * 3)

    def work(lease: Lease) -> None:
        raise AWAY

    with pytest.raises(OperationalError):
        Lane("test", Webhook, work).run_once()
    assert set(Webhook.objects.values_list("state", "attempts", "reason")) == {(State.DUE, 0, "")}
    Webhook.objects.update(due_at=Now() - timedelta(seconds=1))  # the lease has ended
    assert Lane("test", Webhook, lambda lease: lease.finish()).run_once() == 3
