"""Faults in the outbox stay with the number, the message or the file they are about."""

import itertools
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError, connection, connections, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from chats.conftest import person
from chats.inbox.bubbles.thread_bubbles import build_bubbles
from chats.inbox.selectors import read_latest
from chats.media.submitted_files import SubmittedFile
from chats.models import Message, MessageStatus, NumberRateLimit, Origin, QueuedMessage, SendQueue
from chats.outbox import rate_limits, sender
from chats.outbox.message_queue import queue_message
from chats.outbox.send_results import SendResult, reject_result, return_attempts, store_results
from chats.outbox.tests.steps import InThread, bodies, error_of, make_due, statuses_of, wait_for, write
from cloud_api import messages
from cloud_api.graph import GraphError, OutcomeUnknown, Sent
from cloud_api.messages import Choice
from conftest import apply_all
from contacts.models import Contact
from jobs.workers.worker import SideLane
from organizations.models import PhoneNumber
from webhooks.tests.bodies import echo_body

pytestmark = pytest.mark.usefixtures("hub")


class OwnLane:
    """A lane like `sender.LANE`, with a scheduler of its own."""

    def __init__(self, **changes: Any) -> None:
        self.scheduler = sender.Scheduler()
        steps: dict[str, Any] = {
            "model": SendQueue,
            "take": self.scheduler.lease_attempts,
            "do": self.scheduler.send,
            "store": store_results,
            "fail": sender.result_of_exception,
        }
        steps |= {"reject": reject_result, "give_back": return_attempts, "width": 8}
        self.lane: SideLane[Any, Any] = SideLane("test", **(steps | changes))

    def drain(self) -> int:
        return self.lane.drain(lambda: False)


@pytest.fixture
def broken_number(other_number: PhoneNumber, settings: Any) -> PhoneNumber:
    """A number without a Graph client."""
    settings.SIMULATOR_URL = "gopher://nowhere"
    PhoneNumber.objects.filter(pk=other_number.pk).update(is_simulated=True)
    return other_number


# Leasing


def test_a_number_that_fails_does_not_affect_the_attempts_of_others(meta, people, broken_number, numbers, caplog) -> None:
    third = numbers["448190735512733"]
    ours = [write(people(1, number=number)[0], "Oi") for number in (numbers["448190735512098"], third)]
    theirs = write(people(1, number=broken_number)[0], "Oi")

    OwnLane().drain()

    assert statuses_of(*ours, theirs) == [MessageStatus.SENT, MessageStatus.SENT, MessageStatus.QUEUED]
    assert broken_number.phone_number_id in caplog.text


def test_a_number_that_fails_backs_off_and_sends_when_it_is_fixed(meta, people, broken_number) -> None:
    message = write(people(1, number=broken_number)[0], "Oi")
    scheduler = sender.Scheduler()
    assert list(scheduler.lease_attempts(8)) == []
    with CaptureQueriesContext(connection) as queries:
        assert list(scheduler.lease_attempts(8)) == []
    assert len(queries) == 1  # the number backs off

    PhoneNumber.objects.filter(pk=broken_number.pk).update(is_simulated=False)
    assert OwnLane().drain() == 1
    assert statuses_of(message) == [MessageStatus.SENT]


def test_a_number_whose_row_is_locked_delays_no_other(meta, people, number, other_number) -> None:
    ours, theirs = write(people(1)[0], "Oi"), write(people(1, number=other_number)[0], "Oi")
    rate_limits.pause_number(other_number.phone_number_id, organization_id=other_number.organization_id, seconds=0)
    lane = OwnLane().lane
    with transaction.atomic() if connection.features.has_select_for_update else nullcontext():
        list(NumberRateLimit.objects.select_for_update().filter(phone_number=other_number.phone_number_id))
        working = InThread(lane.run_once)
        wait_for(meta.sent)
    working.join()
    InThread(lambda: lane.drain(lambda: False)).join()
    assert (statuses_of(ours, theirs), bodies(meta)) == ([MessageStatus.SENT, MessageStatus.SENT], ["Oi"])


def test_a_number_whose_requests_hang_leaves_threads_for_another(meta, people, number, other_number) -> None:
    for contact in people(20):
        write(contact, "Oi")
    (theirs,) = people(1, number=other_number)
    meta.fault("slow", times=None, seconds=8.0)
    own_lane = OwnLane()
    deadline = time.monotonic() + 6
    taken_at = time.monotonic() + 1.5
    working = InThread(lambda: own_lane.lane.drain(lambda: time.monotonic() > deadline))
    wait_for(lambda: time.monotonic() > taken_at)
    urgent = write(theirs, "Urgente")
    wait_for(lambda: statuses_of(urgent) == [MessageStatus.SENT] or time.monotonic() > deadline)
    hanging = Message.objects.filter(phone_number=number.phone_number_id, message_status=MessageStatus.SENDING).count()
    assert (statuses_of(urgent), hanging) == ([MessageStatus.SENT], 6)  # of 8 threads
    working.join()


def test_a_message_that_cannot_be_made_into_a_request_fails_alone(meta, people) -> None:
    bad, good = people(2)
    broken, whole = write(bad, "Oi"), write(good, "Oi")
    behind = write(bad, "E depois")
    Message.objects.filter(pk=broken.pk).update(payload={"nothing": True})

    OwnLane().drain()

    assert statuses_of(broken, whole, behind) == [MessageStatus.FAILED, MessageStatus.SENT, MessageStatus.SENT]
    broken.refresh_from_db()
    assert error_of(broken)["problem"] == "malformed"


def test_attempts_that_no_thread_has_started_are_queued_again(meta, joelma, monkeypatch: pytest.MonkeyPatch) -> None:
    message = write(joelma, "Oi")
    own_lane = OwnLane()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("test"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        own_lane.lane.run_once()
        own_lane.lane.finish()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    assert not QueuedMessage.objects.exclude(attempted_at=None).exists()

    assert own_lane.drain() == 1
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.SENT], ["Oi"])


def test_a_returned_attempt_keeps_the_mark_of_an_earlier_worker(meta, joelma) -> None:
    """A message that a dead worker was sending becomes uncertain, even if the next worker returns its attempt."""
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    sender.send(attempt)  # and then it is killed
    make_due()
    attempts = list(sender.Scheduler().lease_attempts(1))
    return_attempts(attempts)
    assert QueuedMessage.objects.exclude(attempted_at=None).count() == 1

    OwnLane().drain()
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.UNCERTAIN], ["Oi"])


def test_an_attempt_whose_lease_was_lost_is_not_returned(meta, joelma) -> None:
    message = write(joelma, "Oi")
    late = list(sender.Scheduler().lease_attempts(1))
    make_due()
    QueuedMessage.objects.update(attempted_at=None)
    (now_sending,) = sender.Scheduler().lease_attempts(1)
    return_attempts(late)
    assert statuses_of(message) == [MessageStatus.SENDING]
    assert SendQueue.objects.get().lease_token == now_sending.lease_token


@pytest.mark.parametrize("is_committed", [True, False])
def test_attempts_are_sent_if_the_connection_breaks_during_their_commit(
    meta, joelma, is_committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unknown whether the commit succeeded. No request has left."""
    message = write(joelma, "Oi")
    own_lane = OwnLane()
    wrapper: Any = connections["default"]
    commit, breaks = wrapper._commit, iter([True])

    def commit_and_break() -> None:
        is_broken = next(breaks, False)
        if is_committed or not is_broken:
            commit()
        if is_broken:
            raise OperationalError(2013, "Lost connection to server during query")

    with monkeypatch.context() as patched:
        patched.setattr(wrapper, "_commit", commit_and_break)
        own_lane.drain()
    make_due()  # the lease ends while this worker has nothing else to do
    OwnLane().drain()
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.SENT], ["Oi"])


# Storing


def lane_with_wamids(wamids: dict[int, str]) -> OwnLane:
    """Returns a lane whose Graph accepts the message of each contact with this wamid."""
    return OwnLane(do=lambda attempt: Sent(wamids[attempt.contact_id], None, None, None))


def test_a_wamid_that_is_stored_already_is_detected_and_stops_no_other_result(meta, people, post_and_apply) -> None:
    first, second, third = people(3)
    written = [write(contact, "Oi") for contact in (first, second, third)]
    has_wamid(first, "wamid.taken")

    lane_with_wamids({first.pk: "wamid.1", second.pk: "wamid.taken", third.pk: "wamid.3"}).drain()

    assert statuses_of(*written) == [MessageStatus.SENT, MessageStatus.UNCERTAIN, MessageStatus.SENT]
    doubtful = Message.objects.get(pk=written[1].pk)
    assert (doubtful.wamid, error_of(doubtful)["problem"]) == (None, "unstored")
    assert (
        words_in_thread(second, doubtful)
        == "WhatsApp answered, but the hub could not store the answer. The message may have arrived."
    )


def test_a_conversation_goes_on_after_a_result_that_cannot_be_stored(meta, joelma, people) -> None:
    has_wamid(people(1)[0], "wamid.taken")
    written = [write(joelma, "um"), write(joelma, "dois")]
    answers = iter(["wamid.taken", "wamid.free"])
    OwnLane(do=lambda attempt: Sent(next(answers), None, None, None)).drain()
    assert statuses_of(*written) == [MessageStatus.UNCERTAIN, MessageStatus.SENT]
    assert not QueuedMessage.objects.exists()


def has_wamid(contact: Contact, wamid: str) -> None:
    """Stores a message that has this wamid, as if another program of the business had sent it."""
    number = contact.create_for_phone_number
    Message.objects.create(
        phone_number=number, contact=contact, wamid=wamid, wa_id=number.wa_id, wa_id_received=contact.wa_id, content="Oi",
        is_user_message=False, origin=Origin.PHONE_APP, kind="text", payload={}, message_status=MessageStatus.SENT,
        session_id=uuid.uuid4(), expires_at=timezone.now(), is_active=False, create_in=timezone.now(),
    )  # fmt: skip


def words_in_thread(contact: Contact, message: Message) -> str:
    """Returns why the message failed or is uncertain, as the conversation shows it."""
    with translation.override("en"):
        bubbles = {bubble.message.pk: bubble for bubble in build_bubbles(read_latest(contact))}
    return bubbles[message.pk].failure or bubbles[message.pk].doubt


def test_two_messages_that_get_the_same_wamid_are_one_sent_and_one_uncertain(meta, people) -> None:
    one, other = people(2)
    written = [write(one, "Oi"), write(other, "Oi")]
    lane_with_wamids(dict.fromkeys((one.pk, other.pk), "wamid.same")).drain()
    assert sorted(statuses_of(*written)) == [MessageStatus.SENT, MessageStatus.UNCERTAIN]
    assert not QueuedMessage.objects.exists()


def test_a_wamid_too_long_for_its_column_makes_one_message_uncertain(meta, people) -> None:
    one, other = people(2)
    written = [write(one, "Oi"), write(other, "Oi")]
    lane_with_wamids({one.pk: "w" * 300, other.pk: "wamid.2"}).drain()
    long, short = statuses_of(*written)
    assert (long, short) == ("sent" if connection.vendor == "sqlite" else "uncertain", "sent")  # SQLite stores any length


def test_a_status_of_a_message_whose_wamid_is_another_ones_is_applied(meta, joelma, post_and_apply) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    sender.send(attempt)
    (sent,) = meta.sent()
    post_and_apply(echo_body(sent["wamid"], int(timezone.now().timestamp()), to=joelma.wa_id))
    make_due()
    apply_all()
    post_and_apply(meta.status_body(sent, "delivered"))
    assert statuses_of(message) == [MessageStatus.UNCERTAIN]
    assert Message.objects.get(wamid=sent["wamid"]).message_status == MessageStatus.DELIVERED


# Errors of the hub's own


def test_an_unexpected_error_while_sending_leaves_the_message_uncertain_at_once(meta, joelma) -> None:
    message, behind = write(joelma, "um"), write(joelma, "dois")
    is_first = iter([True])

    def send(attempt: Any) -> Any:
        if next(is_first, False):
            raise ZeroDivisionError
        return sender.send(attempt)

    OwnLane(do=send).drain()
    assert statuses_of(message, behind) == [MessageStatus.UNCERTAIN, MessageStatus.SENT]


def test_a_recipient_without_any_address_fails_and_the_next_goes_on(meta, people) -> None:
    lost, known = people(2)
    messages_of = [write(lost, "Oi"), write(known, "Oi")]
    Contact.objects.filter(pk=lost.pk).update(wa_id="")
    OwnLane().drain()
    assert statuses_of(*messages_of) == [MessageStatus.FAILED, MessageStatus.SENT]


class Bucket(FileSystemStorage):
    """A storage with exceptions of its own, like that of a cloud."""

    failure: Exception | None = None

    def open(self, name: str, mode: str = "rb") -> Any:
        if self.failure:
            raise self.failure
        return super().open(name, mode)


class ClientError(Exception):
    """Like botocore's exception: not an OSError."""


@pytest.fixture
def bucket(settings: Any, tmp_path: Path) -> Iterator[type[Bucket]]:
    name = f"{__name__}.Bucket"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": name, "OPTIONS": {"location": tmp_path / "bucket"}}}
    yield Bucket
    Bucket.failure = None


def write_with_file(contact: Contact) -> Message:
    content = ContentFile(b"%PDF-1.4 ...", name="a.pdf")
    file = SubmittedFile(file=content, kind="document", mime_type="application/pdf", file_name="a.pdf", size=content.size)
    options: dict[str, Any] = {"token": uuid.uuid4(), "origin": Origin.STAFF, "now": timezone.now()}
    return queue_message(contact=contact, message={"type": "document", "document": {}}, file=file, **options)


@pytest.mark.parametrize(
    "failure", [PermissionError(13, "no"), OSError(28, "full"), TimeoutError(), ClientError("403"), RuntimeError()]
)
def test_a_storage_that_fails_is_tried_a_few_times_and_then_the_message_fails(meta, joelma, bucket, failure) -> None:
    message, behind = write_with_file(joelma), write(joelma, "E depois")
    bucket.failure = failure
    attempts = 0
    while statuses_of(message) == [MessageStatus.QUEUED]:
        OwnLane().drain()
        attempts += 1
        assert SendQueue.objects.get().attempts in (attempts, 0)
        make_due()
        assert attempts < 20, "there is no end"
    OwnLane().drain()
    assert 5 < attempts < 15
    assert statuses_of(message, behind) == [MessageStatus.FAILED, MessageStatus.SENT]
    assert words_in_thread(joelma, message).startswith("The hub could not read the file from its storage.")


def test_a_file_that_cannot_be_read_for_a_while_is_sent_in_the_end(meta, joelma, bucket) -> None:
    message = write_with_file(joelma)
    bucket.failure = ClientError("503")
    OwnLane().drain()
    bucket.failure = None
    make_due()
    OwnLane().drain()
    OwnLane().drain()
    assert statuses_of(message) == [MessageStatus.SENT]
    assert len(meta.sent()) == 1


def test_an_error_while_a_file_is_read_is_the_storages(meta, joelma, bucket, tmp_path) -> None:
    """The file can be opened, and reading fails, which happens with storages of clouds."""
    message = write_with_file(joelma)
    (path,) = [each for each in (tmp_path / "bucket").rglob("*") if each.is_file()]
    path.unlink()
    path.mkdir()
    OwnLane().drain()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    assert SendQueue.objects.get().reason == "storage: IsADirectoryError EISDIR"


def test_a_file_that_kills_workers_is_given_up(meta, joelma, bucket) -> None:
    message = write_with_file(joelma)
    for _ in range(sender.MAX_UPLOADS):
        assert len(list(sender.Scheduler().lease_attempts(8))) == 1  # and then it is killed
        make_due()
    OwnLane().drain()
    assert statuses_of(message) == [MessageStatus.FAILED]


# Waiting numbers


def test_numbers_that_are_stopped_or_wait_cost_one_query_together(meta, organization, number) -> None:
    for index in range(20):
        waiting = PhoneNumber.objects.create(
            organization=organization, phone_number_id=f"77{index}", wa_id=f"5561{index}", waba_id="1", meta_token="t"
        )
        write(person(waiting, wa_id=f"55619{index}"), "Oi")
        if index < 10:
            PhoneNumber.objects.filter(pk=waiting.pk).update(sending_stopped_at=timezone.now(), sending_stopped_code=190)
        else:
            rate_limits.pause_number(waiting.phone_number_id, organization_id=waiting.organization_id, seconds=3600)
    lane = OwnLane().lane
    with CaptureQueriesContext(connection) as queries:
        assert lane.run_once() == 0
    assert len(queries) == 1


def test_the_messages_of_all_numbers_are_leased_in_one_transaction(meta, numbers) -> None:
    for index, number in enumerate(numbers.values()):
        write(person(number, wa_id=f"5561999{index:06}"), "Oi")
    scheduler = sender.Scheduler()
    with CaptureQueriesContext(connection) as queries:
        attempts = list(scheduler.lease_attempts(64))
    assert {each.phone_number_id for each in attempts} == set(numbers)
    assert sum("BEGIN" in query["sql"] for query in queries) == 1
    assert sum(query["sql"].startswith("UPDATE") and "chat_outgoing" in query["sql"] for query in queries) == 1


KINDS = [messages.text("Oi"), messages.buttons("Qual?", [Choice("1", "Um")]), messages.location(-15.7, -47.8)]
RESULTS: list[SendResult] = [Sent("", None, None, None), GraphError(131026), OutcomeUnknown("no answer")]


def test_more_messages_cost_no_more_statements(meta, people) -> None:
    """Each message needs other columns, depending on its kind, and on its result."""
    PhoneNumber.objects.update(messages_per_second=1000)
    counts = []
    all_contacts, few = people(45), len(KINDS) * len(RESULTS)
    for contacts in (all_contacts[:few], all_contacts[few:]):
        for contact, message in zip(contacts, itertools.cycle(KINDS), strict=False):
            queue_message(contact=contact, message=message, token=uuid.uuid4(), origin=Origin.BOT, now=timezone.now())
        with CaptureQueriesContext(connection) as leasing:
            attempts = list(sender.Scheduler().lease_attempts(200))
        assert len(attempts) == len(contacts)
        results = [
            (attempt, replace(result, wamid=f"wamid.{attempt.message_id}") if isinstance(result, Sent) else result)
            for attempt, result in zip(attempts, itertools.cycle(RESULTS), strict=False)
        ]
        with CaptureQueriesContext(connection) as storing:
            store_results(results)
        counts.append((len(leasing), len(storing)))
    (leasing_few, storing_few), (leasing_many, storing_many) = counts
    assert leasing_many <= leasing_few < 25  # the first time, the row of the rate limit is created
    assert storing_many == storing_few < 20


def test_a_conversation_that_waits_for_its_retry_costs_one_query(meta, joelma) -> None:
    write(joelma, "Oi")
    SendQueue.objects.update(due_at=Now() + timedelta(hours=1))
    lane = OwnLane().lane
    with CaptureQueriesContext(connection) as queries:
        assert lane.run_once() == 0
    assert len(queries) == 1


def test_a_number_whose_pause_is_over_sends_at_once(meta, joelma, number) -> None:
    message = write(joelma, "Oi")
    rate_limits.pause_number(number.phone_number_id, organization_id=number.organization_id, seconds=3600)
    own_lane = OwnLane()
    assert own_lane.drain() == 0
    NumberRateLimit.objects.update(next_slot_at=timezone.now())
    assert own_lane.drain() == 1
    assert statuses_of(message) == [MessageStatus.SENT]


def test_each_call_begins_with_another_number(meta, organization, numbers) -> None:
    for phone_number_id, number in numbers.items():
        for index in range(6):
            write(person(number, wa_id=f"55{index}{phone_number_id[-4:]}"), "Oi")
    scheduler = sender.Scheduler()
    firsts = [next(scheduler.lease_attempts(1)).phone_number_id for _ in range(6)]
    assert firsts == sorted(numbers) * 2
