"""The outbox sends each message once, in order, within Meta's rate limits, and stores the result or makes the message uncertain."""

import uuid
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import transaction
from django.utils import timezone

from chats.conftest import JOELMA, NUMBER, person
from chats.conversations.ownership import take_over
from chats.models import Message, MessageStatus, NumberRateLimit, Origin, QueuedMessage, SendQueue
from chats.outbox import rate_limits, sender
from chats.outbox.message_queue import WindowClosed, mark_as_sent, resend_message
from chats.outbox.read_receipts import queue_read_receipt
from chats.outbox.send_results import store_results
from chats.outbox.tests.steps import InThread, bodies, error_of, make_due, statuses_of, write
from cloud_api.graph import GraphError, Sent
from conftest import apply_all
from contacts.models import Contact
from contacts.owners import Owner
from organizations.events.kinds import EventKind
from organizations.events.wishes import set_wanted_kinds
from organizations.models import Event, PhoneNumber
from organizations.numbers.suspension import PROBE_INTERVAL, resume_sending
from webhooks.tests.bodies import body, text_body, value

pytestmark = pytest.mark.usefixtures("hub")


def test_a_message_is_sent_and_its_wamid_kept(meta, joelma) -> None:
    message = write(joelma, "Bom dia")
    assert message.message_status == MessageStatus.QUEUED

    apply_all()

    message.refresh_from_db()
    (sent,) = meta.sent()
    assert message.message_status == MessageStatus.SENT
    assert message.wamid == sent["wamid"]
    assert sent["request"]["to"] == f"+{joelma.wa_id}"
    assert sent["request"]["biz_opaque_callback_data"] == message.callback_data
    assert not QueuedMessage.objects.exists()


def test_a_recipient_without_a_phone_is_sent_to_by_bsuid(meta, username_only) -> None:
    write(username_only, "Olá")
    apply_all()
    (sent,) = meta.sent()
    assert sent["request"]["recipient"] == username_only.bsuid
    assert "to" not in sent["request"]


def test_the_same_token_writes_one_message(meta, joelma) -> None:
    token = uuid.uuid4()
    assert write(joelma, "Bom dia", token=token).pk == write(joelma, "Bom dia", token=token).pk
    apply_all()
    assert bodies(meta) == ["Bom dia"]


def test_a_conversation_keeps_its_order(meta, joelma) -> None:
    words = [f"linha {number}" for number in range(12)]
    for each in words:
        write(joelma, each)
    apply_all()
    assert bodies(meta) == words


def test_free_text_needs_an_open_window(meta, joelma) -> None:
    later = joelma.window_expires_at - timedelta(seconds=30)
    with pytest.raises(WindowClosed):
        write(joelma, "tarde", now=later)
    assert not Message.objects.filter(content="tarde").exists()


def test_a_message_whose_window_closes_while_it_waits_fails_without_a_request(meta, joelma) -> None:
    message = write(joelma, "quase")
    Contact.objects.filter(pk=joelma.pk).update(last_customer_message_at=timezone.now() - timedelta(hours=25))
    apply_all()
    message.refresh_from_db()
    assert (message.message_status, error_of(message)["code"]) == (MessageStatus.FAILED, 131047)
    assert meta.sent() == []


def test_a_window_that_only_the_hub_thinks_closed_opens_with_a_late_webhook(meta, joelma, post_and_apply) -> None:
    message = write(joelma, "quase")
    Contact.objects.filter(pk=joelma.pk).update(last_customer_message_at=timezone.now() - timedelta(hours=25))
    apply_all()
    assert statuses_of(message) == [MessageStatus.FAILED]

    written_at = timezone.now() - timedelta(minutes=30)
    post_and_apply(text_body("wamid.late", int(written_at.timestamp()), number=NUMBER, sender=JOELMA))

    joelma.refresh_from_db()
    assert joelma.window_refused_at is None
    assert joelma.is_window_open(timezone.now())


def test_a_window_that_meta_reports_as_closed_is_closed(meta, joelma) -> None:
    meta.fault("131047", times=1)
    message = write(joelma, "Oi")
    apply_all()
    joelma.refresh_from_db()
    assert statuses_of(message) == [MessageStatus.FAILED]
    assert not joelma.is_window_open(timezone.now())
    with pytest.raises(WindowClosed):
        write(joelma, "De novo")


@pytest.mark.parametrize("code", [131026, 131051, 100, 132001])
def test_a_final_refusal_fails_with_its_code_and_is_not_tried_again(meta, joelma, code: int) -> None:
    meta.fault(f"error:{code}", times=1)
    first, second = write(joelma, "um"), write(joelma, "dois")
    apply_all()
    assert statuses_of(first, second) == [MessageStatus.FAILED, MessageStatus.SENT]
    first.refresh_from_db()
    assert error_of(first)["code"] == code


@pytest.mark.parametrize("code", [131016, 131000, 130429, 131056])
def test_a_passing_refusal_waits_and_is_tried_again(meta, joelma, code: int) -> None:
    meta.fault(f"error:{code}", times=1)
    first, second = write(joelma, "um"), write(joelma, "dois")
    apply_all()
    assert statuses_of(first, second) == [MessageStatus.QUEUED, MessageStatus.QUEUED]
    make_due()
    apply_all()
    assert statuses_of(first, second) == [MessageStatus.SENT, MessageStatus.SENT]
    assert bodies(meta) == ["um", "dois"]


def test_a_number_that_meta_blocks_stops_keeps_its_queue_and_sends_it_when_resumed(meta, joelma, number, ana) -> None:
    meta.fault("190", times=1)
    written = [write(joelma, "um"), write(joelma, "dois")]
    apply_all()
    number.refresh_from_db()
    assert number.sending_stopped_code == 190
    assert statuses_of(*written) == [MessageStatus.QUEUED, MessageStatus.QUEUED]
    apply_all()
    assert meta.sent() == []

    resume_sending(number=number, by=ana)
    apply_all()
    assert bodies(meta) == ["um", "dois"]


def test_a_stopped_number_sends_a_probe_from_time_to_time(meta, joelma, number) -> None:
    meta.fault("error:131042", times=1)
    written = [write(joelma, "um"), write(joelma, "dois")]
    apply_all()
    PhoneNumber.objects.update(sending_stopped_at=timezone.now() - PROBE_INTERVAL)
    apply_all()
    number.refresh_from_db()
    assert number.sending_stopped_at is None
    assert statuses_of(*written) == [MessageStatus.SENT, MessageStatus.SENT]


def test_a_stopped_number_sends_one_probe_until_its_result_is_known(meta, people) -> None:
    written = [write(contact, "Oi") for contact in people(6)]
    stop_long_ago()

    probes = [attempt for _ in range(4) for attempt in sender.Scheduler().lease_attempts(8)]

    assert [attempt.is_probe for attempt in probes] == [True]
    assert statuses_of(*written).count(MessageStatus.SENDING) == 1
    store_results([(attempt, sender.send(attempt)) for attempt in probes])
    apply_all()
    assert set(statuses_of(*written)) == {MessageStatus.SENT}


def test_of_two_workers_one_sends_the_probe(meta, people) -> None:
    for contact in people(6):
        write(contact, "Oi")
    stop_long_ago()
    threads = [InThread(lambda: list(sender.Scheduler().lease_attempts(8))) for _ in range(2)]
    assert sum(len(thread.join()) for thread in threads) == 1
    assert SendQueue.objects.exclude(lease_token=None).count() == 1


def test_what_needs_no_request_is_no_probe(meta, joelma, people) -> None:
    closed = [write(contact, "Oi") for contact in people(3)]
    Contact.objects.update(last_customer_message_at=timezone.now() - timedelta(hours=25))
    Contact.objects.filter(pk=joelma.pk).update(last_customer_message_at=timezone.now())
    waiting = write(joelma, "Oi")
    stop_long_ago()
    apply_all()
    assert statuses_of(*closed, waiting) == [MessageStatus.FAILED] * 3 + [MessageStatus.SENT]


def stop_long_ago() -> None:
    PhoneNumber.objects.update(sending_stopped_at=timezone.now() - PROBE_INTERVAL, sending_stopped_code=368)


def test_a_message_without_a_response_is_uncertain_and_sent_once(meta, joelma, settings) -> None:
    meta.fault("half_closed", times=1)
    message = write(joelma, "Oi")
    apply_all()
    make_due()
    apply_all()
    assert statuses_of(message) == [MessageStatus.UNCERTAIN]
    assert bodies(meta) == ["Oi"]


def test_a_worker_that_died_while_sending_leaves_the_message_uncertain(meta, joelma) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    sender.send(attempt)  # and then it is killed
    assert statuses_of(message) == [MessageStatus.SENDING]
    make_due()
    apply_all()
    assert statuses_of(message) == [MessageStatus.UNCERTAIN]
    assert bodies(meta) == ["Oi"]


def test_a_status_decides_about_an_uncertain_message(meta, joelma, post_and_apply) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    sender.send(attempt)
    make_due()
    apply_all()
    (sent,) = meta.sent()

    post_and_apply(meta.status_body(sent, "delivered"))

    message.refresh_from_db()
    assert (message.message_status, message.wamid) == (MessageStatus.DELIVERED, sent["wamid"])


def test_a_status_may_arrive_before_the_result(meta, joelma, post_and_apply) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    answer = sender.send(attempt)
    (sent,) = meta.sent()
    post_and_apply(meta.status_body(sent, "read"))
    store_results([(attempt, answer)])
    assert statuses_of(message) == [MessageStatus.READ]
    assert SendQueue.objects.get().state == "done"


@pytest.mark.parametrize("word", ["sent", "delivered", "failed"])
@pytest.mark.parametrize("code", [131000, 131016, 1])
def test_a_message_that_a_status_proves_sent_is_not_sent_again(meta, joelma, post_and_apply, code: int, word: str) -> None:
    meta.fault(f"error:{code}", times=1)  # Meta says that it has failed, and has sent it
    message, next_one = write(joelma, "Oi"), write(joelma, "E depois")
    apply_all()
    assert statuses_of(message) == [MessageStatus.QUEUED]

    post_and_apply(meta.status_body({"wamid": "wamid.first", "callback_data": message.callback_data}, word))
    make_due()
    apply_all()

    message.refresh_from_db()
    assert (message.message_status, message.wamid, message.errors) == (word, "wamid.first", None)
    assert (bodies(meta), statuses_of(next_one)) == (["E depois"], [MessageStatus.SENT])
    assert not QueuedMessage.objects.exists()


def test_a_status_that_says_only_the_wamid_proves_a_message_sent(meta, joelma, post_and_apply) -> None:
    meta.fault("error:131000", times=1)
    message = write(joelma, "Oi")
    apply_all()
    post_and_apply(meta.status_body({"wamid": "wamid.first", "callback_data": message.callback_data}, "not-known-yet"))
    make_due()
    apply_all()
    message.refresh_from_db()
    assert (message.message_status, message.wamid, meta.sent()) == (MessageStatus.SENT, "wamid.first", [])


def test_a_message_that_a_status_proves_sent_does_not_fail_when_its_window_closes(meta, joelma, post_and_apply) -> None:
    meta.fault("error:131000", times=1)
    message = write(joelma, "Oi")
    apply_all()
    post_and_apply(meta.status_body({"wamid": "wamid.first", "callback_data": message.callback_data}, "sent"))
    Contact.objects.filter(pk=joelma.pk).update(last_customer_message_at=timezone.now() - timedelta(hours=25))
    make_due()
    apply_all()
    message.refresh_from_db()
    assert (message.message_status, message.errors, meta.sent()) == (MessageStatus.SENT, None, [])


@pytest.mark.parametrize("code", [131000, 131026])
def test_a_refusal_after_the_proof_that_a_message_was_sent_changes_nothing(meta, joelma, post_and_apply, code: int) -> None:
    message, next_one = write(joelma, "Oi"), write(joelma, "E depois")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    meta.fault(f"error:{code}", times=1)
    answer = sender.send(attempt)
    post_and_apply(meta.status_body({"wamid": "wamid.first", "callback_data": message.callback_data}, "sent"))
    store_results([(attempt, answer)])
    apply_all()
    message.refresh_from_db()
    assert (message.message_status, message.wamid, message.errors) == (MessageStatus.SENT, "wamid.first", None)
    assert (bodies(meta), statuses_of(next_one)) == (["E depois"], [MessageStatus.SENT])


def test_a_message_of_a_bot_that_a_status_proves_sent_is_not_withdrawn(meta, joelma, post_and_apply) -> None:
    Contact.objects.filter(pk=joelma.pk).update(owner=Owner.BOT)
    meta.fault("error:131000", times=1)
    message = write(joelma, "Oi", origin=Origin.BOT)
    apply_all()
    post_and_apply(meta.status_body({"wamid": "wamid.first", "callback_data": message.callback_data}, "delivered"))
    take_over(contact=joelma, by=None, now=timezone.now())
    make_due()
    apply_all()
    assert (statuses_of(message), meta.sent()) == ([MessageStatus.DELIVERED], [])


def test_the_proof_that_a_message_was_sent_is_no_successful_probe(meta, joelma, number, post_and_apply) -> None:
    meta.fault("error:131000", times=1)
    message = write(joelma, "Oi")
    apply_all()
    post_and_apply(meta.status_body({"wamid": "wamid.first", "callback_data": message.callback_data}, "sent"))
    PhoneNumber.objects.filter(pk=number.pk).update(sending_stopped_at=timezone.now() - PROBE_INTERVAL, sending_stopped_code=131042)
    make_due()
    apply_all()
    number.refresh_from_db()
    assert (statuses_of(message), number.sending_stopped_code) == ([MessageStatus.SENT], 131042)


def test_a_result_is_stored_after_its_lease_has_ended(meta, joelma) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    answer = sender.send(attempt)
    make_due()
    apply_all()
    assert statuses_of(message) == [MessageStatus.UNCERTAIN]
    store_results([(attempt, answer)])
    message.refresh_from_db()
    assert isinstance(answer, Sent)
    assert (message.message_status, message.wamid) == (MessageStatus.SENT, answer.wamid)


def test_two_workers_never_send_the_same_message(meta, joelma) -> None:
    write(joelma, "um")
    write(joelma, "dois")
    one, other = sender.Scheduler(), sender.Scheduler()
    assert len(list(one.lease_attempts(10))) == 1
    assert list(other.lease_attempts(10)) == []


def test_a_number_with_a_long_queue_leaves_attempts_for_another(meta, people, other_number) -> None:
    for contact in people(40):
        write(contact, "Oi")
    (theirs,) = people(1, number=other_number)
    write(theirs, "Urgente")
    attempts = list(sender.Scheduler().lease_attempts(8))
    assert other_number.phone_number_id in {each.phone_number_id for each in attempts}
    assert len(attempts) <= 8


def test_an_inactive_number_keeps_its_queue(meta, joelma, number) -> None:
    message = write(joelma, "Oi")
    PhoneNumber.objects.update(activate=False)
    apply_all()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    PhoneNumber.objects.update(activate=True)
    apply_all()
    assert statuses_of(message) == [MessageStatus.SENT]


def test_one_person_gets_a_burst_and_then_one_in_six_seconds(meta, joelma) -> None:
    now = timezone.now()
    full_at = None
    for _ in range(rate_limits.PAIR_BURST):
        assert rate_limits.pair_delay(full_at, now) == timedelta()
        full_at = rate_limits.bucket_full_after_send(full_at, now)
    assert rate_limits.pair_delay(full_at, now) == timedelta(seconds=6)
    assert rate_limits.pair_delay(full_at, now + timedelta(seconds=6)) == timedelta()


def reserve(number, count) -> list[float]:
    request = rate_limits.SlotRequest(number.phone_number_id, 80, count)
    return rate_limits.reserve_slots([request])[number.phone_number_id]


def test_slots_of_a_number_keep_its_rate_limit(number) -> None:
    first = reserve(number, 8)
    second = reserve(number, 50)
    gaps = [later - earlier for earlier, later in pairwise(first)]
    assert gaps == pytest.approx([0.0125] * 7)
    assert 0 < len(second) <= 21
    third = reserve(number, 5)
    assert all(delay > 0.2 for delay in third)  # a slow machine has freed some slots


def test_a_paused_number_sends_nothing_until_its_pause_ends(meta, joelma, number) -> None:
    rate_limits.pause_number(number.phone_number_id, organization_id=number.organization_id, seconds=60)
    message = write(joelma, "Oi")
    apply_all()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    NumberRateLimit.objects.update(next_slot_at=timezone.now())
    apply_all()
    assert statuses_of(message) == [MessageStatus.SENT]


def test_too_many_requests_without_a_code_pause_the_number(meta, people, number) -> None:
    first, second = (write(contact, "Oi") for contact in people(2))
    meta.fault("429")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    store_results([(attempt, sender.send(attempt))])
    assert list(sender.Scheduler().lease_attempts(2)) == []

    make_due()
    apply_all()
    assert statuses_of(first, second) == [MessageStatus.SENT, MessageStatus.SENT]


def test_an_unknown_code_that_graph_calls_transient_is_tried_again(meta, joelma) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    store_results([(attempt, GraphError(424242, "", http_status=500, is_transient=True))])
    assert statuses_of(message) == [MessageStatus.QUEUED]

    make_due()
    apply_all()
    assert statuses_of(message) == [MessageStatus.SENT]


def test_a_pause_that_graph_asks_for_is_shown_and_never_shortened(meta, joelma, number) -> None:
    message = write(joelma, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    store_results([(attempt, GraphError(None, "HTTP status 429", http_status=429, retry_after=7200.0))])
    number.refresh_from_db()
    assert number.sending_paused_until > timezone.now() + timedelta(minutes=119)
    assert NumberRateLimit.objects.get().next_slot_at > timezone.now() + timedelta(minutes=119)
    assert statuses_of(message) == [MessageStatus.QUEUED]

    store_results([(attempt, GraphError(80007, "", http_status=400))])
    until = number.sending_paused_until
    number.refresh_from_db()
    assert number.sending_paused_until == until


def test_a_number_that_is_limited_after_complaints_waits_longer_each_time(meta, joelma, number) -> None:
    meta.fault("error:131048", times=3)
    write(joelma, "Oi")
    waits = []
    for _ in range(3):
        apply_all()
        number.refresh_from_db()
        waits.append(round((number.sending_paused_until - timezone.now()) / timedelta(hours=1)))
        make_due()
    assert waits == [1, 2, 4]


def test_a_number_that_the_token_does_not_reach_stops_and_keeps_its_messages(meta, organization, number) -> None:
    gone = PhoneNumber.objects.create(
        organization=organization, phone_number_id="4489", wa_id="556133214499", waba_id="1", meta_token=f"token-of-{NUMBER}"
    )
    message = write(person(gone, wa_id=JOELMA), "Oi")
    apply_all()
    gone.refresh_from_db()
    assert (gone.sending_stopped_code, statuses_of(message)) == (33, [MessageStatus.QUEUED])


def test_resending_creates_one_new_message(meta, joelma, ana) -> None:
    meta.fault("error:131016", times=None)
    failed = write(joelma, "Oi")
    for _ in range(8):
        apply_all()
        make_due()
    assert statuses_of(failed) == [MessageStatus.FAILED]
    meta.clear()

    token = uuid.uuid4()
    failed.refresh_from_db()
    again = resend_message(message=failed, by=ana, token=token, now=timezone.now())
    assert resend_message(message=failed, by=ana, token=token, now=timezone.now()).pk == again.pk
    apply_all()
    assert statuses_of(failed, again) == [MessageStatus.FAILED, MessageStatus.SENT]
    assert again.resends_id == failed.pk


def test_staff_may_mark_an_uncertain_message_as_sent(meta, joelma, ana) -> None:
    message = write(joelma, "Oi")
    Message.objects.filter(pk=message.pk).update(message_status=MessageStatus.UNCERTAIN)
    message.refresh_from_db()
    mark_as_sent(message=message, by=ana, now=timezone.now())
    assert statuses_of(message) == [MessageStatus.SENT]


def test_a_read_receipt_is_sent(meta, joelma, post_and_apply) -> None:
    wamid = meta.receive_from_customer()
    post_and_apply(text_body(wamid, int(timezone.now().timestamp()), sender=joelma.wa_id))
    last = Message.objects.get(wamid=wamid)
    assert last.webhook_id is not None
    queue_read_receipt(last.contact, up_to=last.webhook_id)
    apply_all()
    assert meta.read() == [wamid]


@pytest.mark.parametrize(("fault", "ends"), [("429", "queued"), ("500", "uncertain"), ("slow", "sent")])
def test_a_fault_of_the_server_leads_to_the_expected_status(meta, joelma, fault: str, ends: str) -> None:
    meta.fault(fault, times=1, **({"seconds": 0.3} if fault == "slow" else {}))
    message = write(joelma, "Oi")
    apply_all()
    assert statuses_of(message) == [ends]
    make_due()
    apply_all()
    assert statuses_of(message) == ["uncertain" if ends == "uncertain" else "sent"]
    assert len(meta.sent()) <= 1


def test_a_message_is_retried_if_meta_is_not_reachable(meta, joelma, settings) -> None:
    settings.META_GRAPH_URL = "http://127.0.0.1:9"
    message = write(joelma, "Oi")
    apply_all()
    assert statuses_of(message) == [MessageStatus.QUEUED]
    settings.META_GRAPH_URL = meta.url
    make_due()
    apply_all()
    assert statuses_of(message) == [MessageStatus.SENT]


def test_a_number_without_a_readable_token_stops_and_delays_no_other(meta, people, number, other_number) -> None:
    PhoneNumber.objects.filter(pk=number.pk).update(meta_token="")
    (ours,), (theirs,) = people(1), people(1, number=other_number)
    waiting, going = write(ours, "Oi"), write(theirs, "Oi")
    apply_all()
    number.refresh_from_db()
    assert (number.sending_stopped_code, statuses_of(waiting, going)) == (190, [MessageStatus.QUEUED, MessageStatus.SENT])


def test_queued_messages_move_to_the_contact_that_is_kept_in_a_merge(meta, joelma, number, post_and_apply) -> None:
    Contact.objects.filter(pk=joelma.pk).update(bsuid="BR.1874209365510400")
    hidden = person(number, bsuid="BR.1874209365510499")
    message = write(hidden, "Oi")
    change = {"type": "user_changed_user_id", "user_id": hidden.bsuid, "previous_user_id": "BR.1874209365510400"}
    message_from_meta = {
        "from_user_id": "BR.1874209365510400",
        "id": "wamid.moved",
        "timestamp": str(int(timezone.now().timestamp())),
        "type": "system",
    }
    post_and_apply(body(value(messages=[message_from_meta | {"system": change}])))
    (sent,) = meta.sent()
    assert statuses_of(message) == [MessageStatus.SENT]
    assert sent["request"]["to"] == f"+{joelma.wa_id}"


def test_the_wa_id_that_meta_returns_replaces_a_typed_one_and_is_reported(meta, number) -> None:
    with transaction.atomic():
        set_wanted_kinds(number.organization_id, [EventKind.CONTACT_CHANGED])
    typed = person(number, wa_id="5561995550186")
    write(typed, "Oi")
    (attempt,) = sender.Scheduler().lease_attempts(1)
    store_results([(attempt, sender.send(attempt))])
    typed.refresh_from_db()
    assert typed.wa_id == "556195550186"
    event = Event.objects.get()
    assert (event.contact_id, event.facts) == (typed.pk, {"fields": ["wa_id"]})


def test_a_wa_id_from_a_webhook_is_never_rewritten(meta, number) -> None:
    received = person(number, wa_id="5561995550186", wa_id_at=timezone.now())
    write(received, "Oi")
    apply_all()
    received.refresh_from_db()
    assert received.wa_id == "5561995550186"
