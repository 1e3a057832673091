"""Addresses for events and deliveries in Django admin: superusers see them, change nothing, and see no secret."""

import pytest
from django.test import Client
from django.urls import reverse

from conftest import apply_all, html_of
from events.delivery.tests.conftest import add, messages_only, receiver, start_receiver, write
from events.models import EventDelivery, EventEndpoint
from organizations.models import Organization, Role, User

__all__ = ["add", "messages_only", "receiver", "start_receiver"]

ENDPOINTS, DELIVERIES = "/admin/events/eventendpoint/", "/admin/events/eventdelivery/"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com", "uma-senha-longa-7", language="en"))
    return client


def test_a_superuser_sees_an_address_without_its_secrets_and_its_path(root: Client, messages_only: EventEndpoint) -> None:
    EventEndpoint.objects.update(url="https://crm.example.com/hooks/segredo-4711", previous_secret="whsec_antigo")
    page = reverse("admin:events_eventendpoint_change", args=[messages_only.pk])

    shown = html_of(root.get(ENDPOINTS)) + html_of(root.get(page))

    assert "crm.example.com" in shown
    assert "No problem" in shown
    for secret in (messages_only.secret, "whsec_", "segredo-4711"):
        assert secret not in shown


def test_a_superuser_sees_what_was_sent_and_answered(root: Client, hub, numbers, messages_only: EventEndpoint, receiver) -> None:
    receiver.responses = [{"note": "recebido"}]
    hub.deliver(write("a1"))
    apply_all()
    delivery = EventDelivery.objects.get()

    listed = html_of(root.get(f"{DELIVERIES}?endpoint__id__exact={messages_only.pk}"))
    shown = html_of(root.get(reverse("admin:events_eventdelivery_change", args=[delivery.pk])))

    assert str(delivery.event_id) in listed
    assert "a1" in shown
    assert "delivered" in shown
    assert str(delivery.event_id) in html_of(root.get(DELIVERIES, {"q": str(delivery.contact_id)}))
    assert str(delivery.event_id) not in html_of(root.get(DELIVERIES, {"q": str(delivery.contact_id + 1)}))


def test_nobody_changes_them_in_the_admin(root: Client, messages_only: EventEndpoint) -> None:
    page = reverse("admin:events_eventendpoint_change", args=[messages_only.pk])

    assert root.get(f"{ENDPOINTS}add/").status_code == 403
    assert root.get(f"{DELIVERIES}add/").status_code == 403
    assert root.post(page, {"description": "x"}).status_code == 403
    assert root.post(reverse("admin:events_eventendpoint_delete", args=[messages_only.pk]), {"post": "yes"}).status_code == 403


def test_members_do_not_see_them(organization: Organization) -> None:
    client = Client()
    user = User.objects.create_user("ana@example.com", name="Ana")
    user.memberships.create(organization=organization, role=Role.USER_CREATOR)
    client.force_login(user)

    assert client.get(ENDPOINTS).status_code in (302, 403, 404)
