"""How many conversations have something unread, what a notification says, and how a user wants to be read_notifications."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.inbox.alerts import MAX_COUNTED
from chats.inbox.tests.test_composer import add_customer, member_client, store_message
from chats.models import Message
from conftest import html_of
from contacts.models import Contact
from organizations.models import Organization, Role, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def padaria() -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def maria(padaria: Organization) -> Contact:
    contact = add_customer(padaria, "5243", timezone.now() - timedelta(minutes=5))
    return unread(contact, 1)


def unread(contact: Contact, count: int, webhook_id: int = 7) -> Contact:
    """Of the contact, the last messages are unread."""
    Message.objects.filter(contact=contact).update(webhook_id=webhook_id)
    contact.unread_count, contact.unread_at = count, timezone.now()
    contact.save()
    return contact


def read_notifications(client: Client, organization: Organization, *contacts: Any) -> list[dict[str, Any]]:
    address = reverse("notifications", args=[organization.pk])
    response = client.get(address, {"contact": list(contacts)})
    assert response.status_code == 200
    notifications: list[dict[str, Any]] = response.json()["notifications"]
    return notifications


def test_the_navigation_of_every_page_shows_the_number_of_unread_conversations(padaria: Organization, maria: Contact) -> None:
    ana = member_client(padaria)
    assert maria.unread_at is not None
    for name in ("inbox", "contacts", "unread"):
        page = ana.get(reverse(name, args=[padaria.pk])).content.decode()
        assert "<span data-figures>1</span>" in page
        assert json.dumps([[maria.pk, 1, int(maria.unread_at.timestamp())]]).replace('"', "&quot;") in page
    Contact.objects.update(unread_count=0, unread_at=None)
    assert 'data-unread="[]"' in ana.get(reverse("unread", args=[padaria.pk])).content.decode()


def test_the_list_of_conversations_brings_the_count_with_it(padaria: Organization, maria: Contact) -> None:
    page = member_client(padaria).get(reverse("inbox_rows", args=[padaria.pk])).content.decode()
    assert 'hx-swap-oob="innerHTML:#unread"' in page
    assert page.count("data-unread=") == 1


def test_many_unread_conversations_are_counted_to_an_end(
    padaria: Organization, maria: Contact, django_assert_num_queries: Any
) -> None:
    number = maria.create_for_phone_number
    Contact.objects.bulk_create(
        Contact(
            create_for_phone_number=number, organization=padaria, wa_id=f"5561{place:08}", unread_count=1, unread_at=timezone.now()
        )
        for place in range(MAX_COUNTED)
    )
    ana = member_client(padaria)
    ana.get(reverse("unread", args=[padaria.pk]))
    with django_assert_num_queries(6):  # session, user, membership; the unread of each owner, and who waits for a person
        page = ana.get(reverse("unread", args=[padaria.pk])).content.decode()
    assert "99+" in page


def test_a_notification_shows_the_sender_and_the_text(padaria: Organization, maria: Contact) -> None:
    store_message(maria, "Tem bolo de fubá?", timezone.now(), webhook_id=8)
    store_message(
        maria, "Temos!", timezone.now() + timedelta(seconds=1), is_user_message=False, origin="staff", message_status="sent"
    )
    unread(maria, 2)
    (notification,) = read_notifications(member_client(padaria), padaria, maria.pk)
    assert notification == {
        "contact": maria.pk,
        "title": "Maria Alves",
        "body": "Tem bolo de fubá?",
        "url": reverse("conversation", args=[padaria.pk, maria.pk]),
    }


def test_a_notification_of_a_contact_without_a_name_has_the_formatted_number(padaria: Organization, maria: Contact) -> None:
    Contact.objects.update(name="", wa_id="5561981500586")
    (notification,) = read_notifications(member_client(padaria), padaria, maria.pk)
    assert notification["title"] == "+55 61 98150-0586"


def test_read_conversations_and_other_organizations_have_no_notification(padaria: Organization, maria: Contact) -> None:
    other = Organization.objects.create(organization_name="Outra")
    foreign = unread(add_customer(other, "5299", timezone.now()), 1)
    ana = member_client(padaria)
    assert read_notifications(ana, padaria, foreign.pk, "x", 0, 10**30, -1) == []
    Contact.objects.update(unread_count=0, unread_at=None)
    assert read_notifications(ana, padaria, maria.pk) == []


def test_alert_preferences_are_of_one_user_and_off_by_default(padaria: Organization) -> None:
    ana, bia = member_client(padaria), member_client(padaria, Role.USER_ADMIN, "Bia")
    assert not User.objects.filter(alert_sound=True).exists()
    assert not User.objects.filter(alert_notifications=True).exists()
    response = ana.post(reverse("alert_preferences"), {"alert_sound": "on"}, headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert User.objects.filter(alert_sound=True).values_list("name", flat=True).get() == "Ana Souza"
    assert "data-sound " in html_of(ana.get(reverse("inbox", args=[padaria.pk])))
    assert "data-sound " not in html_of(bia.get(reverse("inbox", args=[padaria.pk])))
    assert ana.post(reverse("alert_preferences"), {"alert_notifications": "on"}).status_code == 302
    assert User.objects.values_list("alert_sound", "alert_notifications").get(name="Ana Souza") == (False, True)


def test_an_anonymous_visitor_has_no_preferences(client: Client) -> None:
    response = client.post(reverse("alert_preferences"), {"alert_sound": "on"})
    assert (response.status_code, response["Location"]) == (302, f"{reverse('account_login')}?next={reverse('alert_preferences')}")


def test_the_profile_has_what_enter_does_and_the_alerts(padaria: Organization) -> None:
    ana = member_client(padaria)
    given = {"name": "Ana", "language": "en", "enter_key": "new_line", "alert_sound": "on"}
    assert ana.post(reverse("profile"), given).status_code == 302
    user = User.objects.get(name="Ana")
    assert (user.enter_key, user.alert_sound, user.alert_notifications) == ("new_line", True, False)
    assert ana.post(reverse("profile"), given | {"enter_key": "x"}).status_code == 422
