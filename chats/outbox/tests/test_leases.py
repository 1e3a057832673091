"""A lease lasts as long as the work, and a bad row does not affect the leases of others."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.db.models.functions import Now

from chats.models import MessageStatus, ReadReceipt, SendQueue
from chats.outbox import read_receipts, sender
from chats.outbox.send_results import reject_result, renew_leases, return_attempts, store_results
from chats.outbox.tests.steps import InThread, bodies, statuses_of, wait_for, write
from contacts.models import Contact
from jobs.models import MAX_ATTEMPTS, Lease, State
from jobs.workers.worker import Lane, SideLane
from organizations.models import PhoneNumber

pytestmark = pytest.mark.usefixtures("hub")
SHORT = 0.6
"""Seconds of a lease."""


@pytest.fixture
def rows(people: Callable[..., list[Contact]]) -> list[int]:
    """Rows that are due."""
    made = [ReadReceipt(contact=contact, wamid=f"wamid.{contact.pk}") for contact in people(8)]
    return [row.pk for row in ReadReceipt.objects.bulk_create(made)]


def lease_was_renewed(model: Any, after: Any) -> bool:
    """Returns whether the lease that ended at `after`, which is past, was renewed."""
    return bool(model.objects.filter(due_at__gt=after).exists() and model.objects.annotate(now=Now()).first().now > after)


def test_a_batch_that_takes_longer_than_its_lease_stays_with_its_worker(rows) -> None:
    working, going_on, seen = threading.Event(), threading.Event(), []

    def work(lease: Lease) -> None:
        seen.append(list(lease.ids))
        working.set()
        going_on.wait(20)
        lease.finish()

    lane = Lane("slow", ReadReceipt, work, seconds=SHORT)
    first = InThread(lane.run_once)
    assert working.wait(10)
    end = ReadReceipt.objects.earliest("pk").due_at
    wait_for(lambda: lease_was_renewed(ReadReceipt, end))
    assert Lane("slow", ReadReceipt, work, seconds=SHORT).run_once() == 0

    going_on.set()
    assert first.join() == len(rows)
    assert seen == [sorted(rows)]
    assert ReadReceipt.objects.filter(state=State.DONE).count() == len(rows)


def test_a_lease_is_not_renewed_for_a_worker_that_lost_it(rows) -> None:
    lease = ReadReceipt.objects.lease(limit=8, seconds=SHORT)
    ReadReceipt.objects.all().make_due()
    other = ReadReceipt.objects.lease(limit=8, seconds=1000)
    assert lease is not None
    assert lease.renew(1) == 0
    assert not ReadReceipt.objects.filter(due_at__lt=Now() + timedelta(seconds=500)).exists()
    assert other is not None
    assert other.renew(2000) == len(rows)


def test_one_bad_row_of_a_lease_is_retried_alone(rows, caplog) -> None:
    bad = rows[3]

    def work(lease: Lease) -> None:
        if bad in lease.ids:
            raise ValueError("this one")
        lease.finish()

    Lane("test", ReadReceipt, work).run_once()
    assert ReadReceipt.objects.filter(state=State.DONE).count() == len(rows) - 1
    left = ReadReceipt.objects.get(pk=bad)
    assert (left.state, left.attempts, left.reason) == (State.DUE, 1, "ValueError: this one")
    assert f"row {bad}" in caplog.text


def test_a_bad_row_is_dead_after_its_attempts_and_its_neighbours_are_done(rows) -> None:
    bad = rows[0]

    def work(lease: Lease) -> None:
        if bad in lease.ids:
            raise ValueError("this one")
        lease.finish()

    lane = Lane("test", ReadReceipt, work)
    for _ in range(MAX_ATTEMPTS):
        ReadReceipt.objects.filter(state=State.DUE).update(due_at=Now())
        lane.run_once()
    assert dict(ReadReceipt.objects.values_list("pk", "state")) == dict.fromkeys(rows, State.DONE) | {bad: State.DEAD}


def test_rows_that_were_finished_before_the_failure_are_not_worked_on_again(rows) -> None:
    worked: list[Sequence[int]] = []

    def work(lease: Lease) -> None:
        worked.append(list(lease.ids))
        lease.finish(lease.ids[:1])
        if len(lease.ids) > 1:
            raise ValueError

    Lane("test", ReadReceipt, work).run_once()
    assert not ReadReceipt.objects.exclude(state=State.DONE).exists()
    assert all(rows[0] not in ids for ids in worked[1:])


def sending_lane(do: Callable[[Any], Any], lease: float) -> SideLane[Any, Any]:
    """The outbox with leases of this length."""

    def lease_attempts(limit: int) -> list[Any]:
        attempts = list(sender.Scheduler().lease_attempts(limit))
        renew_leases(attempts, seconds=lease)
        return attempts

    steps: dict[str, Any] = {
        "model": SendQueue,
        "store": store_results,
        "fail": sender.result_of_exception,
        "reject": reject_result,
        "give_back": return_attempts,
    }
    steps["renew"] = lambda tasks: renew_leases(tasks, seconds=lease)
    return SideLane("test", take=lease_attempts, do=do, width=4, lease=lease, **steps)


def test_a_message_that_takes_longer_than_its_lease_is_sent_once_and_its_result_stored(meta, joelma) -> None:
    message = write(joelma, "Oi")
    sending, going_on = threading.Event(), threading.Event()

    def slowly(task: Any) -> Any:
        sending.set()
        going_on.wait(20)
        return sender.send(task)

    lane = sending_lane(slowly, SHORT)
    working = InThread(lambda: lane.drain(lambda: False))
    assert sending.wait(10)
    end = SendQueue.objects.get().due_at
    wait_for(lambda: lease_was_renewed(SendQueue, end))
    assert list(sender.Scheduler().lease_attempts(8)) == []  # another worker

    going_on.set()
    assert working.join() == 1
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.SENT], ["Oi"])


def test_a_receipt_that_cannot_be_sent_is_dead_after_its_attempts(meta, joelma) -> None:
    ReadReceipt.objects.create(contact=joelma, wamid="wamid.x")
    steps: dict[str, Any] = {
        "take": read_receipts.lease_receipts,
        "store": read_receipts.store_outcomes,
        "fail": read_receipts.outcome_of_exception,
        "reject": read_receipts.reject_outcome,
    }
    lane = SideLane("test", model=ReadReceipt, do=lambda task: 1 / 0, width=2, **steps)
    for _ in range(MAX_ATTEMPTS):
        ReadReceipt.objects.filter(state=State.DUE).update(due_at=Now())
        lane.drain(lambda: False)
    row = ReadReceipt.objects.get()
    assert (row.state, row.reason) == (State.DEAD, "code None: ZeroDivisionError")


def test_a_number_without_a_graph_client_delays_no_receipts_of_others(meta, joelma, people, other_number, settings) -> None:
    settings.SIMULATOR_URL = "gopher://nowhere"
    PhoneNumber.objects.filter(pk=other_number.pk).update(is_simulated=True)
    (theirs,) = people(1, number=other_number)
    wamid = meta.receive_from_customer()
    for contact in (theirs, joelma):
        ReadReceipt.objects.create(contact=contact, wamid=wamid)
    read_receipts.LANE.drain(lambda: False)
    assert meta.read() == [wamid]
    assert not ReadReceipt.objects.exclude(state=State.DONE).exists()


def test_a_queue_is_due_by_the_clock_of_the_database(people) -> None:
    """The clock of the worker that queues a bot's answer may be wrong."""
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1)), transaction.atomic():
        SendQueue.objects.schedule_all(people(2))
    assert SendQueue.objects.due().count() == 2
