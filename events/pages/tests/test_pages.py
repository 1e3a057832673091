"""The pages of addresses for events."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bots.web_requests.allow_list import AllowList
from conftest import html_of
from events.endpoints.services import EndpointSettings, add_endpoint
from events.models import EventDelivery, EventEndpoint, EventQueue
from organizations.events.kinds import EventKind
from organizations.models import Membership, Organization, PhoneNumber, Role, User

pytestmark = pytest.mark.django_db
URL = "https://crm.example.com/events"
FORM = {"description": "CRM", "url": URL, "kinds": ["message.received", "contact.created"], "is_enabled": "on"}


@pytest.fixture
def padaria() -> Organization:
    return Organization.objects.create(organization_name="Padaria Girassol")


@pytest.fixture
def number(padaria: Organization) -> PhoneNumber:
    return PhoneNumber.objects.create(organization=padaria, phone_number_id="448190735512098", wa_id="556133214400")


def sign_in(organization: Organization, role: Role) -> Client:
    person = User.objects.create_user(f"{role}@example.com", "uma-senha-longa-7", name="Joelma", language="en")
    Membership.objects.create(organization=organization, user=person, role=role)
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def admin(padaria: Organization) -> Client:
    return sign_in(padaria, Role.USER_ADMIN)


@pytest.fixture
def endpoint(padaria: Organization) -> EventEndpoint:
    settings = EndpointSettings(description="CRM", url=URL, kinds=[EventKind.MESSAGE_RECEIVED], numbers=None)
    return add_endpoint(organization=padaria, settings=settings, by=None, now=timezone.now())


def add_delivery(endpoint: EventEndpoint, **columns: Any) -> EventDelivery:
    usual = {"kind": "message.received", "contact_id": 0, "occurred_at": timezone.now(), "outcome": "delivered", "attempts": 1}
    return EventDelivery.objects.create(endpoint=endpoint, event_id=uuid.uuid4(), **usual | columns)


def page(client: Client, name: str, *arguments: int, **query: str) -> str:
    response = client.get(reverse(name, args=arguments), query)
    assert response.status_code == 200
    return html_of(response)


def test_an_organization_without_addresses_sees_how_to_add_one(admin, padaria) -> None:
    html = page(admin, "events", padaria.pk)
    assert "No address gets events yet" in html
    assert reverse("event_endpoint_new", args=[padaria.pk]) in html


def test_a_new_address_shows_its_secret_once(admin, padaria, number) -> None:
    response = admin.post(reverse("event_endpoint_new", args=[padaria.pk]), FORM, follow=True)
    endpoint = EventEndpoint.objects.get()
    assert endpoint.secret in html_of(response)
    assert response["Cache-Control"] == "no-store"
    assert endpoint.secret not in page(admin, "event_endpoint", padaria.pk, endpoint.pk)
    assert endpoint.kinds == ["message.received", "contact.created"]
    assert endpoint.numbers is None
    assert set(Organization.objects.get().event_kinds) == {"message.received", "contact.created"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("description", "", "required"),
        ("url", "", "required"),
        ("url", "http://crm.example.com/", "must begin with https://"),
        ("url", "https://127.0.0.1/", "not public"),
        ("url", "https://joao:senha@crm.example.com/", "user name or password"),
        ("url", "https://crm.example.com:22/", "port"),
        ("kinds", [], "required"),
        ("kinds", ["message.unknown"], "not one of the available choices"),
        ("numbers", ["999"], "not one of the available choices"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(admin, padaria, number, field, value, words) -> None:
    response = admin.post(reverse("event_endpoint_new", args=[padaria.pk]), FORM | {field: value})
    assert response.status_code == 422
    assert words in html_of(response)
    assert not EventEndpoint.objects.exists()


def test_an_address_that_the_operator_opened_is_accepted(admin, padaria, settings) -> None:
    settings.BOT_ALLOWED_ADDRESSES = AllowList.parse(["127.0.0.1:8123"])
    admin.post(reverse("event_endpoint_new", args=[padaria.pk]), FORM | {"url": "http://127.0.0.1:8123/x"})
    assert EventEndpoint.objects.exists()


def test_there_are_at_most_20_addresses(admin, padaria, endpoint) -> None:
    EventEndpoint.objects.bulk_create(
        EventEndpoint(organization=padaria, description=f"CRM {index}", url=URL, secret=endpoint.secret) for index in range(19)
    )
    response = admin.post(reverse("event_endpoint_new", args=[padaria.pk]), FORM)
    assert response.status_code == 422
    assert "at most 20 addresses" in html_of(response)


def test_changed_settings_are_saved_and_close_the_circuit(admin, padaria, number, endpoint) -> None:
    until = timezone.now() + timedelta(hours=1)
    EventEndpoint.objects.update(failures=9, paused_until=until, failing_since=timezone.now())
    changed = FORM | {"description": "Outro CRM", "url": "https://other.example.com/", "numbers": [number.phone_number_id]}
    admin.post(reverse("event_endpoint_save", args=[padaria.pk, endpoint.pk]), changed)
    stored = EventEndpoint.objects.get()
    assert (stored.description, stored.numbers, stored.failures, stored.paused_until) == ("Outro CRM", ["448190735512098"], 0, None)
    assert stored.secret == endpoint.secret


def test_wrong_changes_show_the_page_again(admin, padaria, endpoint) -> None:
    response = admin.post(reverse("event_endpoint_save", args=[padaria.pk, endpoint.pk]), FORM | {"url": "ftp://x"})
    assert response.status_code == 422
    assert EventEndpoint.objects.get().url == URL


def test_an_address_that_is_off_wants_nothing(admin, padaria, endpoint) -> None:
    off = {name: value for name, value in FORM.items() if name != "is_enabled"}
    admin.post(reverse("event_endpoint_save", args=[padaria.pk, endpoint.pk]), off)
    assert Organization.objects.get().event_kinds is None
    html = page(admin, "event_endpoint", padaria.pk, endpoint.pk)
    assert "It is off" in html
    assert "Send a test" not in html


def test_a_new_secret_is_shown_once_and_the_old_one_stays_valid(admin, padaria, endpoint) -> None:
    response = admin.post(reverse("event_endpoint_secret", args=[padaria.pk, endpoint.pk]), follow=True)
    stored = EventEndpoint.objects.get()
    assert stored.previous_secret == endpoint.secret != stored.secret
    assert stored.secret in html_of(response)
    assert "is also valid until" in page(admin, "event_endpoint", padaria.pk, endpoint.pk)


def test_a_deleted_address_is_gone(admin, padaria, endpoint) -> None:
    response = admin.post(reverse("event_endpoint_delete", args=[padaria.pk, endpoint.pk]), follow=True)
    assert "No address gets events yet" in html_of(response)
    assert admin.get(reverse("event_endpoint", args=[padaria.pk, endpoint.pk])).status_code == 404


def test_a_test_waits_for_its_result(admin, padaria, endpoint) -> None:
    url = reverse("event_test", args=[padaria.pk, endpoint.pk])
    part = html_of(admin.post(url, headers={"HX-Request": "true"}))
    sent = EventDelivery.objects.get()
    assert reverse("event_test_result", args=[padaria.pk, endpoint.pk, sent.pk]) in part
    EventDelivery.objects.update(outcome="delivered", status=200, response='{"ok": true}', attempts=1, attempted_at=timezone.now())
    result = page(admin, "event_test_result", padaria.pk, endpoint.pk, sent.pk)
    assert "&quot;ok&quot;: true" in result
    assert "every 1s" not in result
    assert admin.post(url).status_code == 302


def test_the_log_filters_and_goes_on(admin, padaria, endpoint) -> None:
    for index in range(60):
        add_delivery(endpoint, status=200 + index)
    add_delivery(endpoint, outcome="dead", problem="timeout")
    first = page(admin, "event_log", padaria.pk, endpoint.pk)
    assert "did not answer in time" in first
    assert "Load more" in first
    oldest_shown = EventDelivery.objects.order_by("-pk")[49].pk
    rest = page(admin, "event_log_rows", padaria.pk, endpoint.pk, before=str(oldest_shown))
    assert "HTTP 200" in rest
    dead = page(admin, "event_log", padaria.pk, endpoint.pk, show="dead")
    assert "HTTP 2" not in dead
    assert "Send them all again" in dead
    assert "No such event" in page(admin, "event_log", padaria.pk, endpoint.pk, show="waiting")


@pytest.mark.parametrize("query", ["before=x", "before=99999999999999999999", "show=nothing", "before=-1"])
def test_odd_queries_of_the_log_are_harmless(admin, padaria, endpoint, query) -> None:
    assert admin.get(reverse("event_log", args=[padaria.pk, endpoint.pk]) + f"?{query}").status_code == 200


def test_one_delivery_shows_what_was_sent_and_answered(admin, padaria, endpoint) -> None:
    sent = add_delivery(endpoint, request='{"type":"message.received"}', response="<b>sim</b>", status=500, problem="status")
    html = page(admin, "event_delivery", padaria.pk, endpoint.pk, sent.pk)
    assert "&quot;type&quot;: &quot;message.received&quot;" in html
    assert "&lt;b&gt;sim&lt;/b&gt;" in html
    assert "HTTP status" in html


def test_one_and_all_can_be_sent_again(admin, padaria, endpoint) -> None:
    one, _other = add_delivery(endpoint, outcome="dead", contact_id=1), add_delivery(endpoint, outcome="dead", contact_id=2)
    admin.post(reverse("event_replay", args=[padaria.pk, endpoint.pk, one.pk]))
    assert EventDelivery.objects.get(pk=one.pk).outcome == ""
    response = admin.post(reverse("event_replay_dead", args=[padaria.pk, endpoint.pk]), follow=True)
    assert "1 event is sent again" in html_of(response)
    assert EventQueue.objects.filter(state="due").count() == 2


def test_the_page_says_why_an_address_is_paused_and_ends_the_pause(admin, padaria, endpoint) -> None:
    until = timezone.now() + timedelta(hours=1)
    EventEndpoint.objects.update(failures=7, paused_until=until, problem="connection")
    html = page(admin, "event_endpoint", padaria.pk, endpoint.pk)
    assert "The last 7 tries failed" in html
    assert "cannot be reached" in html
    admin.post(reverse("event_try_now", args=[padaria.pk, endpoint.pk]))
    paused_until = EventEndpoint.objects.get().paused_until
    assert paused_until is not None
    assert paused_until < until
    assert "Paused" not in page(admin, "events", padaria.pk)


def test_another_organizations_address_and_delivery_are_not_found(admin, padaria, endpoint) -> None:
    other = Organization.objects.create(organization_name="Ipê")
    settings = EndpointSettings(description="ERP", url=URL, kinds=[EventKind.MESSAGE_RECEIVED], numbers=None)
    foreign = add_endpoint(organization=other, settings=settings, by=None, now=timezone.now())
    sent = add_delivery(foreign)
    assert admin.get(reverse("event_endpoint", args=[padaria.pk, foreign.pk])).status_code == 404
    assert admin.get(reverse("event_delivery", args=[padaria.pk, endpoint.pk, sent.pk])).status_code == 404
    assert admin.post(reverse("event_replay", args=[padaria.pk, endpoint.pk, sent.pk])).status_code == 404


def test_members_who_are_no_administrators_see_no_addresses(padaria, endpoint) -> None:
    member = sign_in(padaria, Role.USER)
    assert member.get(reverse("events", args=[padaria.pk])).status_code == 403
    assert Client().get(reverse("events", args=[padaria.pk])).status_code == 302
