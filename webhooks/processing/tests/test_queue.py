"""Leases: one worker has a row at a time, a dead worker loses no row, and a row that fails is retried and then dead."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models.functions import Now

from jobs.models import MAX_ATTEMPTS, Lease
from jobs.workers.worker import Chore, Lane, Worker
from organizations.credentials.signers import Signature
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def row() -> Webhook:
    return stored(1)[0]


def stored(count: int, *, size: int = 2) -> list[Webhook]:
    store_bodies([SignedBody(b"{" + b" " * (size - 2) + b"}", Signature(None))] * count)
    return list(Webhook.objects.order_by("pk"))


def lease(*, limit: int = 500, seconds: float = 20.0, budget: int = 0) -> Lease | None:
    return Webhook.objects.all().lease(limit=limit, seconds=seconds, weight="size" if budget else None, budget=budget)


def taken(**options: int) -> Lease:
    found = lease(**options)
    assert found is not None
    return found


def make_due() -> None:
    Webhook.objects.update(due_at=Now() - timedelta(minutes=1))


def lane(work: Callable[[Lease], None]) -> Lane:
    return Lane("test", Webhook, work)


def test_a_leased_row_belongs_to_one_worker(row) -> None:
    assert taken().ids == [row.pk]
    assert lease() is None


def test_a_row_whose_worker_died_is_due_again_when_the_lease_ends(row) -> None:
    first = taken()
    make_due()  # as if the lease had run out
    second = taken()
    assert second.ids == [row.pk]
    first.finish()
    row.refresh_from_db()
    assert (row.state, row.lease_token) == ("due", second.token), "who lost the row has no say any more"
    second.finish()
    row.refresh_from_db()
    assert row.state == "done"


def test_the_longest_due_come_first(row) -> None:
    second, third = stored(2)[1:]
    Webhook.objects.filter(pk=third.pk).update(due_at=Now() - timedelta(hours=1))
    assert taken(limit=2).ids == [third.pk, row.pk]
    assert taken(limit=2).ids == [second.pk]


def test_a_lease_takes_no_more_than_its_budget_but_always_one() -> None:
    rows = stored(5, size=100)
    assert taken(budget=250).ids == [each.pk for each in rows[:2]]
    assert taken(budget=10).ids == [rows[2].pk]


def test_two_queues_that_fill_a_lease_exactly_are_leased() -> None:
    store_bodies([SignedBody(b"{}", Signature(None)), SignedBody(b"{}", Signature((7,)))] * 3)
    assert sorted(taken(limit=6).ids) == list(Webhook.objects.order_by("pk").values_list("pk", flat=True))


def test_a_parked_row_waits_until_it_is_made_due(row) -> None:
    taken().set_waiting([row.pk], "for a number")
    assert lease() is None
    assert Webhook.objects.all().make_due() == 1
    assert taken().ids == [row.pk]


def test_a_row_that_fails_is_tried_again_later_and_later_and_then_dead(row) -> None:
    pauses = []
    for attempt in range(1, MAX_ATTEMPTS):
        make_due()
        taken().retry([row.pk], "it broke")
        row = Webhook.objects.annotate(now=Now()).get()
        assert (row.state, row.attempts, row.reason) == ("due", attempt, "it broke")
        pauses.append((row.due_at - row.now).total_seconds())
    assert all(0.4 * 2**attempt <= pause <= 1.6 * 2**attempt for attempt, pause in enumerate(pauses, 1))
    make_due()
    taken().retry([row.pk], "it broke")
    row.refresh_from_db()
    assert (row.state, row.reason) == ("dead", "it broke")
    assert lease() is None


def test_a_dead_row_can_be_replayed_with_all_its_tries(row) -> None:
    taken().set_dead([row.pk], "x" * 900)
    Webhook.objects.dead().make_due()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.reason) == ("due", 0, "")


def test_many_workers_never_have_a_row_at_the_same_time() -> None:
    rows = stored(300)
    seen: list[int] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        while found := lease(limit=7):
            seen.extend(found.ids)
            found.finish()
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Who was overtaken by all the others may have ended early, so one more looks.
    work_left = [each for found in iter(lambda: lease(limit=500), None) for each in found.ids]
    assert sorted(seen + work_left) == [each.pk for each in rows]


def test_a_lane_that_breaks_gives_its_rows_back_with_the_reason(row) -> None:
    def broken(found: Lease) -> None:
        raise ValueError("no")

    assert lane(broken).run_once() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.reason) == ("due", 1, "ValueError: no")


def test_a_worker_that_is_stopped_finishes_its_rows_and_leases_no_more() -> None:
    stored(2)
    began, go_on = threading.Event(), threading.Event()

    def slow(found: Lease) -> None:
        began.set()
        go_on.wait(10)
        found.finish()

    worker = Worker([Lane("slow", Webhook, slow, limit=1)], [])
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert began.wait(10)
    worker.stop()
    go_on.set()
    thread.join(10)
    assert not thread.is_alive()
    assert sorted(Webhook.objects.values_list("state", flat=True)) == ["done", "due"]


def test_a_worker_goes_on_after_a_lane_or_a_chore_has_failed() -> None:
    stored(1)
    tries: list[str] = []

    def failing_chore() -> int:
        tries.append("chore")
        raise RuntimeError("once")

    def work(found: Lease) -> None:
        tries.append("lane")
        found.finish()

    worker = Worker([lane(work)], [Chore("failing", failing_chore, every=0.01)])
    thread = threading.Thread(target=worker.run)
    thread.start()
    while {"chore", "lane"} - set(tries):
        thread.join(0.02)
    assert thread.is_alive()
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_the_state_machine_has_no_other_way_out(row) -> None:
    """Whatever ends a lease takes the token away, so that nobody else's word counts for the row."""
    ends: list[Callable[[Lease], None]] = [
        lambda found: found.finish(),
        lambda found: found.set_waiting([row.pk], "r"),
        lambda found: found.set_dead([row.pk], "r"),
        lambda found: found.retry([row.pk], "r"),
    ]
    for end in ends:
        Webhook.objects.all().make_due()
        end(taken())
        assert Webhook.objects.get().lease_token is None
