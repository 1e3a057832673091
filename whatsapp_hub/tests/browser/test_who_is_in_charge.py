"""Who is in charge of conversations, in a real browser: chips, the filter, the band, taking over and handing back."""

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from chats.conversations import ownership
from chats.models import Message, MessageStatus, Origin
from chats.outbox.message_queue import queue_message
from conftest import Hub
from contacts.models import Contact, ContactChange
from contacts.owner_changes import OwnerChange, change_owners
from contacts.owners import Owner, OwnerReason
from organizations.models import PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.test_every_page import check
from whatsapp_hub.tests.browser.webhooks import NUMBER, deliver_and_apply, message

pytestmark = pytest.mark.xdist_group("browser")
JOELMA, RUI, IARA, ANSELMO = "556181500586", "5511987654021", "556133214455", "556199321788"
NOTE = "Quer 3 bolos de milho para sábado.\nJá tem o endereço."


@pytest.fixture
def inbox(ana: User) -> str:
    return f"/o/{ana.memberships.get().organization_id}/inbox/"


@pytest.fixture
def people(hub: Hub, numbers: dict[str, PhoneNumber], ana: User) -> dict[str, Contact]:
    """Four conversations of a number with a bot: the bot has Joelma, Rui has waited for a person longer than Iara, and Ana has
    Anselmo."""
    PhoneNumber.objects.filter(phone_number_id=NUMBER[0]).update(answers_since=timezone.now(), default_bot="menu")
    now = time.time()
    deliver_and_apply(
        hub,
        message(JOELMA, "Joelma", content="Oi", at=now - 3000),
        message(RUI, "Rui Barbosa", content="Quero falar com alguém", at=now - 2400),
        message(IARA, "Dona Iara", content="atendente", at=now - 1800),
        message(ANSELMO, "Padre Anselmo", content="Bom dia", at=now - 1200),
    )
    Contact.objects.update(profile="bot", activate_bot=True, owner="bot")
    found = {contact.wa_id or "": contact for contact in Contact.objects.all()}
    hand_over(found[RUI], OwnerReason.FLOW, minutes=40, note=NOTE)
    hand_over(found[IARA], OwnerReason.ASKED, minutes=3)
    ownership.take_over(contact=found[ANSELMO], by=ana, now=timezone.now() - timedelta(minutes=2))
    return found


def hand_over(contact: Contact, reason: OwnerReason, *, minutes: int, note: str = "") -> None:
    """Hands the conversation over to a person, some minutes ago."""
    change = OwnerChange(contact=contact, owner=Owner.WAITING, reason=reason, note=note)
    change_owners([change], timezone.now() - timedelta(minutes=minutes))
    contact.save()


def bot_message(contact: Contact, words: str, **columns: Any) -> Message:
    sent = queue_message(
        contact=contact,
        message={"type": "text", "text": {"body": words}},
        token=columns.pop("token"),
        origin=Origin.BOT,
        now=timezone.now(),
    )
    Message.objects.filter(pk=sent.pk).update(**columns)
    return sent


def test_shots(open_page: Open, people: dict[str, Contact], ana: User, inbox: str) -> None:
    import uuid
    joelma = people[JOELMA]
    bot_message(joelma, "Olá! Escolha:", token=uuid.uuid4(), message_status="read", bot_trace={"step": 3, "title": "Menu", "because": "choice", "detail": "Preços"}, flow_state={"variables": {"nome": "Joelma", "pedido": "3 bolos"}})
    bot_message(joelma, "O preço é R$ 5", token=uuid.uuid4(), message_status="withdrawn")
    for w, h in ((360, 760), (768, 900), (1440, 900)):
        for scheme in ("light", "dark"):
            for name, wa in (("none", None), ("bot", JOELMA), ("waiting", RUI), ("person", ANSELMO)):
                page = open_page(f"{inbox}{people[wa].pk}/" if wa else inbox, ana, viewport={"width": w, "height": h}, color_scheme=scheme)
                page.wait_for_timeout(700)
                page.screenshot(path=f"/tmp/v-inbox/shots/{name}-{w}-{scheme}.png")
                page.context.close()
