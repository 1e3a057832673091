"""Templates that bots send: the conversation shows their texts and buttons, as it does for those of staff."""

import uuid
from typing import Any

import pytest
from django.utils import timezone

from chats.inbox.bubbles.contents import bubble_content
from chats.models import Message, MessageTemplate, Origin
from chats.outbox.message_queue import BotMessage, queue_bot_messages
from cloud_api import messages
from conftest import apply_all
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber

COMPONENTS = [
    {"type": "HEADER", "format": "TEXT", "text": "Padaria"},
    {"type": "BODY", "text": "Olá, {{1}}! O pedido {{2}} está pronto."},
    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Já vou"}]},
]


def store_template(organization: Organization, waba_id: str, **columns: Any) -> None:
    values = {
        "name": "pronto",
        "language": "pt_BR",
        "status": "APPROVED",
        "category": "UTILITY",
        "components": COMPONENTS,
    } | columns
    MessageTemplate.objects.create(organization=organization, waba_id=waba_id, reported_at=timezone.now(), **values)


def by_bot(contact: Contact, *sent: dict[str, Any]) -> list[Message]:
    def queue() -> list[Message]:
        locked = Contact.objects.select_for_update().get(pk=contact.pk)
        numbers = PhoneNumber.objects.in_bulk([locked.create_for_phone_number_id], field_name="phone_number_id")
        wanted = [BotMessage(contact=locked, message=each, token=uuid.uuid4(), origin=Origin.BOT) for each in sent]
        return queue_bot_messages(wanted, numbers, timezone.now())

    return run_in_transaction(queue)


def pronto(language: str = "pt_BR") -> dict[str, Any]:
    parameters = [{"type": "text", "text": each} for each in ("Joelma", "12")]
    return messages.template("pronto", language, [{"type": "body", "parameters": parameters}])


def test_a_conversation_shows_the_text_and_the_buttons_of_a_template(joelma: Contact, number: PhoneNumber) -> None:
    store_template(number.organization, number.waba_id)
    text, template = by_bot(joelma, messages.text("Um momento."), pronto())

    assert (text.content, "definition" in text.payload) == ("Um momento.", False)
    assert template.content == "Padaria\n\nOlá, Joelma! O pedido 12 está pronto."
    _, context = bubble_content(template)
    assert [each.text for each in context["offered"]] == ["Já vou"]


def test_meta_gets_no_definition(meta: Any, joelma: Contact, number: PhoneNumber) -> None:
    meta.add_template("pronto", "UTILITY")
    store_template(number.organization, number.waba_id)
    by_bot(joelma, messages.template("pronto", "pt_BR"))
    apply_all()

    (sent,) = meta.sent()
    assert "definition" not in sent["request"]
    assert sent["request"]["template"]["name"] == "pronto"


@pytest.mark.parametrize("stored", [{"language": "en"}, {"name": "outro"}, {"components": []}])
def test_a_template_that_is_not_stored_is_shown_by_its_name(joelma: Contact, number: PhoneNumber, stored: dict[str, Any]) -> None:
    store_template(number.organization, number.waba_id, **stored)
    assert [row.content for row in by_bot(joelma, pronto())] == ["pronto"]


def test_a_template_of_another_account_or_organization_is_not_used(joelma: Contact, number: PhoneNumber) -> None:
    store_template(number.organization, "another account")
    store_template(Organization.objects.create(organization_name="Farmácia"), number.waba_id)
    assert [row.content for row in by_bot(joelma, pronto())] == ["pronto"]
