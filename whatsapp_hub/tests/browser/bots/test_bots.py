"""Bots in a real browser: from a starter to a number, trying a draft by touch and by keyboard, and dry runs. Every page in both
themes and on phones."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from bots.models import AutomaticMessages, Bot, BotKind
from bots.publishing.assignments import assign_bot
from bots.publishing.services import create_bot, replace_draft
from bots.publishing.tests.conftest import flow, text
from bots.publishing.tests.test_pages import store_message
from bots.publishing.versions import publish_bot
from bots.trials.dry_run_queue import LANE, start_dry_run
from conftest import Hub
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check
from whatsapp_hub.tests.browser.webhooks import deliver, message


@pytest.fixture
def settings_of_bots(organization: Organization) -> str:
    return f"/o/{organization.pk}/settings/bots/"


@pytest.fixture
def bot(organization: Organization) -> Bot:
    return create_bot(organization=organization, name="Atendimento", flow=flow(), by=None, now=timezone.now())


def test_a_starter_is_tried_published_and_switched_on_and_answers_a_customer(
    open_page: Open, ana: User, hub: Hub, organization: Organization, worker: None, settings_of_bots: str
) -> None:
    page = open_page(settings_of_bots, ana)
    page.locator("button[value=menu]").click()
    page.wait_for_url("**/edit/")
    page.locator("#tab-tryout").click()
    page.locator("#tryout input[name=text]").fill("oi")
    page.keyboard.press("Enter")
    expect(page.locator("#tryout .message-in").first).to_be_visible()
    page.locator("#tryout button[name=tap]").first.click()
    expect(page.locator("#tryout .message-out")).to_have_count(2)

    page.locator("#tryout a[data-go-to-step]").last.click()
    expect(page.locator(".bot-card-current")).to_have_count(1)

    bot = Bot.objects.get()
    page.goto(f"{settings_of_bots}{bot.pk}/publish/")
    page.locator("#main form button.btn-primary").click()
    page.wait_for_url("**/numbers/")
    number = PhoneNumber.objects.order_by("pk")[0]
    page.locator("select[name=number]").select_option(number.phone_number_id)
    page.locator("#main form button.btn-primary").click()

    expect(page.locator("li").filter(has_text=number.shown_name[-9:]).first).to_be_visible()
    number.refresh_from_db()
    assert (number.default_bot, number.default_profile) == (bot.key, "bot")
    assert number.answers_since is not None

    deliver(hub, message("5561981500588", "Maria Silva", content="oi"))
    page.goto(f"/o/{organization.pk}/inbox/")
    page.locator("[id^=row-]").first.click()
    expect(page.locator(".message-out").get_by_text("Como podemos ajudar?")).to_be_visible()


def test_a_draft_is_tried_with_the_keyboard_alone(open_page: Open, ana: User, bot: Bot, settings_of_bots: str) -> None:
    page = open_page(f"{settings_of_bots}{bot.pk}/try/", ana)
    field = page.locator("#tryout input[name=text]")
    field.focus()
    page.keyboard.type("oi")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Olá, Maria!")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    page.keyboard.type("Pedido")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Qual o número do pedido?")).to_be_visible()
    page.keyboard.type("1234")
    page.keyboard.press("Enter")
    call = page.locator("button[name=call]").first
    call.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("O pedido 1234 está a caminho.")).to_be_visible()


def test_opened_parts_of_the_try_out_stay_open(open_page: Open, ana: User, bot: Bot, settings_of_bots: str) -> None:
    page = open_page(f"{settings_of_bots}{bot.pk}/try/", ana)
    page.locator("#tryout-more summary").click()
    page.locator("button[name=hours][value=closed]").click()
    expect(page.locator("button[name=hours][value=closed]")).to_have_attribute("aria-pressed", "true")
    page.locator("button[name=attach][value=image]").click()
    expect(page.locator("#tryout .message-out")).to_have_count(1)
    expect(page.locator("button[name=minutes]").first).to_be_visible()
    page.locator("#tryout-script summary").click()
    page.locator("textarea[name=script]").fill("oi\nHorário")
    page.locator("#tryout-script button").click()
    expect(page.get_by_text("Estamos fechados.")).to_be_visible()


def test_a_dry_run_shows_its_progress_and_its_conversations(
    open_page: Open, ana: User, bot: Bot, numbers: dict[str, PhoneNumber], worker: None, settings_of_bots: str
) -> None:
    number = PhoneNumber.objects.order_by("pk")[0]
    store_message(Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588", name="Joana"), "oi")
    page = open_page(f"{settings_of_bots}{bot.pk}/dry-runs/", ana)
    page.locator("select[name=number]").select_option(number.phone_number_id)
    page.locator("#main form button.btn-primary").click()

    page.locator("#dry-run section a").first.click()

    expect(page.get_by_text("Olá, Joana!")).to_be_visible()


def pages_of(organization: Organization, bot: Bot, ana: User) -> list[str]:
    """Returns the paths of all pages, with something on each."""
    now = timezone.now()
    number = PhoneNumber.objects.order_by("pk")[0]
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="5561981500588", name="Joana Cavalcanti de Albuquerque")
    store_message(contact, "oi")
    publish_bot(bot=bot, by=ana, now=now - timedelta(days=3))
    assign_bot(number=number, bot=bot, by=ana, now=now)
    bot.refresh_from_db()
    replace_draft(bot=bot, flow=flow(*flow()["steps"], {"id": "extra", "type": "end", "title": "Fim do atendimento"}), now=now)
    publish_bot(bot=bot, by=ana, now=now)
    bot.refresh_from_db()
    replace_draft(bot=bot, flow=flow(*flow()["steps"][:-1], text("end", "Obrigada pela visita!")), now=now)
    dry_run = start_dry_run(bot=bot, number=number, by=ana, now=timezone.now())
    LANE.run_once()
    broken = create_bot(organization=organization, name="Pedidos", flow=flow(text("a", "Oi", "nowhere")), by=ana, now=now)
    PhoneNumber.objects.filter(pk=PhoneNumber.objects.order_by("pk")[1].pk).update(default_bot="sumiu")
    at = f"/o/{organization.pk}/settings/bots/"
    return [
        at,
        f"{at}new/",
        *(f"{at}{bot.pk}/{name}/" for name in ("rename", "publish", "versions", "numbers", "try", "dry-runs")),
        f"{at}{broken.pk}/publish/",
        f"{at}{broken.pk}/try/",
        f"{at}{bot.pk}/dry-runs/{dry_run.pk}/",
        f"{at}{bot.pk}/dry-runs/{dry_run.pk}/conversations/1/",
        f"/o/{organization.pk}/settings/numbers/{number.pk}/",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_pages_of_bots(
    open_page: Open, ana: User, organization: Organization, bot: Bot, scheme: str
) -> None:
    page = open_page("/profile/", ana, color_scheme=scheme)
    found = {}
    for path in pages_of(organization, bot, ana):
        page.goto(path)
        if path.endswith("/try/") and page.locator("#tryout input[name=text]").count():
            talk(page)
        if wrong := check(page):
            found[path] = wrong

    assert found == {}


def talk(page: Page) -> None:
    """Writes to the bot, so that the page has bubbles, buttons and the state of the conversation."""
    page.locator("#tryout input[name=text]").fill("oi")
    page.keyboard.press("Enter")
    page.locator("button[name=tap]").first.click()
    expect(page.locator("#tryout .message-in")).to_have_count(2)
    page.locator("#tryout-more summary").click()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_pages_of_bots_fit_the_screen(open_page: Open, ana: User, organization: Organization, bot: Bot, width: int) -> None:
    page = open_page("/profile/", ana, viewport={"width": width, "height": 800})
    wide = {}
    for path in pages_of(organization, bot, ana):
        page.goto(path)
        if path.endswith("/try/") and page.locator("#tryout input[name=text]").count():
            talk(page)
        if (needed := page.evaluate("document.documentElement.scrollWidth")) > width:
            wide[path] = needed

    assert wide == {}


def test_a_text_that_was_not_sent_comes_back(open_page: Open, ana: User, bot: Bot, settings_of_bots: str) -> None:
    page = open_page(f"{settings_of_bots}{bot.pk}/try/", ana)
    page.route("**/try/", lambda route: route.abort())
    field = page.locator("#tryout input[name=text]")
    field.fill("oi")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts .alert-error")).to_be_visible()
    expect(field).to_have_value("oi")


@pytest.fixture
def ai_bot(organization: Organization) -> Bot:
    """A bot that lets an AI choose a path and answer, and an AI."""
    Bot.objects.create(organization=organization, key="sol", name="Sol", kind=BotKind.AI, draft={"kind": "ai"})
    branches = [{"name": name, "description": f"O cliente fala de {name}", "next": "free"} for name in ("Entrega", "Preço")]
    steps: list[dict[str, Any]] = [
        {"id": "choice", "type": "ai_branch", "ai": "sol", "question": "O que o cliente deseja?", "branches": branches},
        {
            "id": "free",
            "type": "ai_answer",
            "ai": "sol",
            "instructions": "Responda sobre entregas.",
            "until": "o cliente disser o endereço",
            "example": ["Entregamos hoje.", "Qual o endereço?"],
            "next": "end",
        },
        {"id": "end", "type": "end"},
    ]
    return create_bot(organization=organization, name="Com IA", flow=flow(*steps), by=None, now=timezone.now())


def test_steps_that_ask_an_ai_are_filled_in_and_tried(
    open_page: Open, ana: User, organization: Organization, ai_bot: Bot, settings_of_bots: str
) -> None:
    page = open_page(f"{settings_of_bots}{ai_bot.pk}/edit/?open=choice", ana, viewport={"width": 360, "height": 800})
    page.locator("button[value='add_item:branches']").click()
    page.locator("#field-choice-branches-2-next").select_option("new:hand_over")
    expect(page.locator(".bot-card")).to_have_count(4)
    page.locator("#field-choice-branches-0-description").fill("O cliente pergunta quando ou onde entregamos")
    page.locator("#field-choice-branches-2-description").fill("O cliente reclama")
    page.locator("#field-choice-branches-2-name").fill("Reclamação")
    page.keyboard.press("Tab")
    expect(page.locator("[data-draft-status]")).to_have_attribute("data-state", "saved")
    ai_bot.refresh_from_db()
    choice = ai_bot.draft["steps"][0]
    assert [each["name"] for each in choice["branches"]] == ["Entrega", "Preço", "Reclamação"]
    assert choice["branches"][0]["description"] == "O cliente pergunta quando ou onde entregamos"

    page.goto(f"{settings_of_bots}{ai_bot.pk}/try/")
    page.locator("#tryout input[name=text]").fill("entregam hoje?")
    page.keyboard.press("Enter")
    page.locator("button[name=ai][value='ok:Entrega']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("button[name=ai][value='ok:done']")).to_be_visible()
    page.locator("button[name=ai][value='ok']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tryout .message-in")).to_have_text([re.compile("Entregamos hoje."), re.compile("Qual o endereço?")])
    page.locator("#tryout input[name=text]").fill("Rua 7")
    page.keyboard.press("Enter")
    page.locator("button[name=ai][value='ok:done']").click()
    expect(page.locator("button[name=ai]")).to_have_count(0)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (768, "dark"), (1280, "light")])
def test_the_forms_of_steps_that_ask_an_ai_fit_and_are_accessible(
    open_page: Open, ana: User, ai_bot: Bot, settings_of_bots: str, width: int, scheme: str
) -> None:
    page = open_page("/profile/", ana, viewport={"width": width, "height": 900}, color_scheme=scheme)
    for path in ("edit/?open=choice&open=free", "edit/", "try/"):
        page.goto(f"{settings_of_bots}{ai_bot.pk}/{path}")
        if path == "try/":
            page.locator("#tryout input[name=text]").fill("oi")
            page.keyboard.press("Enter")
            page.locator("#tryout-more summary").click()
            expect(page.locator("button[name=ai]").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert check(page) == [], path


def test_the_greeting_of_the_number_is_tried_around_the_flow(
    open_page: Open, ana: User, bot: Bot, organization: Organization, settings_of_bots: str
) -> None:
    number = PhoneNumber.objects.filter(organization=organization).order_by("pk")[0]
    replace_draft(bot=bot, flow=flow(text("a", "Sou o robô."), greets=False), now=timezone.now())
    greeting = {"type": "text", "text": "Oi, {{first_name}}!"}
    AutomaticMessages.objects.create(number=number, greeting=greeting, greeting_is_on=True)
    page = open_page(f"{settings_of_bots}{bot.pk}/try/", ana)
    field = page.locator("#tryout input[name=text]")
    field.fill("oi")
    page.keyboard.press("Enter")
    expect(page.locator("#tryout .message-in")).to_have_count(1)

    page.locator("#tryout-more summary").click()
    page.locator("#tryout-number").select_option(str(number.pk))
    page.locator("#tryout-more button[name=restart]").click()
    field.fill("oi")
    page.keyboard.press("Enter")
    expect(page.locator("#tryout .message-in")).to_have_count(2)
    expect(page.locator("#tryout .message-in").first).to_contain_text("Oi, Maria!")
