"""Marketing templates to customers who have stopped them: refused when written, and once more when they would be sent."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chats.models import Message, MessageTemplate, Origin, QueuedMessage
from chats.outbox.marketing import MarketingRefused
from chats.outbox.message_queue import queue_message, resend_message
from chats.outbox.tests.steps import InThread, error_of, statuses_of
from cloud_api import messages
from conftest import apply_all, run_worker
from contacts.consent.services import ConsentRecord, record_consent
from contacts.models import ConsentDecision, Contact
from organizations.models import PhoneNumber, User
from webhooks.tests.bodies import text_body

JOELMA = "556193217788"


TEMPLATES = {"oferta": "MARKETING", "pedido": "UTILITY"}


@pytest.fixture
def templates(number: PhoneNumber) -> None:
    for name, category in TEMPLATES.items():
        MessageTemplate.objects.create(
            organization=number.organization,
            waba_id=number.waba_id,
            name=name,
            language="pt_BR",
            status="APPROVED",
            category=category,
            components=[{"type": "BODY", "text": "Olá"}],
            reported_at=timezone.now(),
        )


@pytest.fixture
def graph(meta: Any) -> Any:
    """Meta, with the templates."""
    for name, category in TEMPLATES.items():
        meta.add_template(name, category)
    return meta


def send(contact: Contact, name: str = "oferta", language: str = "pt_BR", **more: Any) -> Message:
    options: dict[str, Any] = {"token": uuid.uuid4(), "origin": Origin.STAFF, "now": timezone.now()} | more
    return queue_message(contact=contact, message=messages.template(name, language), **options)


def decide(contact: Contact, *, withdrawn: bool = True) -> None:
    now = timezone.now()
    record = ConsentRecord(purpose="marketing", withdrawn=withdrawn, decided_at=now, form="Telefone")
    record_consent(contact=contact, record=record, source=ConsentDecision.Source.STAFF, token=uuid.uuid4(), by=None, now=now)


pytestmark = pytest.mark.usefixtures("templates")


def test_a_marketing_template_is_refused_with_since_when_and_why(joelma: Contact) -> None:
    decide(joelma)

    with pytest.raises(MarketingRefused) as refused:
        send(joelma)

    joelma.refresh_from_db()
    assert (refused.value.refusal.since, refused.value.refusal.source) == (joelma.marketing_at, "staff")
    assert not Message.objects.exists()


def test_other_templates_and_texts_are_sent(graph: Any, joelma: Contact) -> None:
    decide(joelma)

    sent = send(joelma, "pedido")
    text = queue_message(contact=joelma, message=messages.text("oi"), token=uuid.uuid4(), origin=Origin.API, now=timezone.now())
    run_worker()

    assert statuses_of(sent, text) == ["sent", "sent"]


def test_whoever_agrees_again_gets_it(graph: Any, joelma: Contact) -> None:
    decide(joelma)
    decide(joelma, withdrawn=False)

    sent = send(joelma)
    run_worker()

    assert statuses_of(sent) == ["sent"]


def test_a_customer_who_stops_while_it_is_queued_does_not_get_it(meta: Any, hub: Any, joelma: Contact) -> None:
    queued = send(joelma)
    text = queue_message(contact=joelma, message=messages.text("oi"), token=uuid.uuid4(), origin=Origin.STAFF, now=timezone.now())
    store_word(hub, "PARAR")

    run_worker()

    queued.refresh_from_db()
    assert (queued.message_status, error_of(queued)["problem"]) == ("failed", "marketing")
    assert statuses_of(text) == ["sent"], "what comes after it is sent"
    assert [each["request"]["type"] for each in meta.sent()] == ["text"]
    assert not QueuedMessage.objects.exists()


def store_word(hub: Any, word: str) -> None:
    now = int(timezone.now().timestamp()) + 1
    hub.deliver(text_body(f"wamid.{uuid.uuid4()}", now, number="448190735512098", text=word, sender=JOELMA))
    apply_all()


def test_a_refusal_of_whatsapp_is_in_the_ledger_and_stops_the_next_one(meta: Any, joelma: Contact) -> None:
    meta.fault("error:131050")
    refused = send(joelma)
    run_worker()

    decision = ConsentDecision.objects.get()
    assert statuses_of(refused) == ["failed"]
    assert (decision.source, decision.withdrawn, decision.decided_at) == ("refusal", True, refused.create_in)
    with pytest.raises(MarketingRefused):
        send(joelma)


def test_an_uncertain_one_is_not_sent_again_to_somebody_who_has_stopped(graph: Any, joelma: Contact, ana: User) -> None:
    graph.fault("half_closed")
    failed = send(joelma)
    run_worker()
    failed.refresh_from_db()
    assert failed.message_status == "uncertain"
    decide(joelma)

    with pytest.raises(MarketingRefused):
        resend_message(message=failed, by=ana, token=uuid.uuid4(), now=timezone.now())


def test_a_template_to_anybody_else_costs_no_query_more(joelma: Contact) -> None:
    def count(contact: Contact) -> int:
        with CaptureQueriesContext(connection) as captured:
            send(contact)
        return sum("chat_message_template" in each["sql"] or "contact_marketing" in each["sql"] for each in captured)

    assert count(joelma) == 0


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has one writer")
def test_a_template_and_a_decision_at_the_same_time_are_one_after_the_other(meta: Any, joelma: Contact) -> None:
    def try_to_send() -> Message | None:
        try:
            return send(joelma)
        except MarketingRefused:
            return None

    sending, deciding = InThread(try_to_send), InThread(lambda: decide(joelma))
    sent, _ = sending.join(), deciding.join()
    run_worker()

    assert sent is None or statuses_of(sent) == ["failed"]
    assert not meta.sent()
