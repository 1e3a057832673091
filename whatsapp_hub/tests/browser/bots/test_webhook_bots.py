"""Webhook bots in a real browser: an organization's own program is connected, tested, answers, breaks, and hands over."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bots.answering.tests.programs.webhook_program import Program, run_program
from bots.models import Bot, BotCircuit, BotRequest, WebhookSecret
from bots.web_requests.allow_list import AllowList
from conftest import Hub
from contacts.models import Contact
from organizations.models import Organization, PhoneNumber, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check
from whatsapp_hub.tests.browser.webhooks import deliver, message

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def program(settings: Any) -> Iterator[Program]:
    """The organization's program, which the operator has opened."""
    with run_program() as running:
        settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([running.url.removeprefix("http://").removesuffix("/bot")])
        yield running


@pytest.fixture
def settings_of_bots(organization: Organization) -> str:
    return f"/o/{organization.pk}/settings/bots/"


def connect(page: Page, program: Program) -> Bot:
    """Fills in the form of a new webhook bot with the keyboard alone, and sends it."""
    page.get_by_label("Nome").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Meu n8n")
    page.keyboard.press("Tab")
    page.keyboard.type(program.url)
    page.keyboard.press("Enter")
    page.wait_for_url("**/webhook/")
    return Bot.objects.get()


def fits(page: Page) -> bool:
    """Returns whether nothing is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_program_is_connected_answers_breaks_and_hands_over(
    open_page: Open,
    ana: User,
    hub: Hub,
    organization: Organization,
    numbers: dict[str, PhoneNumber],
    worker: None,
    program: Program,
    settings_of_bots: str,
) -> None:
    page = open_page(f"{settings_of_bots}new/", ana, viewport=PHONE)
    assert fits(page)
    page.locator("a[href$='/webhook/new/']").press("Enter")
    page.wait_for_url("**/webhook/new/")
    bot = connect(page, program)
    secret = WebhookSecret.objects.get(pk=bot.pk).secret
    expect(page.locator("#main code").first).to_have_text(secret)
    assert fits(page)
    assert check(page) == []
    page.reload()
    assert secret not in page.content()

    program.responses = [{"messages": ["Olá do n8n!"]}]
    page.locator("form[action$='/webhook/test/'] button").press("Enter")
    expect(page.locator("#test-result pre")).to_contain_text("Olá do n8n!")
    assert program.requests[0]["test"] is True

    page.locator("form[action$='/webhook/publish/'] button").press("Enter")
    page.wait_for_url("**/numbers/")
    number = PhoneNumber.objects.order_by("pk")[0]
    page.locator("select[name=number]").select_option(number.phone_number_id)
    page.locator("#main form button.btn-primary").press("Enter")
    expect(page.locator("li").filter(has_text=number.shown_name[-9:]).first).to_be_visible()
    assert fits(page)

    deliver(hub, message("5561981500588", "Maria Silva", content="oi"))
    page.goto(f"/o/{organization.pk}/inbox/")
    page.locator("[id^=row-]").first.click()
    expect(page.locator(".message-out").get_by_text("Olá do n8n!")).to_be_visible()

    program.responses = [(200, b"<html>Fora do ar</html>")]
    deliver(hub, message("5561981500588", "Maria Silva", content="e agora?"))
    expect(page.locator(".owner-band-waiting")).to_be_visible()
    assert Contact.objects.get(wa_id="5561981500588").owner == "waiting"

    page.goto(f"{settings_of_bots}{bot.pk}/webhook/")
    expect(page.locator("#circuit .badge-warning")).to_be_visible()
    page.goto(f"{settings_of_bots}{bot.pk}/log/")
    expect(page.locator("#main li .badge-error")).to_have_count(1)
    assert fits(page)
    assert check(page) == []
    page.locator("a[href$='?show=failed']").press("Enter")
    page.locator("#main ul.panel a").first.press("Enter")
    expect(page.locator("#main pre").last).to_contain_text("Fora do ar")
    assert fits(page)
    assert check(page) == []


def test_a_paused_program_is_tried_again_at_a_click(
    open_page: Open, ana: User, organization: Organization, worker: None, program: Program, settings_of_bots: str
) -> None:
    page = open_page(f"{settings_of_bots}webhook/new/", ana, color_scheme="dark")
    bot = connect(page, program)
    BotCircuit.objects.create(bot=bot, failures=6, problem="timeout", open_until="2030-01-01T00:00Z")
    page.reload()
    expect(page.locator("#circuit .badge-error")).to_be_visible()
    assert check(page) == []

    page.locator("form[action$='/try-now/'] button").click()

    expect(page.locator("#circuit .badge-success")).to_be_visible()
    expect(page.locator("#test-result pre")).to_contain_text("Olá!")
    assert BotRequest.objects.get().outcome == "answered"


def test_without_scripts_everything_works_by_forms_and_links(
    open_page: Open, ana: User, organization: Organization, worker: None, program: Program, settings_of_bots: str
) -> None:
    page = open_page(f"{settings_of_bots}webhook/new/", ana, java_script_enabled=False)
    bot = connect(page, program)
    with page.expect_navigation():
        page.locator("form[action$='/webhook/test/'] button").click()
    for _ in range(40):
        if BotRequest.objects.exclude(outcome="").exists():
            break
        page.wait_for_timeout(250)
    page.reload()
    expect(page.locator("#test-result pre")).to_contain_text("Olá!")
    page.locator("form[action$='/webhook/secret/'] button").click()
    expect(page.locator("#main code").first).to_have_text(WebhookSecret.objects.get(pk=bot.pk).secret)
