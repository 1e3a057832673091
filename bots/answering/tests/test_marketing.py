"""Customers who have stopped marketing messages: what bots do with marketing templates, and the confirmation."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bots.answering.tests.conftest import MENU, customer, now, sent_texts, tap, text
from bots.automatic.services import save_automatic
from bots.models import AutomaticMessageSent, BotConversation
from chats.models import Message, MessageTemplate, Origin
from contacts.consent.words import MarketingWords
from contacts.models import Contact, ContactChange
from organizations.models import PhoneNumber, User

pytestmark = pytest.mark.django_db(transaction=True)

OFFER = {"type": "template", "name": "oferta", "language": "pt_BR", "values": []}
CONFIRMATION = {"type": "text", "text": "Pronto, {{first_name}}: sem ofertas."}


def flow(step: dict[str, Any]) -> dict[str, Any]:
    """The menu, where the price is an offer."""
    steps = [{**each, **step} if each["id"] == "prices" else each for each in MENU["steps"]]
    return {**MENU, "steps": steps}


SENDS_OFFER = flow({"message": OFFER})


@pytest.fixture
def offer(number: PhoneNumber) -> None:
    MessageTemplate.objects.create(
        organization=number.organization, waba_id=number.waba_id, name="oferta", language="pt_BR", status="APPROVED",
        category="MARKETING", components=[{"type": "BODY", "text": "Pão!"}], reported_at=timezone.now(),
    )  # fmt: skip


def confirm(number: PhoneNumber, **columns: Any) -> None:
    columns = {"opted_out": CONFIRMATION, "opted_out_is_on": True} | columns
    since = timezone.now() - timedelta(days=3)
    save_automatic(number=number, columns=columns, number_columns={}, by=User(), now=since)


def outbound() -> list[Message]:
    return list(Message.objects.filter(is_user_message=False).order_by("create_in", "pk"))


@pytest.mark.usefixtures("offer")
def test_a_flow_that_would_send_a_marketing_template_hands_over(publish, post_and_apply) -> None:
    publish(SENDS_OFFER)
    post_and_apply(text("w1", "oi", now() - 2))
    Contact.objects.update(marketing_stopped=True, marketing_at=timezone.now())

    post_and_apply(tap("w2", "prices", "Preços", now() - 1))

    assert not Message.objects.filter(kind="template").exists()
    assert customer().owner == "waiting"
    change = ContactChange.objects.filter(kind="owner").latest("pk")
    assert (change.values["from"], change.values["to"], change.values["reason"]) == ("bot", "waiting", "marketing")
    assert BotConversation.objects.get().flow_state.get("step") is None


@pytest.mark.usefixtures("offer")
def test_others_get_the_template_of_the_flow(publish, post_and_apply) -> None:
    publish(SENDS_OFFER)

    post_and_apply(text("w1", "oi", now() - 2), tap("w2", "prices", "Preços", now() - 1))

    assert [each.kind for each in outbound()] == ["interactive", "template"]


def test_a_template_that_is_no_marketing_is_sent_to_everybody(publish, post_and_apply) -> None:
    publish(SENDS_OFFER)
    post_and_apply(text("w1", "oi", now() - 2))
    Contact.objects.update(marketing_stopped=True, marketing_at=timezone.now())

    post_and_apply(tap("w2", "prices", "Preços", now() - 1))

    assert outbound()[-1].kind == "template"


@pytest.mark.usefixtures("offer")
def test_a_program_that_answers_with_a_marketing_template_hands_over(webhook_bot, program, post_and_apply) -> None:
    program.responses = [{"messages": ["Olá!", OFFER]}]
    post_and_apply(text("w1", "oi", now() - 2))
    assert outbound()[-1].kind == "template"
    Contact.objects.update(marketing_stopped=True, marketing_at=timezone.now())

    post_and_apply(text("w2", "oi?", now() - 1))

    assert sent_texts().count("Olá!") == 1
    assert customer().owner == "waiting"
    assert ContactChange.objects.filter(kind="owner").latest("pk").values["reason"] == "marketing"


def test_nobody_is_answered_unless_the_confirmation_is_on(number, post_and_apply) -> None:
    post_and_apply(text("w1", "PARAR"))

    assert customer().marketing_stopped
    assert outbound() == []


def test_the_confirmation_goes_out_once(number, post_and_apply) -> None:
    confirm(number)

    post_and_apply(text("w1", "PARAR", now() - 2), text("w1", "PARAR", now() - 2), text("w2", "parar", now() - 1))

    (message,) = outbound()
    assert (message.origin, message.bot_trace) == (Origin.AUTOMATIC, {"because": "opted_out"})
    assert message.content.startswith("Pronto")
    assert AutomaticMessageSent.objects.get().kind == "opted_out"


def test_the_confirmation_goes_out_while_a_person_is_in_charge(number, post_and_apply) -> None:
    confirm(number)
    post_and_apply(text("w1", "oi", now() - 2))
    Contact.objects.update(owner="person", owner_reason="taken_over", owner_since=timezone.now())

    post_and_apply(text("w2", "Sair!", now() - 1))

    assert [each.bot_trace for each in outbound()] == [{"because": "opted_out"}]


def test_no_bot_answers_what_was_confirmed(publish, number, post_and_apply) -> None:
    publish()
    confirm(number)

    post_and_apply(text("w1", "PARAR", now() - 1))

    assert [each.origin for each in outbound()] == [Origin.AUTOMATIC]
    post_and_apply(text("w2", "oi"))
    assert [each.origin for each in outbound()] == [Origin.AUTOMATIC, Origin.BOT]


def test_a_flow_that_waits_for_an_answer_gets_the_word_as_well(publish, number, post_and_apply) -> None:
    publish()
    confirm(number)
    post_and_apply(text("w1", "oi", now() - 2))

    post_and_apply(text("w2", "cancelar", now() - 1))

    assert [each.bot_trace["because"] for each in outbound() if each.bot_trace] == ["started", "opted_out", "handed_over"]


def test_a_word_that_is_none_of_the_number_s_is_not_confirmed(number, post_and_apply) -> None:
    confirm(number)
    since = timezone.now() - timedelta(days=2)
    words = MarketingWords(("chega",), ())
    save_automatic(number=number, columns={}, number_columns={}, marketing_words=words, by=User(), now=since)

    post_and_apply(text("w1", "PARAR", now() - 2))
    assert outbound() == []
    post_and_apply(text("w2", "Chega", now() - 1))
    assert [each.bot_trace for each in outbound()] == [{"because": "opted_out"}]


def test_a_late_word_is_stored_and_not_confirmed(number, post_and_apply) -> None:
    confirm(number)

    post_and_apply(text("w1", "PARAR", now() - 3600))

    assert customer().marketing_stopped
    assert outbound() == []


def test_whoever_has_resumed_since_gets_no_confirmation(number, post_and_apply) -> None:
    confirm(number)

    post_and_apply(text("w1", "VOLTAR", now()), text("w2", "PARAR", now() - 60))

    assert not customer().marketing_stopped
    assert outbound() == []
