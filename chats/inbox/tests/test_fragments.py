"""Rendered rows and messages that are kept: what changed is rendered again, and nothing else."""

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.inbox.tests.test_composer import HTMX, add_customer, member_client, store_message
from chats.models import Message, Origin
from contacts.models import Contact, Label
from organizations.models import Membership, Organization, PhoneNumber, Role, User

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(second=30)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')
"""Another one in each response."""


@pytest.fixture
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def padaria(clock: Any) -> Organization:
    return Organization.objects.create(organization_name="Padaria")


@pytest.fixture
def ana(padaria: Organization) -> Client:
    return member_client(padaria)


@pytest.fixture
def maria(padaria: Organization) -> Contact:
    """A contact whose message Bia has answered, quoting it."""
    contact = add_customer(padaria, "5243", NOW - timedelta(hours=1))
    Contact.objects.filter(pk=contact.pk).update(last_message_timestamp=NOW)
    PhoneNumber.objects.create(organization=padaria, phone_number_id="5244", wa_id="556198440077")  # rows name their number
    contact.labels.add(Label.objects.create(organization=padaria, name="VIP", colour="red"))
    bia = User.objects.create_user("bia@example.com", name="Bia Lima")
    asked = Message.objects.get()
    columns = {"is_user_message": False, "origin": Origin.STAFF, "written_by": bia, "message_status": "sent"}
    store_message(contact, "Abrimos às 8h.", NOW, quoted_wamid=asked.wamid, **columns)
    return contact


def fetch(client: Client, contact: Contact) -> list[Any]:
    """Returns the responses with the list and with the thread, as an open page fetches them."""
    organization = contact.organization_id
    urls = [reverse("inbox_rows", args=[organization]), reverse("thread", args=[organization, contact.pk])]
    return [client.get(url, headers=HTMX) for url in urls]


def texts(responses: list[Any]) -> list[str]:
    return [TOKEN.sub("", response.content.decode()) for response in responses]


def rendered(responses: list[Any]) -> list[str]:
    names = [str(template.name) for response in responses for template in response.templates]
    return [name for name in names if name in ("chats/_row.html", "chats/_bubble.html")]


def messages(**columns: Any) -> Callable[[Any], object]:
    return lambda clock: Message.objects.filter(is_user_message=columns.pop("asked", False)).update(**columns)


def contacts(**columns: Any) -> Callable[[Any], object]:
    return lambda clock: Contact.objects.update(**columns)


CHANGES: dict[str, Callable[[Any], object]] = {
    "a status": messages(message_status="read"),
    "a failure": messages(message_status="failed", errors=[{"code": 131026}]),
    "an uncertain message": messages(message_status="uncertain"),
    "an edit": messages(edited_content="Às 9h.", edited_at=NOW),
    "a deletion": messages(revoked_at=NOW),
    "a reaction": messages(reactions={"556193217788": "👍"}),
    "an edit of the quoted message": messages(asked=True, edited_content="Vocês abrem amanhã?", edited_at=NOW),
    "the API object": messages(payload={"text": {"body": "Abrimos às 8h."}, "context": {"forwarded": True}}),
    "why the bot sent it": messages(origin=Origin.BOT, bot_trace={"step": "menu", "title": "Menu"}),
    "the author's name": lambda clock: User.objects.filter(name="Bia Lima").update(name="Beatriz"),
    "the contact's name": contacts(alias="Dona Maria"),
    "a block": contacts(blocked_at=NOW - timedelta(hours=2)),
    "unread messages": contacts(unread_count=3, unread_at=NOW),
    "the window": contacts(last_customer_message_at=NOW - timedelta(hours=23)),
    "a waiting customer": contacts(owner="waiting", owner_since=NOW - timedelta(minutes=5)),
    "the label's name": lambda clock: Label.objects.update(name="Cliente antiga"),
    "the label's colour": lambda clock: Label.objects.update(colour="blue"),
    "the number's name": lambda clock: PhoneNumber.objects.update(name="Oficina"),
    "the reader's language": lambda clock: User.objects.filter(name="Ana Souza").update(language="pt-br"),
    "the reader's time zone": lambda clock: User.objects.filter(name="Ana Souza").update(time_zone="Asia/Tokyo"),
    "the next minute": lambda clock: clock.shift(60),
    "the next day": lambda clock: clock.shift(24 * 3600),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_shown_at_once(padaria, maria, ana, clock, change) -> None:
    before = texts(fetch(ana, maria))
    change(clock)
    shown = texts(fetch(ana, maria))
    caches["fragments"].clear()

    assert shown == texts(fetch(ana, maria))
    assert shown != before


def test_only_what_changed_is_rendered_again(padaria, maria, ana) -> None:
    assert sorted(rendered(fetch(ana, maria))) == ["chats/_bubble.html", "chats/_bubble.html", "chats/_row.html"]
    assert rendered(fetch(ana, maria)) == []

    Message.objects.filter(is_user_message=False).update(message_status="read")

    assert sorted(rendered(fetch(ana, maria))) == ["chats/_bubble.html", "chats/_row.html"]


def test_each_member_gets_rows_of_their_own(padaria, maria, ana) -> None:
    fetch(ana, maria)
    rui = member_client(padaria, name="Rui Dias")

    rows, _ = texts(fetch(rui, maria))

    user = User.objects.get(name="Rui Dias")
    assert f"draft:{user.pk}:{padaria.pk}:{maria.pk}" in rows


def test_a_form_has_the_token_of_the_member_who_reads(padaria, maria, ana) -> None:
    """A token of somebody else would be refused."""
    Message.objects.filter(is_user_message=False).update(message_status="failed", errors=[{"code": 131016}])
    fetch(ana, maria)
    bia = User.objects.get(name="Bia Lima")
    Membership.objects.create(organization=padaria, user=bia, role=Role.USER)
    client = Client(enforce_csrf_checks=True)
    client.force_login(bia)
    _, thread = fetch(client, maria)

    token = thread.content.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    failed = Message.objects.get(is_user_message=False)
    url = reverse("message_again", args=[padaria.pk, maria.pk, failed.pk])

    assert client.post(url, {"csrfmiddlewaretoken": "x" * 64}, headers=HTMX).status_code == HTTPStatus.FORBIDDEN
    assert client.post(url, {"csrfmiddlewaretoken": token}, headers=HTMX).status_code != HTTPStatus.FORBIDDEN
