"""Faults in the outbox stay with the number, the message or the file they are about."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
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
from chats.inbox.bubbles import build_bubbles
from chats.inbox.selectors import read_latest
from chats.media.submitted_files import SubmittedFile
from chats.models import Message, MessageStatus, NumberRateLimit, Origin, QueuedMessage, SendQueue
from chats.outbox import rate_limits, sender
from chats.outbox.message_queue import queue_message
from chats.outbox.send_results import reject_result, return_attempts, store_results
from chats.outbox.tests.steps import InThread, bodies, make_due, statuses_of, wait_for, write
from cloud_api.graph import Sent
from conftest import apply_all
from contacts.models import Contact
from jobs.worker import SideLane
from organizations.models import PhoneNumber
from webhooks.tests.bodies import echo_body

pytestmark = pytest.mark.usefixtures("hub")


class Outsider:
    """What a test needs of `outbox.LANE`, with an outbox of its own."""

    def __init__(self, **changes: Any) -> None:
        self.outbox = sender.Scheduler()
        steps: dict[str, Any] = {
            "model": SendQueue,
            "take": self.outbox.take_by_number,
            "do": self.outbox.send,
            "store_results": store_results,
            "fail": sender.fail,
        }
        steps |= {"reject": reject_result, "return_attempts": return_attempts, "width": 8}
        self.lane: SideLane[Any, Any] = SideLane("test", **(steps | changes))

    def drain(self) -> int:
        return self.lane.drain(lambda: False)


@pytest.fixture
def broken_number(other_number: PhoneNumber, settings: Any) -> PhoneNumber:
    """A number for which no client of Graph can be made."""
    settings.SIMULATOR_URL = "gopher://nowhere"
    PhoneNumber.objects.filter(pk=other_number.pk).update(is_simulated=True)
    return other_number


# Taking


def test_a_number_that_fails_costs_no_other_what_was_taken_from_it(meta, people, broken_number, numbers, caplog) -> None:
    third = numbers["448190735512733"]
    ours = [write(people(1, number=number)[0], "Oi") for number in (numbers["448190735512098"], third)]
    theirs = write(people(1, number=broken_number)[0], "Oi")

    Outsider().drain()

    assert statuses_of(*ours, theirs) == [MessageStatus.SENT, MessageStatus.SENT, MessageStatus.QUEUED]
    assert broken_number.phone_number_id in caplog.text


def test_a_number_that_fails_rests_and_goes_on_when_it_is_mended(meta, people, broken_number) -> None:
    message = write(people(1, number=broken_number)[0], "Oi")
    tried = sender.Scheduler()
    assert tried.take(8) == []
    with CaptureQueriesContext(connection) as queries:
        assert tried.take(8) == []
    assert len(queries) == 1  # it is left alone for a moment

    PhoneNumber.objects.filter(pk=broken_number.pk).update(is_simulated=False)
    assert Outsider().drain() == 1
    assert statuses_of(message) == [MessageStatus.SENT]


def test_a_number_whose_row_others_have_locked_keeps_no_other_waiting(meta, people, number, other_number) -> None:
    ours, theirs = write(people(1)[0], "Oi"), write(people(1, number=other_number)[0], "Oi")
    rate_limits.pause_number(other_number.phone_number_id, organization_id=other_number.organization_id, seconds=0)
    lane = Outsider().lane
    with transaction.atomic() if connection.features.has_select_for_update else nullcontext():
        list(NumberRateLimit.objects.select_for_update().filter(phone_number=other_number.phone_number_id))
        working = InThread(lane.run_once)
        wait_for(meta.sent)
    working.join()
    InThread(lane.finish).join()
    assert (statuses_of(ours, theirs), bodies(meta)) == ([MessageStatus.SENT, MessageStatus.SENT], ["Oi"])


def test_a_number_whose_requests_hang_leaves_threads_for_another(meta, people, number, other_number) -> None:
    for contact in people(20):
        write(contact, "Oi")
    (theirs,) = people(1, number=other_number)
    meta.fault("slow", times=None, seconds=8.0)
    outsider = Outsider()
    deadline = time.monotonic() + 6
    taken_at = time.monotonic() + 1.5
    working = InThread(lambda: outsider.lane.drain(lambda: time.monotonic() > deadline))
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

    Outsider().drain()

    assert statuses_of(broken, whole, behind) == [MessageStatus.FAILED, MessageStatus.SENT, MessageStatus.SENT]
    broken.refresh_from_db()
    assert broken.errors[0]["problem"] == "malformed"


def test_what_no_thread_began_is_queued_again(meta, joelma, monkeypatch: pytest.MonkeyPatch) -> None:
    message = write(joelma, "Oi")
    outsider = Outsider()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("test"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        outsider.lane.run_once()
        outsider.lane.finish()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    assert not QueuedMessage.objects.exclude(attempted_at=None).exists()

    assert outsider.drain() == 1
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.SENT], ["Oi"])


def test_what_is_given_back_was_not_somebody_elses_doubt(meta, joelma) -> None:
    """A message that a dead worker was sending stays in doubt, also if the next worker gives its turn back."""
    message = write(joelma, "Oi")
    (sending,) = sender.Scheduler().take(1)
    sender.send(sending)  # and then it is killed
    make_due()
    taken = sender.Scheduler().take(1)
    return_attempts(taken)
    assert QueuedMessage.objects.exclude(attempted_at=None).count() == 1

    Outsider().drain()
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.UNCERTAIN], ["Oi"])


def test_what_another_worker_has_meanwhile_is_not_given_back(meta, joelma) -> None:
    message = write(joelma, "Oi")
    late = sender.Scheduler().take(1)
    make_due()
    QueuedMessage.objects.update(attempted_at=None)
    (now_sending,) = sender.Scheduler().take(1)
    return_attempts(late)
    assert statuses_of(message) == [MessageStatus.SENDING]
    assert SendQueue.objects.get().lease_token == now_sending.token


@pytest.mark.parametrize("is_committed", [True, False])
def test_what_was_taken_when_the_connection_broke_during_its_commit_is_sent(
    meta, joelma, is_committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was committed or not, nobody knows; no request has left."""
    message = write(joelma, "Oi")
    outsider = Outsider()
    commit, breaks = connection._commit, iter([True])

    def commit_and_break() -> None:
        is_broken = next(breaks, False)
        if is_committed or not is_broken:
            commit()
        if is_broken:
            raise OperationalError(2013, "Lost connection to server during query")

    with monkeypatch.context() as patched:
        patched.setattr(connections["default"], "_commit", commit_and_break)
        outsider.drain()
    make_due()  # the lease ends while this worker has nothing else to do
    Outsider().drain()
    assert (statuses_of(message), bodies(meta)) == ([MessageStatus.SENT], ["Oi"])


# Storing


def answering(wamids: dict[int, str]) -> Outsider:
    """A lane whose Graph takes each contact's message as this wamid."""
    return Outsider(do=lambda sending: Sent(wamids[sending.contact_id], None, None, None))


def test_a_wamid_that_is_stored_already_is_seen_and_stops_no_other_result(meta, people, post_and_apply) -> None:
    first, second, third = people(3)
    written = [write(contact, "Oi") for contact in (first, second, third)]
    has_wamid(first, "wamid.taken")

    answering({first.pk: "wamid.1", second.pk: "wamid.taken", third.pk: "wamid.3"}).drain()

    assert statuses_of(*written) == [MessageStatus.SENT, MessageStatus.UNCERTAIN, MessageStatus.SENT]
    doubtful = Message.objects.get(pk=written[1].pk)
    assert (doubtful.wamid, doubtful.errors[0]["problem"]) == (None, "unstored")
    assert (
        words_in_thread(second, doubtful)
        == "WhatsApp answered, but the hub could not store the answer. The message may have arrived."
    )


def test_a_conversation_goes_on_after_a_result_that_cannot_be_stored(meta, joelma, people) -> None:
    has_wamid(people(1)[0], "wamid.taken")
    written = [write(joelma, "um"), write(joelma, "dois")]
    answers = iter(["wamid.taken", "wamid.free"])
    Outsider(do=lambda sending: Sent(next(answers), None, None, None)).drain()
    assert statuses_of(*written) == [MessageStatus.UNCERTAIN, MessageStatus.SENT]
    assert not QueuedMessage.objects.exists()


def has_wamid(contact: Contact, wamid: str) -> None:
    """A message that has this wamid, as another program of the business would have sent it."""
    number = contact.create_for_phone_number
    Message.objects.create(
        phone_number=number, contact=contact, wamid=wamid, wa_id=number.wa_id, wa_id_received=contact.wa_id, content="Oi",
        is_user_message=False, origin=Origin.PHONE_APP, kind="text", payload={}, message_status=MessageStatus.SENT,
        session_id=uuid.uuid4(), expires_at=timezone.now(), is_active=False, create_in=timezone.now(),
    )  # fmt: skip


def words_in_thread(contact: Contact, message: Message) -> str:
    """Why it failed or is in doubt, as the conversation shows it."""
    with translation.override("en"):
        bubbles = {bubble.message.pk: bubble for bubble in build_bubbles(read_latest(contact))}
    return bubbles[message.pk].failure or bubbles[message.pk].doubt


def test_two_messages_that_get_the_same_wamid_are_one_sent_and_one_uncertain(meta, people) -> None:
    one, other = people(2)
    written = [write(one, "Oi"), write(other, "Oi")]
    answering(dict.fromkeys((one.pk, other.pk), "wamid.same")).drain()
    assert sorted(statuses_of(*written)) == [MessageStatus.SENT, MessageStatus.UNCERTAIN]
    assert not QueuedMessage.objects.exists()


def test_a_wamid_too_long_for_its_column_makes_one_message_uncertain(meta, people) -> None:
    one, other = people(2)
    written = [write(one, "Oi"), write(other, "Oi")]
    answering({one.pk: "w" * 300, other.pk: "wamid.2"}).drain()
    long, short = statuses_of(*written)
    assert (long, short) == ("sent" if connection.vendor == "sqlite" else "uncertain", "sent")  # SQLite stores any length


def test_a_status_of_a_message_whose_wamid_is_another_ones_is_applied(meta, joelma, post_and_apply) -> None:
    message = write(joelma, "Oi")
    (sending,) = sender.Scheduler().take(1)
    sender.send(sending)
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

    def send(sending: Any) -> Any:
        if next(is_first, False):
            raise ZeroDivisionError
        return sender.send(sending)

    Outsider(do=send).drain()
    assert statuses_of(message, behind) == [MessageStatus.UNCERTAIN, MessageStatus.SENT]


def test_a_recipient_without_any_address_fails_and_the_next_goes_on(meta, people) -> None:
    lost, known = people(2)
    messages_of = [write(lost, "Oi"), write(known, "Oi")]
    Contact.objects.filter(pk=lost.pk).update(wa_id="")
    Outsider().drain()
    assert statuses_of(*messages_of) == [MessageStatus.FAILED, MessageStatus.SENT]


class Bucket(FileSystemStorage):
    """A storage with errors of its own, as that of a cloud has."""

    failure: Exception | None = None

    def open(self, name: str, mode: str = "rb") -> Any:
        if self.failure:
            raise self.failure
        return super().open(name, mode)


class ClientError(Exception):
    """As botocore's: no OSError."""


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
    tries = 0
    while statuses_of(message) == [MessageStatus.QUEUED]:
        Outsider().drain()
        tries += 1
        assert SendQueue.objects.get().attempts in (tries, 0)
        make_due()
        assert tries < 20, "there is no end"
    Outsider().drain()
    assert 5 < tries < 15
    assert statuses_of(message, behind) == [MessageStatus.FAILED, MessageStatus.SENT]
    assert words_in_thread(joelma, message).startswith("The hub could not read the file from its storage.")


def test_a_file_that_cannot_be_read_for_a_while_is_sent_in_the_end(meta, joelma, bucket) -> None:
    message = write_with_file(joelma)
    bucket.failure = ClientError("503")
    Outsider().drain()
    bucket.failure = None
    make_due()
    Outsider().drain()
    Outsider().drain()
    assert statuses_of(message) == [MessageStatus.SENT]
    assert len(meta.sent()) == 1


def test_a_file_whose_reading_breaks_off_is_the_storages_fault(meta, joelma, bucket, tmp_path) -> None:
    """It opens, and fails when it is read: as a file of a cloud's storage does."""
    message = write_with_file(joelma)
    (path,) = [each for each in (tmp_path / "bucket").rglob("*") if each.is_file()]
    path.unlink()
    path.mkdir()
    Outsider().drain()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    assert SendQueue.objects.get().reason == "storage: IsADirectoryError EISDIR"


def test_a_file_that_workers_die_of_is_given_up(meta, joelma, bucket) -> None:
    message = write_with_file(joelma)
    for _ in range(sender.MAX_UPLOADS):
        assert len(sender.Scheduler().take(8)) == 1  # and then it is killed
        make_due()
    Outsider().drain()
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
    lane = Outsider().lane
    with CaptureQueriesContext(connection) as queries:
        assert lane.run_once() == 0
    assert len(queries) == 1


def test_a_conversation_that_waits_for_its_retry_costs_one_query(meta, joelma) -> None:
    write(joelma, "Oi")
    SendQueue.objects.update(due_at=Now() + timedelta(hours=1))
    lane = Outsider().lane
    with CaptureQueriesContext(connection) as queries:
        assert lane.run_once() == 0
    assert len(queries) == 1


def test_a_number_whose_pause_is_over_sends_at_once(meta, joelma, number) -> None:
    message = write(joelma, "Oi")
    rate_limits.pause_number(number.phone_number_id, organization_id=number.organization_id, seconds=3600)
    outsider = Outsider()
    assert outsider.drain() == 0
    NumberRateLimit.objects.update(next_slot_at=timezone.now())
    assert outsider.drain() == 1
    assert statuses_of(message) == [MessageStatus.SENT]


def test_each_number_is_the_first_in_its_turn(meta, organization, numbers) -> None:
    for phone_number_id, number in numbers.items():
        for index in range(6):
            write(person(number, wa_id=f"55{index}{phone_number_id[-4:]}"), "Oi")
    tried = sender.Scheduler()
    firsts = [tried.take(1)[0].phone_number_id for _ in range(6)]
    assert firsts == sorted(numbers) * 2
