"""What was sent before a person was erased is never applied, and is erased in the stored body. What is later makes a new
contact."""

import json
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chats.models import Message, StatusEvent, UnmatchedStatus
from cloud_api.payloads.erasure import Period
from conftest import apply_all
from contacts.models import Contact
from contacts.tombstones.services import add_tombstones
from organizations.models import Organization, PhoneNumber
from webhooks.models import HeldItem, Webhook
from webhooks.tests.bodies import ANA, HOUR, NUMBER, OTHER_NUMBER, START, body, echo_body, message, status_body, text_body, value

pytestmark = pytest.mark.django_db
BIA = "5511987654321"


@pytest.fixture
def erased(hub, numbers) -> Organization:
    """The organization, which has erased Ana."""
    organization = PhoneNumber.objects.get(phone_number_id=NUMBER).organization
    period = Period(until=START)
    add_tombstones(organization=organization, phones={ANA: period}, bsuids={}, until=datetime.fromtimestamp(START, UTC))
    return organization


def stored() -> str:
    return "".join(Webhook.objects.values_list("json", flat=True))


LATE = [text_body("wamid.A", text="segredo"), text_body("wamid.A", sender="5561981500586"), echo_body("wamid.A", text="segredo")]


@pytest.mark.parametrize("late", LATE)
def test_what_was_sent_before_the_erasure_is_not_applied_and_erased_in_the_body(hub, erased, late) -> None:
    hub.deliver(late)
    apply_all()
    assert not Contact.objects.exists()
    assert not Message.objects.exists()
    assert not HeldItem.objects.exists()
    for each in (ANA, "5561981500586", "segredo", "wamid.A"):
        assert each not in stored()
    row = Webhook.objects.get()
    assert (row.state, row.size) == ("done", len(row.body))


def test_an_erased_body_is_applied_again_without_the_person(hub, erased) -> None:
    hub.deliver(text_body("wamid.A"))
    apply_all()
    Webhook.objects.all().make_due()
    apply_all()
    assert Webhook.objects.get().state == "done"
    assert not Contact.objects.exists()


def test_what_was_sent_later_makes_a_new_contact(hub, erased) -> None:
    hub.deliver(text_body("wamid.A", START + 1))
    apply_all()
    assert Contact.objects.get().wa_id == ANA
    assert ANA in stored()


def test_others_in_the_same_body_are_applied(hub, erased) -> None:
    hub.deliver(body(value(messages=[message("wamid.A", text="segredo"), message("wamid.B", sender=BIA, text="outra")])))
    apply_all()
    assert [each.wa_id for each in Contact.objects.all()] == [BIA]
    assert "segredo" not in stored()
    assert "outra" in stored()


def test_a_status_of_an_erased_message_is_dropped_whatever_its_time(hub, erased) -> None:
    hub.deliver(status_body("wamid.A", "read", START + HOUR))
    apply_all()
    assert not StatusEvent.objects.exists()
    assert not UnmatchedStatus.objects.exists()
    assert "wamid.A" not in stored()


def test_a_status_of_a_later_message_is_stored(hub, erased) -> None:
    hub.deliver(echo_body("wamid.B", START + 5))
    apply_all()
    hub.deliver(status_body("wamid.B", "read", START + HOUR))
    apply_all()
    assert Message.objects.get().message_status == "read"


def test_another_organization_keeps_the_person(hub, erased) -> None:
    other = Organization.objects.create(organization_name="Outra")
    PhoneNumber.objects.filter(phone_number_id=OTHER_NUMBER).update(organization=other)
    hub.deliver(text_body("wamid.A", number=OTHER_NUMBER))
    apply_all()
    assert Contact.objects.get().create_for_phone_number_id == OTHER_NUMBER


def test_an_erasure_while_a_body_is_applied_routes_it_again(hub, numbers) -> None:
    hub.deliver(text_body("wamid.A", sender=BIA))
    organization = PhoneNumber.objects.get(phone_number_id=NUMBER).organization
    erased_meanwhile: list[int] = []

    def erase_once(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if "INTO" in sql and "chat_session_message" in sql and not erased_meanwhile:
            erased_meanwhile.append(Organization.objects.filter(pk=organization.pk).update(erased_until=datetime.now(UTC)))
        return result

    with connection.execute_wrapper(erase_once):
        apply_all()
    assert erased_meanwhile
    assert [each.reason.partition(":")[0] for each in HeldItem.objects.all()] == ["number_moved"]


def test_without_erasures_no_query_is_made(hub, numbers) -> None:
    hub.deliver(text_body("wamid.A"))
    with CaptureQueriesContext(connection) as queries:
        apply_all()
    assert not [each for each in queries.captured_queries if "tombstone" in each["sql"].split("FROM")[-1]]
    assert json.loads(Webhook.objects.get().json)
