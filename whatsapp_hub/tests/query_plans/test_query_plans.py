"""No statement on the way of a message reads a whole table that grows, in a database with some ten thousand rows."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chats.conftest import JOELMA, NUMBER, ana, meta  # noqa: F401  fixtures
from chats.models import Message, MessageStatus, StatusEvent
from conftest import PAYLOADS, apply_all, run_worker
from contacts.lists.contact_list import ContactFilters, list_in_fixed_order
from contacts.models import Contact
from organizations.models import Membership, Organization, PhoneNumber, Role
from webhooks.models import Webhook
from webhooks.tests.bodies import body, message, text_body, value
from whatsapp_hub.lanes import LANES
from whatsapp_hub.tests.query_plans.filled_tables import fill_tables
from whatsapp_hub.tests.query_plans.plans import QueryPlans

LIVE_PARTS = ("inbox", "inbox_rows", "unread", "notifications", "contacts", "contact_rows")
API_LISTS = ("contacts/", "conversations/")
PARTS_OF_A_CONVERSATION = ("conversation", "conversation_pane", "thread", "contact_pane", "composer", "conversation_window")


MAIN_TABLES = {
    "webhook",
    "webhook_held_item",
    "contacts",
    "chat_session_message",
    "chat_status_event",
    "chat_turn",
    "chat_outgoing",
}
"""What the walk must at least have used."""


def test_no_statement_on_the_way_of_a_message_reads_a_whole_table(hub, meta, numbers, organization, ana) -> None:  # noqa: F811
    Membership.objects.create(organization=organization, user=ana, role=Role.USER)
    tables = fill_tables(organization, numbers[NUMBER])
    Organization.objects.update(erased_until=timezone.now() - timedelta(days=100))  # so that tombstones are looked up
    browser = Client()
    browser.force_login(ana)
    with QueryPlans(tables) as plans:
        receive(hub, numbers[NUMBER])
        joelma = Contact.objects.get(wa_id=JOELMA, create_for_phone_number=numbers[NUMBER])
        show(browser, joelma)
        copy_contacts()
        answer(hub, meta, browser, joelma)
        receive_every_sample(hub)
        run_worker()
        ask_when_lanes_are_due()
    assert not plans.bad, plans.report()
    assert not MAIN_TABLES - set(plans.used)


def receive(hub, number: PhoneNumber) -> None:
    """Receives and applies a message of a new customer, then one that answers it, a reaction and an edit."""
    at = int(timezone.now().timestamp()) - 60
    hub.deliver(text_body("wamid.first", at, sender=JOELMA))
    apply_all()
    quoting = message("wamid.second", at + 10, sender=JOELMA) | {"context": {"id": "wamid.first"}}
    acts = {"reaction": {"message_id": "wamid.first", "emoji": "👍"}}
    reaction = {"from": JOELMA, "id": "wamid.third", "timestamp": str(at + 20), "type": "reaction", **acts}
    others = [message(f"wamid.crowd{index}", at + index, sender=str(5561900000000 + index)) for index in range(50)]
    hub.deliver(body(value(NUMBER, messages=[quoting, reaction, *others])))
    apply_all()
    wamids = ["wamid.first", "wamid.second", "wamid.third"]
    assert Message.objects.filter(phone_number=number, wamid__in=wamids).count() == 3


def show(browser: Client, joelma: Contact) -> None:
    """Fetches what an open page fetches when a message arrives, and what programs fetch."""
    for name in LIVE_PARTS:
        assert browser.get(reverse(name, args=[joelma.organization_id])).status_code == 200
    for name in PARTS_OF_A_CONVERSATION:
        assert browser.get(reverse(name, args=[joelma.organization_id, joelma.pk])).status_code == 200
    for path in API_LISTS:
        assert browser.get(f"/api/v1/{path}").status_code == 200
    browser.post(reverse("conversation_read", args=[joelma.organization_id, joelma.pk]), {"until": Webhook.objects.latest("pk").pk})


def copy_contacts() -> None:
    """A program copies the contacts of a small organization. Those of a large one are found early in the whole table."""
    small = Organization.objects.create(organization_name="Pequena")
    number = PhoneNumber.objects.create(organization=small, phone_number_id="id5561332100", wa_id="5561332100")
    for index in range(3):
        Contact.objects.create(organization=small, create_for_phone_number=number, wa_id=f"55619333100{index}")
    _, end = list_in_fixed_order(small.pk, ContactFilters(), timezone.now(), limit=2, after=None)
    rest, _ = list_in_fixed_order(small.pk, ContactFilters(), timezone.now(), limit=2, after=end)
    assert [each.wa_id for each in rest] == ["556193331002"]


def answer(hub, meta, browser: Client, joelma: Contact) -> None:  # noqa: F811
    """A member of staff answers, the outbox sends the answer, and its statuses arrive."""
    number = joelma.create_for_phone_number
    url = reverse("send_answer", args=[joelma.organization_id, joelma.pk])
    browser.post(url, {"text": "Bom dia", "token": str(uuid.uuid4())})
    apply_all()
    (sent,) = meta.sent()
    for word in ("sent", "delivered", "read"):
        hub.deliver(meta.status_body(sent, word))
        apply_all()
    assert Message.objects.get(phone_number=number, wamid=sent["wamid"]).message_status == MessageStatus.READ
    assert StatusEvent.objects.filter(phone_number=number, wamid=sent["wamid"]).count() == 3


def receive_every_sample(hub) -> None:
    """Receives and applies every sample body: new identifiers, history, echoes, groups, templates, unreadable ones."""
    for path in sorted(PAYLOADS.rglob("*.*")):
        hub.deliver(path.read_bytes())
    apply_all()
    assert not Webhook.objects.filter(state="due").exists()


def ask_when_lanes_are_due() -> None:
    """Asks for each lane alone when its first row is due. The worker asks for all in one statement, whose aliases say no table."""
    for lane in LANES:
        list(lane.rows.soonest())


@pytest.mark.django_db
def test_a_statement_without_an_index_is_found() -> None:
    with QueryPlans({"chat_session_message"}) as plans:
        list(Message.objects.filter(content="oi"))
        list(Message.objects.filter(contact=1))
        Message.objects.filter(updated_at__lt=timezone.now() - timedelta(days=1)).update(content="")
    assert list(plans.bad.values()) == ["scans chat_session_message"] * 2
    assert plans.used["chat_session_message"] >= 2
    assert connection.execute_wrappers == []
