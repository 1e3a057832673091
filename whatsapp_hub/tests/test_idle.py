"""An idle worker: its queries, its wake-ups, and that it still works on rows when they are due."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.backends.signals import connection_created
from django.db.models.functions import Now
from django.utils import timezone

from chats.models import Attachment, Message, NumberRateLimit, Origin, ReadReceipt, SendQueue
from chats.outbox.message_queue import queue_message
from chats.outbox.read_receipts import queue_read_receipt
from cloud_api import messages
from contacts.models import Contact
from jobs.models import Lease, State
from jobs.wakeups import WakeUps, wake
from jobs.workers.due_times import DueTimes
from jobs.workers.round_queue import RoundQueue
from jobs.workers.worker import MAX_PAUSE, MAX_QUERY_INTERVAL, Lane, SideLane, Worker
from organizations.credentials.signers import Signature
from organizations.models import Organization, PhoneNumber
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook
from webhooks.tests.bodies import body, message, text_body, value
from whatsapp_hub.lanes import CHORES, LANES

TIMEOUT = 15.0
SETTLED_AFTER = 3.0
MEASURED_SECONDS = 4.0


@pytest.fixture(autouse=True)
def directory(settings: Any, tmp_path: Any) -> None:
    settings.VAR_DIR = tmp_path


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


class RecordingLane:
    """A lane of webhooks that records how often it queries them, and when it works."""

    def __init__(self) -> None:
        self.count = 0
        self.worked_at: list[float] = []
        recorder = self

        class CountingLane(Lane):
            def run_once(self) -> int:
                recorder.count += 1
                return super().run_once()

        self.lane = CountingLane("recording", Webhook, self._work)

    def wake(self) -> None:
        """Wakes the lane, and waits until it has queried its rows."""
        before = self.count
        wake(Webhook)
        until(lambda: self.count > before)

    def _work(self, lease: Lease) -> None:
        self.worked_at.append(time.monotonic())
        lease.finish()


class Statements:
    """Counts the statements of all connections that are made in its context."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> "Statements":
        connection_created.connect(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        connection_created.disconnect(self._watch)

    def _watch(self, connection: Any, **_: Any) -> None:
        connection.execute_wrappers.append(self._count)

    def _count(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


def create_numbers_that_cannot_send(organization: Organization, count: int) -> None:
    """Creates `count` stopped numbers and `count` paused ones, each with a queued message."""
    now = timezone.now()
    for index in range(2 * count):
        number = PhoneNumber.objects.create(
            organization=organization,
            phone_number_id=f"70000000{index:03}",
            wa_id=f"5561330000{index:02}",
            meta_token="token",
            sending_stopped_at=now if index < count else None,
        )
        contact = Contact.objects.create(create_for_phone_number=number, organization=organization, wa_id=f"5561900000{index:02}")
        write_to(contact)
        NumberRateLimit.objects.create(phone_number=number, next_slot_at=now + timedelta(hours=index >= count))


def write_to(contact: Contact) -> Message:
    contact.last_customer_message_at = timezone.now()
    contact.save()
    text = messages.text("Bom dia")
    return queue_message(contact=contact, message=text, token=uuid.uuid4(), origin=Origin.API, now=timezone.now())


def test_an_idle_worker_makes_less_than_five_queries_a_second(organization) -> None:
    create_numbers_that_cannot_send(organization, 10)
    with Statements() as statements, running(Worker(LANES, CHORES)):
        time.sleep(SETTLED_AFTER)
        before = statements.count
        time.sleep(MEASURED_SECONDS)
        count = statements.count - before
    assert 0 < count < 5 * MEASURED_SECONDS


def test_an_idle_lane_makes_no_query(transactional_db) -> None:
    recording = RecordingLane()
    with running(Worker([recording.lane], [])):
        until(lambda: recording.count)
        time.sleep(2 * MAX_QUERY_INTERVAL)
        assert recording.count == 1


def test_a_wake_up_makes_a_lane_query_at_once(transactional_db) -> None:
    recording = RecordingLane()
    with running(Worker([recording.lane], [])):
        until(lambda: recording.count)
        wake(Webhook)
        until(lambda: recording.count == 2)


def test_rows_without_a_wake_up_are_found(transactional_db) -> None:
    recording = RecordingLane()
    with running(Worker([recording.lane], [])):
        until(lambda: recording.count)
        Webhook.objects.create(json="{}", size=2)
        until(lambda: recording.worked_at)


def test_a_row_is_worked_on_when_it_is_due_and_not_at_the_next_poll(transactional_db) -> None:
    recording = RecordingLane()
    late: list[float] = []
    with running(Worker([recording.lane], [])):
        until(lambda: recording.count)
        time.sleep(SETTLED_AFTER)  # from now on it polls once a second
        for seconds in (1.3, 1.55, 1.8):
            due_at = time.monotonic() + seconds
            Webhook.objects.create(json="{}", size=2, due_at=Now() + timedelta(seconds=seconds))
            until(lambda: len(recording.worked_at) > len(late))
            late.append(recording.worked_at[-1] - due_at)
    assert -0.05 < min(late) <= max(late) < 0.5


def test_an_idle_worker_stops_at_once(transactional_db) -> None:
    worker = Worker(LANES, [])
    with running(worker):
        time.sleep(SETTLED_AFTER)
        began = time.monotonic()
        worker.stop()
    assert time.monotonic() - began < MAX_QUERY_INTERVAL + 1


def test_a_worker_that_is_stopped_as_it_starts_ends(transactional_db) -> None:
    for _ in range(20):
        with running(Worker([RecordingLane().lane], [])):
            pass


def test_a_webhook_that_is_acknowledged_has_woken_the_workers(hub, numbers) -> None:
    with WakeUps() as wakeups:
        hub.deliver(text_body("w1"))
        assert wakeups.wait() == {"webhooks.webhook"}


def test_a_message_that_is_written_wakes_the_outbox(numbers, organization) -> None:
    contact = Contact.objects.create(create_for_phone_number=numbers["448190735512098"], organization=organization, wa_id="5561")
    with WakeUps() as wakeups:
        write_to(contact)
        assert wakeups.wait() == {"chats.sendqueue"}


def test_files_and_receipts_wake_their_lanes(post_and_apply, numbers) -> None:
    number = numbers["448190735512098"]
    number.sends_read_receipts = True
    number.save()
    picture = message("w1", int(time.time())) | {"type": "image", "image": {"id": "1", "mime_type": "image/jpeg"}}
    with WakeUps() as wakeups:
        post_and_apply(body(value(messages=[picture])))
        assert Attachment.objects.count() == 1
        assert wakeups.wait() >= {"webhooks.webhook", "chats.attachment"}
        queue_read_receipt(Contact.objects.get(), up_to=Webhook.objects.get().pk)
        assert ReadReceipt.objects.count() == 1
        assert wakeups.wait() == {"chats.readreceipt"}


def test_the_outbox_is_due_when_a_number_may_send_again(organization) -> None:
    def seconds_left() -> float:
        due_times = DueTimes({"turns": SendQueue.objects.soonest(), "webhooks": Webhook.objects.soonest()})
        left = due_times.seconds_left({"turns", "webhooks"})
        assert left.keys() == {"turns"}
        return left["turns"]

    create_numbers_that_cannot_send(organization, 1)
    stopped, held = PhoneNumber.objects.order_by("pk")
    assert 590 < seconds_left() <= 600
    stopped.sending_stopped_at = timezone.now() - timedelta(minutes=11)
    stopped.save()
    assert seconds_left() <= 0
    SendQueue.objects.filter(phone_number=stopped).update(due_at=Now() + timedelta(seconds=30))
    assert 25 < seconds_left() <= 30
    stopped.activate = False
    stopped.save()
    assert 3500 < seconds_left() <= 3600
    NumberRateLimit.objects.filter(phone_number=held).delete()
    assert seconds_left() <= 0


def test_due_times_need_one_query(organization, django_assert_num_queries) -> None:
    create_numbers_that_cannot_send(organization, 3)
    due_times = DueTimes({lane.name: lane.model.objects.soonest() for lane in LANES})
    with django_assert_num_queries(1):
        assert due_times.seconds_left({lane.name for lane in LANES}).keys() == {"outbox"}
    with django_assert_num_queries(1):
        assert due_times.seconds_left({"webhooks", "held"}) == {}
    with django_assert_num_queries(0):
        assert due_times.seconds_left(()) == {}


def test_of_several_lanes_for_one_model_all_are_woken(transactional_db) -> None:
    first, second = RecordingLane(), RecordingLane()
    with running(Worker([first.lane, second.lane], [])):
        until(lambda: first.count and second.count)
        wake(Webhook)
        until(lambda: first.count == second.count == 2)


def test_a_lane_of_rare_rows_is_not_woken_and_finds_its_rows(transactional_db) -> None:
    often, rare = RecordingLane(), RecordingLane()
    rare.lane = replace(rare.lane, is_woken=False)
    with running(Worker([often.lane, rare.lane], [])):
        until(lambda: often.count and rare.count)
        before = rare.count
        for _ in range(5):
            often.wake()
        assert rare.count == before
    with running(Worker([rare.lane], [])):
        store_bodies([SignedBody(b"{}", Signature(None))])
        wake(Webhook)
        until(lambda: rare.worked_at)


def test_a_side_lane_that_waits_for_its_tasks_lets_others_run_and_takes_what_becomes_due(transactional_db) -> None:
    recording, shelf, may_end, started = RecordingLane(), [1], threading.Event(), []

    def take(free: int) -> list[int]:
        taken = shelf[:free]
        del shelf[:free]
        return taken

    def do(task: int) -> int:
        started.append(task)
        may_end.wait(TIMEOUT)
        return task

    side = SideLane("waiting", model=ReadReceipt, take=take, do=do, store=lambda outcomes: None, width=2)
    worker = Worker([recording.lane, side], [])
    worker._rounds = RoundQueue(longest=TIMEOUT)
    with running(worker):
        until(lambda: started == [1])
        begun = time.monotonic()
        for _ in range(20):
            recording.wake()
        # Each takes a wake-up and a rest. If the side lane kept its place while it waits, each would also take `MAX_PAUSE`.
        assert time.monotonic() - begun < 20 * MAX_PAUSE
        shelf.append(2)
        wake(ReadReceipt)
        until(lambda: started == [1, 2])
        may_end.set()


def test_no_round_begins_after_a_stop(transactional_db) -> None:
    recording = RecordingLane()
    worker = Worker([recording.lane], [])
    worker._rounds = RoundQueue(longest=TIMEOUT)
    thread = threading.Thread(target=worker.run)
    with worker._rounds.next():
        thread.start()
        until(lambda: worker._rounds._waiting)
        worker.stop()
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert recording.count == 0


def test_while_a_lane_works_its_rows_are_not_queried(transactional_db) -> None:
    released = threading.Event()

    def work(lease: Lease) -> None:
        assert released.wait(TIMEOUT)
        lease.finish()

    with Statements() as statements, running(Worker([Lane("slow", Webhook, work)], [])):
        Webhook.objects.create(json="{}", size=2)
        until(lambda: Webhook.objects.exclude(lease_token=None).exists())
        time.sleep(0.5)  # for a query that is running
        before = statements.count
        time.sleep(2 * MAX_QUERY_INTERVAL)
        count = statements.count - before
        released.set()
        until(lambda: Webhook.objects.get().state == State.DONE)
    assert count == 0
