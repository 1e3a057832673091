"""The card with the first steps of a new hub, which disappears when they are done."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from chats.models import Message, MessageStatus
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, Role
from organizations.tests.people import member
from simulator.demonstration import create_simulated_number
from simulator.first_steps import ANA

pytestmark = pytest.mark.django_db


@pytest.fixture
def hub(settings: Any) -> tuple[Organization, PhoneNumber, Client]:
    """A fresh hub with the simulator, and the browser of whoever made it."""
    settings.SIMULATOR = True
    organization = Organization.objects.create(organization_name="Demonstration")
    user, client = member(organization, Role.USER_CREATOR, name="Root")
    return organization, create_simulated_number(organization=organization, by=user), client


def card(client: Client, organization: Organization) -> str:
    """What the inbox shows of it; the live part shows the same."""
    page = client.get(f"/o/{organization.pk}/inbox/").content.decode()
    part = client.get(f"/o/{organization.pk}/simulator/first-steps/").content.decode()
    assert ("First steps" in page) == ("First steps" in part)
    return part if "First steps" in part else ""


def say(number: PhoneNumber, contact: Contact, status: str, *, by_customer: bool = False) -> Message:
    return Message.objects.create(
        phone_number=number, contact=contact, wamid=f"wamid.{Message.objects.count()}", wa_id="1", wa_id_received="2",
        is_user_message=by_customer, origin="live" if by_customer else "staff", kind="text", content="oi", payload={},
        message_status=status, session_id="00000000-0000-4000-8000-000000000000", expires_at=timezone.now(), is_active=True,
        create_in=timezone.now(),
    )  # fmt: skip


def test_each_step_is_ticked_when_it_was_done_and_the_card_goes_after_the_last(hub) -> None:
    organization, number, client = hub
    assert "0 of 4" in card(client, organization)
    ana = Contact.objects.create(create_for_phone_number=number, wa_id=ANA, name="Ana")
    other = Contact.objects.create(create_for_phone_number=number, wa_id="5561900000000")
    say(number, ana, MessageStatus.RECEIVED, by_customer=True)
    say(number, other, MessageStatus.SENT)
    shown = card(client, organization)
    assert "0 of 4" in shown
    assert f"/o/{organization.pk}/inbox/{ana.pk}/" in shown

    answer = say(number, ana, MessageStatus.DELIVERED)
    assert "1 of 4" in card(client, organization)
    Message.objects.filter(pk=answer.pk).update(message_status=MessageStatus.READ)
    assert "2 of 4" in card(client, organization)
    say(number, other, MessageStatus.FAILED)
    assert "3 of 4" in card(client, organization)
    own = PhoneNumber.objects.create(organization=organization, phone_number_id="1", wa_id="556133214400")
    assert "3 of 4" in card(client, organization), "the set-up of the number has only begun"
    PhoneNumber.objects.filter(pk=own.pk).update(handshake_at=timezone.now())
    assert card(client, organization) == ""


def test_the_card_names_the_customer_whom_an_ai_answers(hub) -> None:
    organization, number, client = hub
    assert "Camila" not in card(client, organization)
    PhoneNumber.objects.filter(pk=number.pk).update(default_ai="flora")
    assert "an AI answers Camila" in card(client, organization)


def test_it_goes_once_a_number_of_one_s_own_is_in_use(hub) -> None:
    organization, _number, client = hub
    own = PhoneNumber.objects.create(organization=organization, phone_number_id="1", wa_id="556133214400")
    PhoneNumber.objects.filter(pk=own.pk).update(handshake_at=timezone.now())
    assert "1 of 4" in card(client, organization)
    PhoneNumber.objects.filter(pk=own.pk).update(first_webhook_at=timezone.now())
    assert card(client, organization) == ""


def test_first_steps_can_be_dismissed(hub) -> None:
    organization, _number, client = hub
    answer = client.post(f"/o/{organization.pk}/simulator/first-steps/put-away/")
    assert answer["Location"] == f"/o/{organization.pk}/inbox/"
    assert card(client, organization) == ""


def test_first_steps_are_shown_to_administrators(hub) -> None:
    organization, _number, _client = hub
    _, staff = member(organization, Role.USER, name="Bia")
    assert "First steps" not in staff.get(f"/o/{organization.pk}/inbox/").content.decode()


def test_no_card_and_no_query_without_the_simulator_or_on_a_hub_that_was_updated(hub, settings, django_assert_num_queries) -> None:
    organization, _number, client = hub
    Organization.objects.update(first_run=False)
    assert card(client, organization) == ""
    address = f"/o/{organization.pk}/simulator/first-steps/"
    with django_assert_num_queries(3):  # the session, the user, the access
        client.get(address)
    Organization.objects.update(first_run=True)
    with django_assert_num_queries(7):
        client.get(address)
    settings.SIMULATOR = False
    assert "First steps" not in client.get(f"/o/{organization.pk}/inbox/").content.decode()
