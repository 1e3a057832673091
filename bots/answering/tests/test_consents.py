"""Steps of flows that record consents: what the consent ledger has, and what follows for marketing."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone, translation

from bots.answering.tests.conftest import customer, now, sent_texts, tap, text
from bots.answering.tests.test_kills import apply_webhooks_only, kill_at
from bots.models import BotConversation
from chats.models import BotTurn, Message, MessageTemplate
from conftest import apply_all
from contacts.consent.purposes import MARKETING
from contacts.consent.selectors import marketing_refusal
from contacts.consent.texts import refusal_text
from contacts.models import ConsentDecision, Contact
from organizations.events.kinds import EventKind
from organizations.events.wishes import set_wanted_kinds
from organizations.models import Event
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = "Quer receber ofertas?"


def consent(step_id: str, decision: str, following: str, **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "type": "consent", "decision": decision, "purpose": MARKETING, "next": following} | fields


def say(step_id: str, words: str) -> dict[str, Any]:
    return {"id": step_id, "type": "send", "message": {"type": "text", "text": words}, "next": "end"}


BUTTONS = [{"id": "yes", "title": "Sim"}, {"id": "no", "title": "Não"}]
OFFERS: dict[str, Any] = {
    "format": 1,
    "name": "Ofertas",
    "start": "ask",
    "settings": {"silence_seconds": 0},
    "steps": [
        {"id": "ask", "type": "send", "message": {"type": "buttons", "text": QUESTION, "buttons": BUTTONS}, "next": "choice"},
        {"id": "choice", "type": "wait", "next": "branch", "timeout": {"minutes": 30, "next": "late"}},
        {
            "id": "branch",
            "type": "branch",
            "cases": [{"when": {"type": "choice", "id": "no"}, "next": "withdraw"}],
            "otherwise": "agree",
        },
        consent("agree", "granted", "thanks", title="Aceitou", wording=QUESTION),
        consent("withdraw", "withdrawn", "sorry"),
        say("thanks", "Obrigado!"),
        say("sorry", "Sem ofertas."),
        say("late", "Até logo!"),
        {"id": "end", "type": "end"},
    ],
}


def decisions() -> list[tuple[Any, ...]]:
    rows = ConsentDecision.objects.order_by("decided_at", "pk")
    return list(rows.values_list("source", "purpose", "withdrawn", "wamid"))


def test_an_agreement_is_in_the_ledger_with_the_message_and_the_step(publish, post_and_apply) -> None:
    publish(OFFERS)
    at = now()
    post_and_apply(text("w1", "oi", at - 2))
    post_and_apply(tap("w2", "yes", "Sim", at - 1))

    [row] = ConsentDecision.objects.all()
    assert (row.source, row.purpose, row.withdrawn, row.wamid, row.contact) == ("bot", "marketing", False, "w2", customer())
    assert (row.decided_at.timestamp(), row.form, row.wording) == (at - 1, "Ofertas · 1 · Aceitou", QUESTION)
    assert (customer().marketing_stopped, customer().marketing_at) == (False, row.decided_at)
    assert sent_texts() == [QUESTION, "Obrigado!"]


def test_a_withdrawal_stops_marketing(publish, post_and_apply) -> None:
    publish(OFFERS)
    post_and_apply(text("w1", "oi", now() - 2))
    post_and_apply(tap("w2", "no", "Não", now() - 1))

    assert decisions() == [("bot", "marketing", True, "w2")]
    refusal = marketing_refusal(customer())
    assert refusal is not None
    with translation.override("en"):
        assert "answered so to a bot" in refusal_text(refusal)


def test_a_withdrawal_is_reported_to_other_systems(publish, organization, post_and_apply) -> None:
    with transaction.atomic():
        set_wanted_kinds(organization.pk, [EventKind.CONTACT_CHANGED])
    publish(OFFERS)
    post_and_apply(text("w1", "oi", now() - 2))
    post_and_apply(tap("w2", "no", "Não", now() - 1))

    assert [each.facts["fields"] for each in Event.objects.all()] == [["marketing_stopped"]]


def test_a_purpose_of_the_organization_changes_nothing_about_marketing(publish, post_and_apply) -> None:
    steps = [consent("withdraw", "withdrawn", "sorry", purpose="Lembretes"), say("sorry", "Ok"), {"id": "end", "type": "end"}]
    publish({**OFFERS, "start": "withdraw", "steps": steps})
    post_and_apply(text("w1", "sem lembretes"))

    assert decisions() == [("bot", "Lembretes", True, "w1")]
    assert (customer().marketing_stopped, customer().marketing_at) == (False, None)


def test_a_message_that_comes_again_is_recorded_once(publish, post_and_apply) -> None:
    publish(OFFERS)
    post_and_apply(text("w1", "oi", now() - 2))
    for _ in range(2):
        post_and_apply(tap("w2", "yes", "Sim", now() - 1))
    Webhook.objects.all().make_due()
    apply_all()

    assert decisions() == [("bot", "marketing", False, "w2")]


def test_a_worker_that_is_killed_at_any_statement_records_once(publish, hub, numbers) -> None:
    steps = [consent("withdraw", "withdrawn", "sorry"), say("sorry", "Ok"), {"id": "end", "type": "end"}]
    publish({**OFFERS, "start": "withdraw", "steps": steps})
    for statement in range(1, 80):
        hub.deliver(text_body(f"w{statement}", now(), text="não quero ofertas", sender=f"5561981{statement:06}"))
        apply_webhooks_only()
        if not kill_at(statement):
            break
        BotTurn.objects.update(due_at=timezone.now(), lease_token=None)
        apply_all()
        assert ConsentDecision.objects.filter(wamid=f"w{statement}").count() == 1, statement
    assert 15 < statement < 79


def test_one_message_that_two_turns_record_has_one_decision(publish, post_and_apply) -> None:
    steps = [
        consent("first", "withdrawn", "call"),
        {"id": "call", "type": "call", "method": "GET", "url": "https://10.0.0.1/", "failed": "second", "next": None},
        consent("second", "withdrawn", "third"),
        consent("third", "withdrawn", "sorry"),
        say("sorry", "Sem ofertas."),
        {"id": "end", "type": "end"},
    ]
    publish({**OFFERS, "start": "first", "steps": steps})
    post_and_apply(text("w1", "não quero ofertas"))

    assert sent_texts() == ["Sem ofertas."]
    assert decisions() == [("bot", "marketing", True, "w1")]


def test_silence_records_nothing(publish, post_and_apply) -> None:
    steps = [{**each, "timeout": {"minutes": 1, "next": "agree"}} if each["id"] == "choice" else each for each in OFFERS["steps"]]
    publish({**OFFERS, "steps": steps})
    post_and_apply(text("w1", "oi"))
    stored = BotConversation.objects.get()
    stored.flow_state["timer"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    stored.due_at = timezone.now() - timedelta(seconds=1)
    stored.save()
    apply_all()

    assert sent_texts()[-1] == "Obrigado!"
    assert decisions() == []


def test_the_word_that_stops_marketing_is_no_agreement_whatever_the_flow_makes_of_it(publish, post_and_apply) -> None:
    publish(OFFERS)
    post_and_apply(text("w1", "oi", now() - 2))
    post_and_apply(text("w2", "PARAR", now() - 1))

    assert sorted(decisions()) == [("bot", "marketing", False, "w2"), ("word", "marketing", True, "w2")]
    assert customer().marketing_stopped


def test_what_comes_together_with_that_word_is_no_agreement_either(publish, hub, post_and_apply) -> None:
    publish(OFFERS)
    post_and_apply(text("w1", "oi", now() - 3))
    hub.deliver(text("w2", "PARAR", now() - 2))
    post_and_apply(text("w3", "por favor", now() - 1))

    assert sent_texts() == [QUESTION, "Obrigado!"]
    assert customer().marketing_stopped


def test_an_agreement_does_not_overrule_a_later_withdrawal(publish, post_and_apply) -> None:
    publish(OFFERS)
    post_and_apply(text("w1", "oi", now() - 3))
    Contact.objects.update(marketing_stopped=True, marketing_at=timezone.now())
    post_and_apply(tap("w2", "yes", "Sim", now() - 2))

    assert decisions() == [("bot", "marketing", False, "w2")]
    assert customer().marketing_stopped


def test_whoever_agrees_again_after_a_withdrawal_gets_the_offer_in_the_same_turn(publish, number, post_and_apply) -> None:
    MessageTemplate.objects.create(
        organization=number.organization, waba_id=number.waba_id, name="oferta", language="pt_BR", status="APPROVED",
        category="MARKETING", components=[{"type": "BODY", "text": "Pão!"}], reported_at=timezone.now(),
    )  # fmt: skip
    offer = {"type": "template", "name": "oferta", "language": "pt_BR", "values": []}
    publish({**OFFERS, "steps": [{**each, "message": offer} if each["id"] == "thanks" else each for each in OFFERS["steps"]]})
    post_and_apply(text("w1", "PARAR", now() - 9))
    assert customer().marketing_stopped

    post_and_apply(tap("w2", "yes", "Sim", now() - 1))

    assert decisions()[-1] == ("bot", "marketing", False, "w2")
    assert not customer().marketing_stopped
    assert Message.objects.filter(is_user_message=False).latest("pk").kind == "template"
    assert customer().owner == "bot"
