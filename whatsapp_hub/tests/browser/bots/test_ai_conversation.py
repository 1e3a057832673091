"""A customer with the simulator's phone, the AI of the demonstration, and a member of the team: in two real browser pages."""

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bots.models import BotRequest
from organizations.models import PhoneNumber, User
from simulator.demonstration import begin_conversations, create_simulated_number
from simulator.demonstration_bots import switch_on_bots
from simulator.standin import RunningStandIn
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.inbox.test_sending import ChatPages, standin

__all__ = ["standin"]

ANSWERED = 20_000
"""Milliseconds in which the AI answers: the hub waits for seconds of silence first."""


@pytest.fixture
def camila(standin: RunningStandIn, organization: Any, ana: User, worker: None, open_page: Open) -> ChatPages:
    """A customer of a simulated number, who has asked the AI two questions."""
    number: PhoneNumber = create_simulated_number(organization=organization, by=ana)
    switch_on_bots(number, by=ana, now=timezone.now())
    begin_conversations(number)
    return ChatPages(open_page, ana, number, "Camila")


def test_a_customer_talks_to_the_ai_asks_for_a_person_and_gets_one(camila: ChatPages) -> None:
    inbox, band = camila.inbox, camila.inbox.locator("#owner-band")
    expect(camila.on_phone("O buquê de girassóis custa R$ 95.")).to_be_visible(timeout=ANSWERED)
    expect(inbox.locator("#thread .message-out").last).to_contain_text("IA")
    expect(band).to_contain_text("A IA está atendendo")

    camila.write_on_phone("Vocês abrem no domingo?")
    expect(camila.on_phone("Aos domingos e feriados a loja fica fechada.")).to_be_visible(timeout=ANSWERED)

    camila.write_on_phone("quero falar com uma pessoa")
    expect(camila.on_phone("Vou chamar uma pessoa")).to_be_visible(timeout=ANSWERED)
    expect(band.locator("strong")).to_contain_text("Esperando uma pessoa")

    camila.answer("Oi, Camila! Aqui é a Ana.")
    expect(camila.on_phone("Aqui é a Ana.")).to_be_visible()
    expect(band.locator("strong")).to_contain_text("Ana Souza")
    asked = BotRequest.objects.count()
    camila.write_on_phone("Quanto custa o arranjo pequeno?")
    expect(inbox.locator("#thread").get_by_text("Quanto custa o arranjo pequeno?")).to_be_visible()
    assert BotRequest.objects.count() == asked

    inbox.locator("#hand-back").click()
    expect(inbox.locator("#take-over")).to_be_visible()
    camila.write_on_phone("E o buquê do campo, quanto custa?")
    expect(camila.on_phone("O buquê do campo, com flores da estação, custa R$ 80.")).to_be_visible(timeout=ANSWERED)


def test_a_question_whose_answer_the_ai_does_not_know_leads_to_a_person(camila: ChatPages) -> None:
    expect(camila.on_phone("O buquê de girassóis custa R$ 95.")).to_be_visible(timeout=ANSWERED)
    camila.write_on_phone("Vocês consertam bicicletas elétricas antigas?")
    band = camila.inbox.locator("#owner-band")
    expect(band.locator("strong")).to_contain_text("Esperando uma pessoa", timeout=ANSWERED)
    expect(camila.inbox.locator("#thread")).to_contain_text("bicicletas elétricas")
