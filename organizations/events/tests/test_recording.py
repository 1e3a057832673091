"""Which changes record which events, and that nothing is recorded twice."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chats.conversations import done_and_blocked, ownership
from chats.conversations.sessions.session_expiry import close_expired_sessions
from chats.models import Message, Origin
from chats.outbox.message_queue import queue_message
from cloud_api import messages
from conftest import apply_all
from contacts.consent.purposes import MARKETING
from contacts.consent.services import ConsentRecord, record_consent
from contacts.models import ConsentDecision, Contact, Label
from contacts.services import add_contact, change_labels, rename_contact, set_who_answers
from organizations.events.kinds import EventKind
from organizations.events.tests.conftest import want
from organizations.models import AccountEvent, Event, EventKey, Organization, Profile
from organizations.numbers.suspension import clear_stop, stop_sending
from webhooks.models import Webhook
from webhooks.tests.bodies import NUMBER, body, echo_body, history_body, status_body, text_body, value

pytestmark = pytest.mark.django_db(transaction=True)
FIRST_MESSAGE = ["contact.created", "conversation.opened", "message.received"]


def now_seconds(minutes: int = 0) -> int:
    return int(timezone.now().timestamp()) + 60 * minutes


def test_without_addresses_nothing_is_recorded_and_no_query_is_made_for_events(hub, numbers, recorded) -> None:
    hub.deliver(text_body("w1", now_seconds()))
    hub.deliver(echo_body("w2", now_seconds()))
    hub.deliver(status_body("w2", "delivered", now_seconds()))
    with CaptureQueriesContext(connection) as queries:
        apply_all()
    assert recorded() == []
    about_events = [each["sql"] for each in queries if "event_key" in each["sql"] or "IS NOT NULL" in each["sql"]]
    assert not [sql for sql in about_events if "event_kinds" in sql or "event_key" in sql]


def test_a_first_message_reports_contact_conversation_and_message(post_and_apply, wanted) -> None:
    post_and_apply(text_body("w1", now_seconds()))
    events = list(Event.objects.order_by("pk"))
    assert [each.kind for each in events] == FIRST_MESSAGE
    contact = Contact.objects.get()
    assert {each.contact_id for each in events} == {contact.pk}
    assert {each.phone_number_id for each in events} == {NUMBER}
    assert events[1].facts == {"session": str(contact.session_id)}
    assert events[2].facts == {"wamid": "w1"}


def test_the_next_message_reports_only_itself(post_and_apply, wanted, recorded) -> None:
    post_and_apply(text_body("w1", now_seconds()))
    recorded()
    post_and_apply(text_body("w2", now_seconds()))
    assert recorded() == ["message.received"]


def test_only_wanted_kinds_are_recorded(post_and_apply, organization, recorded) -> None:
    want(organization, EventKind.MESSAGE_RECEIVED)
    post_and_apply(text_body("w1", now_seconds()))
    assert recorded() == ["message.received"]
    want(organization)
    assert Organization.objects.get().event_kinds is None
    assert not Organization.objects.filter(event_kinds__isnull=False).exists()


def test_a_repeated_webhook_reports_nothing_again(post_and_apply, wanted, recorded) -> None:
    post_and_apply(text_body("w1", now_seconds()), status_body("w9", "sent", now_seconds()))
    recorded()
    post_and_apply(text_body("w1", now_seconds()), status_body("w9", "sent", now_seconds()))
    assert recorded() == []


def test_each_status_of_a_message_is_reported_once(post_and_apply, wanted) -> None:
    post_and_apply(echo_body("w1", now_seconds()))
    for status in ("delivered", "delivered", "read", "delivered"):
        post_and_apply(status_body("w1", status, now_seconds()))
    statuses = [each.facts["status"] for each in Event.objects.filter(kind="message.status").order_by("pk")]
    assert statuses == ["sent", "delivered", "read"]


def test_a_status_that_arrives_first_is_reported_after_the_message(post_and_apply, wanted) -> None:
    post_and_apply(status_body("w1", "delivered", now_seconds()), echo_body("w1", now_seconds()))
    statuses = [each.facts["status"] for each in Event.objects.filter(kind="message.status").order_by("pk")]
    assert statuses == ["sent", "delivered"]


@pytest.mark.parametrize("option", ["--all", "--rebuild"])
def test_replay_and_rebuild_report_nothing_again(post_and_apply, wanted, recorded, option) -> None:
    post_and_apply(
        text_body("w1", now_seconds(-3000)),
        text_body("w2", now_seconds(-1)),
        echo_body("w3", now_seconds()),
        status_body("w3", "read", now_seconds()),
    )
    assert recorded()
    call_command("replay", option, verbosity=0)
    apply_all()
    assert Message.objects.count() == 3
    assert recorded() == []


@pytest.mark.parametrize("option", ["--all", "--rebuild"])
def test_a_rebuild_does_not_report_what_came_before_the_address(post_and_apply, organization, recorded, option) -> None:
    post_and_apply(text_body("w1", now_seconds(-1)), echo_body("w2", now_seconds()), status_body("w2", "read", now_seconds()))
    want(organization, *EventKind)
    call_command("replay", option, verbosity=0)
    apply_all()
    assert recorded() == []
    post_and_apply(text_body("w3", now_seconds()))
    assert recorded() == ["message.received"]


def test_a_message_that_was_not_applied_before_a_rebuild_is_reported_after_it(hub, numbers, wanted, recorded) -> None:
    hub.deliver(text_body("w1", now_seconds()))
    call_command("replay", "--rebuild", verbosity=0)
    apply_all()
    assert "message.received" in recorded()


def test_keys_stay_when_events_are_gone(post_and_apply, wanted, recorded) -> None:
    post_and_apply(text_body("w1", now_seconds()))
    recorded()
    assert EventKey.objects.count() == 2


def test_imported_history_is_not_reported(post_and_apply, wanted, recorded) -> None:
    post_and_apply(history_body("w1", now_seconds(-600)))
    assert "message.received" not in recorded()


def test_an_expired_session_is_reported_as_closed_once(post_and_apply, wanted, recorded) -> None:
    post_and_apply(text_body("w1", now_seconds(-30)))
    recorded()
    Contact.objects.update(session_expires_at=timezone.now() - timedelta(minutes=1))
    close_expired_sessions()
    close_expired_sessions()
    assert recorded() == ["conversation.closed"]


def test_another_profile_name_is_reported_as_a_change(post_and_apply, wanted, recorded) -> None:
    post_and_apply(named_body("w1", "Joelma"))
    recorded()
    post_and_apply(named_body("w2", "Joelma Costa"))
    assert sorted(recorded()) == ["contact.changed", "message.received"]


def named_body(wamid: str, name: str) -> bytes:
    parsed = json.loads(text_body(wamid, now_seconds()))
    value = parsed["entry"][0]["changes"][0]["value"]
    value["contacts"] = [{"wa_id": value["messages"][0]["from"], "profile": {"name": name}}]
    return json.dumps(parsed).encode()


def test_changes_by_staff_name_the_changed_field(post_and_apply, wanted, organization) -> None:
    post_and_apply(text_body("w1", now_seconds()))
    contact, at = Contact.objects.get(), timezone.now()
    label = Label.objects.create(organization=organization, name="VIP")
    Event.objects.all().delete()
    rename_contact(contact=contact, alias="Joelma", by=None, now=at)
    rename_contact(contact=contact, alias="Joelma", by=None, now=at)
    change_labels(contact=contact, give=[label.pk], take=[], by=None, now=at)
    done_and_blocked.block(contact=contact, by=None, now=at)
    fields = [each.facts["fields"] for each in Event.objects.order_by("pk")]
    assert fields == [["alias"], ["labels"], ["blocked"]]
    assert {each.kind for each in Event.objects.all()} == {"contact.changed"}


def changed_fields() -> list[list[str]]:
    """Returns the fields of the recorded changes of contacts, and deletes the events."""
    fields = [each.facts["fields"] for each in Event.objects.filter(kind="contact.changed").order_by("pk")]
    Event.objects.all().delete()
    return fields


def test_a_consent_that_is_recorded_reports_whether_marketing_is_stopped(post_and_apply, wanted) -> None:
    post_and_apply(text_body("w1", now_seconds(-1)))
    contact, at = Contact.objects.get(), timezone.now()

    def record(**changes: Any) -> None:
        facts: dict[str, Any] = {"purpose": MARKETING, "withdrawn": True, "decided_at": at}
        consent = ConsentRecord(**facts | changes)
        source = ConsentDecision.Source.API
        record_consent(contact=contact, record=consent, source=source, token=uuid.uuid4(), by=None, now=timezone.now())

    record()
    assert changed_fields() == [["marketing_stopped"]]
    record()
    record(purpose="Sorteio")
    record(withdrawn=False, decided_at=at - timedelta(days=1))
    assert changed_fields() == []
    record(withdrawn=False, decided_at=timezone.now())
    assert changed_fields() == [["marketing_stopped"]]


def test_a_refusal_of_marketing_by_meta_is_reported_once(post_and_apply, wanted) -> None:
    post_and_apply(text_body("w0", now_seconds(-1)), echo_body("w1", now_seconds()), echo_body("w2", now_seconds()))
    changed_fields()
    for wamid in ("w1", "w1", "w2"):
        post_and_apply(status_body(wamid, "failed", now_seconds(), errors=[{"code": 131050, "title": "Stopped"}]))
    assert changed_fields() == [["marketing_stopped"]]


def test_a_merge_reports_that_the_person_has_stopped_marketing(post_and_apply, numbers, wanted) -> None:
    kept, absorbed = (Contact.objects.create(create_for_phone_number=numbers[NUMBER], bsuid=f"BR.{each}") for each in (111, 222))
    absorbed.record_marketing_choice(stopped=True, at=timezone.now())
    absorbed.save()
    change = {"type": "user_changed_user_id", "user_id": absorbed.bsuid, "previous_user_id": kept.bsuid}
    moved = {"from_user_id": kept.bsuid, "id": "w1", "timestamp": str(now_seconds()), "type": "system", "system": change}
    post_and_apply(body(value(messages=[moved])))
    assert Contact.objects.get().marketing_stopped
    assert ["marketing_stopped"] in changed_fields()


def test_another_owner_is_reported(post_and_apply, wanted, organization) -> None:
    post_and_apply(text_body("w1", now_seconds()))
    contact = Contact.objects.get()
    set_who_answers(organization=organization, contact_ids=[contact.pk], profile=Profile.BOT, by=None, now=timezone.now())
    Event.objects.all().delete()
    ownership.take_over(contact=contact, by=None, now=timezone.now())
    event = Event.objects.get()
    assert (event.kind, event.facts) == (
        "conversation.owner_changed",
        {"from": "bot", "to": "person", "reason": "taken_over"},
    )


def test_a_typed_contact_is_reported_as_created(numbers, wanted, recorded) -> None:
    add_contact(number=numbers[NUMBER], wa_id="556181500586", alias="Joelma", now=timezone.now())
    assert recorded() == ["contact.created"]


def test_a_message_of_staff_is_reported_as_queued(post_and_apply, wanted) -> None:
    post_and_apply(text_body("w1", now_seconds()))
    Event.objects.all().delete()
    token = uuid.uuid4()
    for _ in range(2):
        queue_message(
            contact=Contact.objects.get(), message=messages.text("Bom dia"), token=token, origin=Origin.STAFF, now=timezone.now()
        )
    event = Event.objects.get(kind="message.status")
    assert event.facts == {"callback_data": str(token), "status": "queued"}


def test_a_stopped_number_is_reported_once(numbers, wanted, organization, recorded) -> None:
    for _ in range(2):
        stop_sending(NUMBER, organization_id=organization.pk, code=190, now=timezone.now())
    assert recorded() == ["number.health"]
    for _ in range(2):
        clear_stop(NUMBER, organization_id=organization.pk)
    assert recorded() == ["number.health"]


def test_what_meta_reports_about_numbers_and_templates_is_reported_once(post_and_apply, wanted, recorded) -> None:
    quality = {"display_phone_number": "556133214400", "event": "DOWNGRADE", "current_limit": "TIER_250"}
    template = {
        "event": "APPROVED",
        "message_template_id": 3105550142,
        "message_template_name": "pedido_pronto",
        "message_template_language": "pt_BR",
        "reason": "NONE",
    }
    bodies = [body(quality, field="phone_number_quality_update"), body(template, field="message_template_status_update")]
    post_and_apply(*bodies, *bodies)
    assert recorded() == ["number.health", "template.changed"]


def test_what_meta_reports_about_one_conversation_is_no_event_of_a_number(post_and_apply, wanted, recorded) -> None:
    call = {"event": "call_created", "direction": "BUSINESS_INITIATED"}
    post_and_apply(
        body(value(control_passed={}), field="messaging_handovers"),
        body(value(calls=[call]), field="calls"),
        body(value(groups=[{"type": "group_suspend", "group_id": "1"}]), field="group_status_update"),
    )
    assert AccountEvent.objects.count() == 3
    assert recorded() == []


def test_an_organization_without_addresses_reports_nothing_beside_one_with_them(post_and_apply, wanted) -> None:
    other = Organization.objects.create(organization_name="Ipê")
    post_and_apply(text_body("w1", now_seconds()))
    assert not Event.objects.filter(organization=other).exists()
    assert Event.objects.filter(organization=wanted).count() == 3
    assert Webhook.objects.count() == 1
