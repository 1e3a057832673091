"""Events reach endpoints: bodies, signatures, order, failures and retries."""

import json
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook

from bots.answering.tests.programs.webhook_program import send
from conftest import apply_all, run_worker
from contacts.models import Contact
from events.delivery.lane import event_lane
from events.delivery.log_expiry import delete_old_deliveries, delete_removed_endpoints, give_up_old_deliveries
from events.delivery.results import DELAYS, LIFETIME
from events.delivery.tests.conftest import BRUNO, kinds_of, retry_now, wamids_of, write
from events.endpoints.services import delete_endpoint, renew_secret, replay_dead, replay_delivery, send_test
from events.models import EventDelivery, EventEndpoint, EventQueue
from organizations.events.kinds import EventKind
from organizations.models import AuditEntry, Event, Organization
from webhooks.processing import pipeline
from webhooks.tests.bodies import NUMBER, OTHER_NUMBER, echo_body, status_body
from whatsapp_hub.tests.test_health import gauge

pytestmark = pytest.mark.django_db(transaction=True)
Outcome = EventDelivery.Outcome


def outcomes() -> list[str]:
    return list(EventDelivery.objects.order_by("pk").values_list("outcome", flat=True))


# ---- what is sent ----


def test_a_message_of_a_customer_reaches_the_endpoint_in_order(post_and_apply, endpoint, receiver) -> None:
    post_and_apply(write("w1"), write("w2"))
    assert kinds_of(receiver) == ["contact.created", "conversation.opened", "message.received", "message.received"]
    assert outcomes() == [Outcome.DELIVERED] * 4
    assert not Event.objects.exists()


def test_the_body_has_the_representations_of_the_api(post_and_apply, messages_only, receiver, organization) -> None:
    post_and_apply(write("w1"))
    body = json.loads(receiver.bodies[0])
    assert set(body) == {"type", "id", "timestamp", "data"}
    assert body["id"] == receiver.headers[0]["webhook-id"]
    message, contact = body["data"]["message"], body["data"]["contact"]
    assert (message["text"], message["number"], message["status"]) == ("w1", NUMBER, "received")
    assert message["conversation"] == contact["id"]
    assert contact["wa_id"] == "556181500586"
    assert body["timestamp"] == message["sent_at"]


def test_statuses_carry_the_status_of_their_time(post_and_apply, add, receiver) -> None:
    add(receiver.url, EventKind.MESSAGE_STATUS)
    now = int(time.time())
    post_and_apply(echo_body("w1", now), status_body("w1", "delivered", now), status_body("w1", "read", now))
    assert [json.loads(body)["data"]["status"] for body in receiver.bodies] == ["sent", "delivered", "read"]


def test_requests_are_signed_with_the_secret(post_and_apply, messages_only, receiver) -> None:
    post_and_apply(write("w1"))
    secret = EventEndpoint.objects.get().secret
    assert Webhook(secret).verify(receiver.bodies[0], receiver.headers[0])


def test_while_a_secret_is_renewed_both_are_used(post_and_apply, messages_only, receiver) -> None:
    old = EventEndpoint.objects.get().secret
    new = renew_secret(endpoint=messages_only, by=None, now=timezone.now()).secret
    post_and_apply(write("w1"))
    for secret in (old, new):
        assert Webhook(secret).verify(receiver.bodies[0], receiver.headers[0])
    EventEndpoint.objects.update(previous_until=timezone.now())
    post_and_apply(write("w2"))
    assert len(receiver.headers[1]["webhook-signature"].split()) == 1


def test_an_endpoint_gets_only_its_kinds_and_numbers(post_and_apply, add, receiver, start_receiver) -> None:
    other = start_receiver()
    add(receiver.url, EventKind.MESSAGE_RECEIVED, numbers=[OTHER_NUMBER])
    add(other.url, EventKind.CONTACT_CREATED)
    post_and_apply(write("w1"))
    assert not receiver.bodies
    assert kinds_of(other) == ["contact.created"]


def test_another_organizations_endpoint_gets_nothing(post_and_apply, add, receiver) -> None:
    add(receiver.url, of=Organization.objects.create(organization_name="Ipê"))
    post_and_apply(write("w1"))
    assert not receiver.bodies
    assert not EventDelivery.objects.exists()


def test_an_object_that_is_gone_is_null(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(500, b"")]
    post_and_apply(write("w1"))
    EventDelivery.objects.update(facts={"wamid": "none"}, request="")
    receiver.responses = [{}]
    retry_now()
    assert json.loads(receiver.bodies[-1])["data"]["message"] is None


@pytest.mark.parametrize("option", ["--all", "--rebuild"])
def test_replay_and_rebuild_deliver_nothing_again(post_and_apply, endpoint, receiver, option) -> None:
    post_and_apply(write("w1"), echo_body("w2", int(time.time())), status_body("w2", "read", int(time.time())))
    before = len(receiver.bodies)
    call_command("replay", option, verbosity=0)
    apply_all()
    assert len(receiver.bodies) == before


# ---- failures ----


class Picky:
    """Answers 500 to events that contain a text."""

    def __init__(self, program: Any, text: str) -> None:
        self.program, self.text = program, text
        self.accepted: list[str] = []
        program.responses = [self.respond]

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        body = self.program.bodies[-1].decode()
        if self.text and self.text in body:
            send(handler, 500)
        else:
            self.accepted.append(json.loads(body)["data"]["message"]["wamid"])
            send(handler, 200)


def test_a_failing_event_holds_back_only_its_conversation(post_and_apply, messages_only, receiver) -> None:
    picky = Picky(receiver, '"text": "a1"')
    post_and_apply(write("a1"), write("a2"), write("b1", sender=BRUNO), write("b2", sender=BRUNO))
    assert picky.accepted == ["b1", "b2"]
    picky.text = ""
    retry_now()
    assert picky.accepted == ["b1", "b2", "a1", "a2"]


def test_a_failing_event_holds_back_no_other_endpoint(post_and_apply, messages_only, add, receiver, start_receiver) -> None:
    other = start_receiver()
    add(other.url, EventKind.MESSAGE_RECEIVED)
    receiver.responses = [(500, b"")]
    post_and_apply(write("a1"), write("a2"))
    assert wamids_of(other) == ["a1", "a2"]
    assert set(wamids_of(receiver)) == {"a1"}


def test_a_retry_sends_the_same_body_and_id(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(500, b"sorry"), {}]
    post_and_apply(write("w1"))
    delivery = EventDelivery.objects.get()
    assert (delivery.attempts, delivery.status, delivery.problem, delivery.response) == (1, 500, "status", "sorry")
    Contact.objects.update(alias="Joelma")
    retry_now()
    assert receiver.bodies[0] == receiver.bodies[1]
    assert receiver.headers[0]["webhook-id"] == receiver.headers[1]["webhook-id"]
    assert outcomes() == [Outcome.DELIVERED]


def test_retries_wait_longer_and_longer_for_36_hours_and_then_the_next_event_goes(post_and_apply, messages_only, receiver) -> None:
    picky = Picky(receiver, '"text": "a1"')
    post_and_apply(write("a1"), write("a2"))
    for delay in (*DELAYS[:3], DELAYS[3]):
        attempted_at = EventDelivery.objects.filter(attempts__gt=0).get().attempted_at
        assert attempted_at is not None
        assert 0.8 * delay <= (EventQueue.objects.get().due_at - attempted_at).total_seconds() < 1.2 * delay + 30
        retry_now()
    assert outcomes() == [Outcome.PENDING] * 2
    EventDelivery.objects.filter(first_attempt_at__isnull=False).update(first_attempt_at=timezone.now() - LIFETIME)
    retry_now()
    assert outcomes() == [Outcome.DEAD, Outcome.DELIVERED]
    assert picky.accepted == ["a2"]
    assert EventEndpoint.objects.get().failures == 0


def test_one_failing_conversation_pauses_no_endpoint(post_and_apply, messages_only, receiver) -> None:
    picky = Picky(receiver, '"text": "a1"')
    post_and_apply(write("a1"))
    for _ in range(8):
        EventQueue.objects.update(due_at=timezone.now())
        apply_all()
    assert EventEndpoint.objects.get().paused_until is None
    post_and_apply(write("b1", sender=BRUNO))
    assert picky.accepted == ["b1"]


def test_the_delays_cover_36_hours() -> None:
    assert sum(DELAYS) < LIFETIME.total_seconds() < sum(DELAYS) + 20 * DELAYS[-1]


def test_an_endpoint_may_ask_for_a_longer_pause(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [lambda handler: send(handler, 429, **{"Retry-After": "1800"})]
    post_and_apply(write("w1"))
    assert EventQueue.objects.get().due_at > timezone.now() + timedelta(minutes=29)


def test_dead_events_are_replayed_one_and_all(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(500, b"")]
    post_and_apply(write("a1"), write("b1", sender=BRUNO))
    EventDelivery.objects.update(outcome=Outcome.DEAD)
    EventQueue.objects.update(state="done", lease_token=None)
    EventEndpoint.objects.update(failures=0, paused_until=None)
    receiver.responses = [{}]
    first, second = EventDelivery.objects.order_by("pk")
    assert replay_delivery(endpoint=messages_only, delivery=first, by=None, now=timezone.now())
    apply_all()
    assert outcomes() == [Outcome.DELIVERED, Outcome.DEAD]
    assert replay_dead(endpoint=messages_only, by=None, now=timezone.now()) == 1
    apply_all()
    assert outcomes() == [Outcome.DELIVERED] * 2
    assert not replay_delivery(endpoint=messages_only, delivery=EventDelivery(pk=second.pk + 99), by=None, now=timezone.now())


def test_replay_by_command(post_and_apply, messages_only, receiver) -> None:
    post_and_apply(write("a1"))
    EventDelivery.objects.update(outcome=Outcome.DEAD)
    call_command("replay_events", "--endpoint", str(messages_only.pk), verbosity=0)
    apply_all()
    assert wamids_of(receiver) == ["a1", "a1"]


def test_an_endpoint_that_fails_again_and_again_is_paused_and_tried_with_one_event(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(500, b"")]
    senders = [f"55619815005{index:02}" for index in range(12)]
    post_and_apply(*(write(f"w{index}", sender=sender) for index, sender in enumerate(senders)))
    endpoint = EventEndpoint.objects.get()
    assert endpoint.paused_until is not None
    assert endpoint.failures >= 5
    tried = len(receiver.bodies)
    assert tried < 12
    apply_all()
    assert len(receiver.bodies) == tried
    EventQueue.objects.update(due_at=timezone.now())
    EventEndpoint.objects.update(paused_until=timezone.now())
    apply_all()
    assert len(receiver.bodies) == tried + 1
    longer = EventEndpoint.objects.get()
    assert longer.pause_seconds == 2 * endpoint.pause_seconds
    receiver.responses = [{}]
    EventEndpoint.objects.update(paused_until=timezone.now())
    EventQueue.objects.update(due_at=timezone.now())
    apply_all()
    assert EventEndpoint.objects.get().failures == 0
    assert outcomes() == [Outcome.DELIVERED] * 12


def test_what_waits_behind_a_dead_endpoint_is_given_up_after_36_hours(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(500, b"")]
    post_and_apply(write("a1"), write("a2"))
    give_up_old_deliveries()
    assert outcomes() == [Outcome.PENDING] * 2
    EventDelivery.objects.update(queued_at=timezone.now() - LIFETIME)
    EventEndpoint.objects.update(failing_since=timezone.now() - LIFETIME)
    give_up_old_deliveries()
    assert outcomes() == [Outcome.DEAD] * 2


def test_a_slow_endpoint_does_not_delay_another(hub, numbers, messages_only, add, receiver, start_receiver) -> None:
    other = start_receiver()
    add(other.url, EventKind.MESSAGE_RECEIVED)
    arrived: list[float] = []

    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(1.5)
        send(handler, 200)

    def fast(handler: BaseHTTPRequestHandler) -> None:
        arrived.append(time.monotonic())
        send(handler, 200)

    receiver.responses, other.responses = [slow], [fast]
    for index in range(20):
        hub.deliver(write(f"w{index}", sender=f"55619815005{index:02}"))
    apply_all()
    assert len(arrived) == len(receiver.bodies) == 20
    assert max(arrived) - min(arrived) < 1.5


# ---- bad answers ----


def test_a_redirect_is_an_error_and_is_not_followed(post_and_apply, messages_only, receiver, start_receiver) -> None:
    other = start_receiver()
    receiver.responses = [lambda handler: send(handler, 302, Location=other.url)]
    post_and_apply(write("w1"))
    assert EventDelivery.objects.get().problem == "redirect"
    assert not other.bodies


def test_a_huge_answer_is_cut_and_counts_as_delivered(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(200, b"x" * 300_000)]
    post_and_apply(write("w1"))
    delivery = EventDelivery.objects.get()
    assert delivery.outcome == Outcome.DELIVERED
    assert len(delivery.response) == 8 * 1024


def test_binary_answers_are_stored_as_text(post_and_apply, messages_only, receiver) -> None:
    receiver.responses = [(500, b"\x00\xff\xfe")]
    post_and_apply(write("w1"))
    assert "\0" not in EventDelivery.objects.get().response


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "https://10.0.0.1/x", "https://[::1]/x", "http://example.com/"])
def test_a_private_address_is_refused_when_it_is_called(post_and_apply, add, url) -> None:
    add(url, EventKind.MESSAGE_RECEIVED)
    post_and_apply(write("w1"))
    assert EventDelivery.objects.get().problem == "address"


def test_a_closed_port_is_a_failed_connection(post_and_apply, messages_only, receiver, settings) -> None:
    EventEndpoint.objects.update(url=receiver.url.replace("/bot", "/gone"))
    receiver.responses = [lambda handler: handler.connection.close()]
    post_and_apply(write("w1"))
    assert EventDelivery.objects.get().problem in ("connection", "timeout")


def test_a_secret_that_cannot_be_decrypted_fails_only_its_endpoint(post_and_apply, messages_only, add, receiver) -> None:
    add(receiver.url, EventKind.CONTACT_CREATED)
    EventEndpoint.objects.filter(pk=messages_only.pk).update(secret="")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE event_endpoint SET secret = 'gAAAAnonsense' WHERE id = %s", [messages_only.pk])
    post_and_apply(write("w1"))
    assert kinds_of(receiver) == ["contact.created"]
    assert EventDelivery.objects.get(endpoint=messages_only).problem == "key"


# ---- tests, log and deletion ----


def test_a_test_is_sent_also_to_a_paused_endpoint(hub, messages_only, receiver) -> None:
    EventEndpoint.objects.update(paused_until=timezone.now() + timedelta(hours=1), failures=5)
    for _ in range(2):
        send_test(endpoint=messages_only, now=timezone.now())
    apply_all()
    assert kinds_of(receiver) == ["test"]
    assert json.loads(receiver.bodies[0])["data"] == {"organization": "Aroeira"}


def test_old_deliveries_are_deleted(post_and_apply, messages_only, receiver) -> None:
    post_and_apply(write("w1"))
    delete_old_deliveries()
    assert EventDelivery.objects.count() == 1
    EventDelivery.objects.update(create_in=timezone.now() - timedelta(days=31))
    EventQueue.objects.update(due_at=timezone.now() - timedelta(days=31))
    delete_old_deliveries()
    assert not EventDelivery.objects.exists()
    assert not EventQueue.objects.exists()


def test_a_deleted_endpoint_gets_nothing_and_its_rows_are_removed(post_and_apply, messages_only, receiver, organization) -> None:
    post_and_apply(write("w1"))
    delete_endpoint(endpoint=messages_only, by=None, now=timezone.now())
    post_and_apply(write("w2"))
    assert wamids_of(receiver) == ["w1"]
    assert Organization.objects.get(pk=organization.pk).event_kinds is None
    delete_removed_endpoints()
    assert not EventEndpoint.objects.exists()


def test_the_worker_with_all_chores_delivers(hub, numbers, messages_only, receiver) -> None:
    hub.deliver(write("w1"))
    run_worker()
    assert wamids_of(receiver) == ["w1"]


def test_an_idle_lane_takes_few_queries(messages_only, django_assert_max_num_queries) -> None:
    lane = event_lane()
    with django_assert_max_num_queries(4):
        assert lane.run_once() == 0


def test_metrics_contain_how_many_queues_are_due_and_since_when(hub, numbers, messages_only, receiver) -> None:
    receiver.responses = [(500, b"")]
    hub.deliver(write("w1"))
    apply_all()
    EventQueue.objects.update(due_at=timezone.now() - timedelta(minutes=2))
    assert gauge(hub, 'hub_queue_rows{queue="events",state="due"}') == 1
    assert 119 <= gauge(hub, "hub_events_oldest_seconds") < 180
    receiver.responses = [{}]
    apply_all()
    assert gauge(hub, 'hub_queue_rows{queue="events",state="due"}') == 0
    assert gauge(hub, "hub_events_oldest_seconds") == 0


def test_changes_of_addresses_and_replays_are_in_the_audit_log(post_and_apply, messages_only, receiver) -> None:
    post_and_apply(write("w1"))
    renew_secret(endpoint=messages_only, by=None, now=timezone.now())
    EventDelivery.objects.update(outcome=Outcome.DEAD)
    replay_dead(endpoint=messages_only, by=None, now=timezone.now())
    delete_endpoint(endpoint=messages_only, by=None, now=timezone.now())
    actions = list(AuditEntry.objects.filter(target_kind="event_address").order_by("pk").values_list("action", flat=True))
    assert actions == ["event_address_added", "event_secret_changed", "events_replayed", "event_address_deleted"]
    assert receiver.url.rpartition("/")[2] not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


def test_events_that_nobody_wants_any_more_are_deleted(hub, numbers, messages_only) -> None:
    hub.deliver(write("w1"))
    for lane in pipeline.LANES:
        lane.run_once()
    assert Event.objects.exists()
    EventEndpoint.objects.update(is_enabled=False)
    delete_old_deliveries()
    assert not Event.objects.exists()


def test_a_queue_is_due_by_the_clock_of_the_database(endpoint, numbers) -> None:
    """The clock of the worker that distributes an event may be wrong."""
    with time_machine.travel(timezone.now() + timedelta(hours=1)), transaction.atomic():
        EventQueue.objects.schedule([(endpoint.pk, 0)])
    assert EventQueue.objects.due().count() == 1
