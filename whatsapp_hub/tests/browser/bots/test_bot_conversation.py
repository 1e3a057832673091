"""A customer with the simulator's phone, a bot, and a member of the team: in two real browser pages, over HTTP, with a worker."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from bots.automatic.services import save_automatic
from bots.flows.starters import STARTERS
from bots.publishing.assignments import assign_bot
from bots.publishing.services import create_bot
from bots.publishing.versions import publish_bot
from contacts.models import Contact
from organizations.models import PhoneNumber, Profile, User
from organizations.numbers.setup import set_default_profile
from simulator.demonstration import begin_conversations, create_simulated_number
from simulator.standin import RunningStandIn
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.inbox.test_sending import ChatPages, standin

__all__ = ["standin"]


@pytest.fixture
def number(standin: RunningStandIn, organization: Any, ana: User, worker: None) -> PhoneNumber:
    """A simulated number, whose new customer Bruno the bot answers at once."""
    number, now = create_simulated_number(organization=organization, by=ana), timezone.now()
    flow = dict(STARTERS["menu"].read().document)
    flow["settings"] = {**flow.get("settings", {}), "silence_seconds": 0}
    bot = create_bot(organization=organization, name="Atendimento", flow=flow, by=ana, now=now)
    publish_bot(bot=bot, by=ana, now=now)
    assign_bot(number=number, bot=bot, by=ana, now=now)
    set_default_profile(number=number, profile=Profile.BOT, by=ana)
    begin_conversations(number)
    return number


@pytest.fixture
def bruno(open_page: Open, ana: User, number: PhoneNumber) -> ChatPages:
    return ChatPages(open_page, ana, number, "Bruno")


def tap(pages: ChatPages, title: str) -> None:
    pages.phone.locator("#phone-thread").get_by_role("button", name=title).last.click()


def test_a_customer_talks_to_the_bot_asks_for_a_person_and_gets_one(bruno: ChatPages) -> None:
    inbox, band = bruno.inbox, bruno.inbox.locator("#owner-band")
    expect(bruno.on_phone("Como podemos ajudar?")).to_be_visible()
    expect(band).to_contain_text("bot")
    tap(bruno, "Preços")
    expect(bruno.on_phone("preços").last).to_be_visible()
    expect(inbox.locator("#thread .message-out").filter(has_text="preços").last).to_contain_text("Bot")

    bruno.write_on_phone("quero falar com um atendente")
    expect(bruno.on_phone("Vou chamar uma pessoa")).to_be_visible()
    expect(band.locator("strong")).to_contain_text("Esperando uma pessoa")
    expect(inbox.locator("#thread .change-line").last).to_contain_text("o cliente pediu")

    bruno.answer("Oi, Bruno! Aqui é a Ana.")
    expect(bruno.on_phone("Aqui é a Ana.")).to_be_visible()
    expect(band.locator("strong")).to_contain_text("Ana Souza")
    bruno.write_on_phone("Quanto custa?")
    inbox.locator("#hand-back").click()
    expect(inbox.locator("#take-over")).to_be_visible()
    bruno.write_on_phone("oi")
    expect(bruno.on_phone("Como podemos ajudar?")).to_have_count(2)


def test_a_customer_who_writes_at_night_reads_that_nobody_is_there(bruno: ChatPages, number: PhoneNumber, ana: User) -> None:
    closed_today = [[] if day == timezone.localtime().weekday() else [["08:00", "18:00"]] for day in range(7)]
    away = {"type": "text", "text": "Estamos fechados. Voltamos {{next_opening}}."}
    save_automatic(
        number=number,
        columns={"away": away, "away_is_on": True, "hours": closed_today, "holidays": False},
        number_columns={},
        by=ana,
        now=timezone.now() - timedelta(minutes=1),
    )
    Contact.objects.filter(name="Bruno Sales").update(profile="human", activate_bot=False, owner="person")
    bruno.write_on_phone("Tem alguém aí?")
    expect(bruno.on_phone("Estamos fechados. Voltamos amanhã às 08:00.")).to_be_visible()
    bruno.write_on_phone("Alô?")
    expect(bruno.on_phone("Estamos fechados.")).to_have_count(1)
