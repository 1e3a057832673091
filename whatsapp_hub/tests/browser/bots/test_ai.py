"""Switching an AI on, as its owner does it: connection, knowledge, proofs, limits, publishing and a number."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from bots.ai_pages.tests.endpoint import Endpoint, serve_endpoint
from bots.ai_pages.tests.examples import KEY, create_example_ai
from bots.answering.ai_limits import today_of
from bots.models import AiConnection, AiProof, AiUsage, Bot
from bots.web_requests.allow_list import AllowList
from contacts.models import Label
from organizations.models import Organization, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}
PAGES = ("", "connection/", "tools/", "tools/new/", "limits/", "proofs/", "proofs/new/", "publish/", "versions/")


@pytest.fixture
def endpoint(settings: Any) -> Iterator[Endpoint]:
    """An endpoint that the operator's allow-list opens."""
    with serve_endpoint() as served:
        settings.BOT_ALLOWED_ADDRESSES = AllowList.parse([f"127.0.0.1:{served.port}"])
        yield served


@pytest.fixture
def ai(organization: Organization, ana: User, endpoint: Endpoint) -> Bot:
    """An AI with a version, a question and some usage."""
    bot = create_example_ai(organization, base_url=endpoint.url, knowledge="Abrimos aos sábados das 8h às 12h.\n" * 30)
    Label.objects.create(organization=organization, name="Cliente")
    AiProof.objects.create(bot=bot, question="Vocês abrem no sábado?", must=["sábado", "8h"], must_not=["domingo"])
    AiConnection.objects.update(checked_at=timezone.now(), check_seconds=0.8, micros_per_day=5_000_000, input_micros=800_000)
    today = today_of(organization, timezone.now())
    for days in range(0, 30, 3):
        values = {"answers": 40 - days, "input_tokens": 9_000 * (30 - days), "output_tokens": 3_000, "micros": 1_200_000}
        AiUsage.objects.create(bot=bot, day=today - timedelta(days=days), **values)
    return bot


def path_of(bot: Bot, rest: str = "") -> str:
    return f"/o/{bot.organization_id}/settings/bots/{bot.pk}/ai/{rest}"


def no_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_an_ai_is_accessible_and_fits(
    open_page: Open, ana: User, ai: Bot, scheme: str, viewport: dict[str, int]
) -> None:
    page = open_page(path_of(ai), ana, color_scheme=scheme, viewport=viewport)
    for rest in PAGES:
        page.goto(path_of(ai, rest))
        for summary in page.locator("main summary").all():
            summary.click()
        assert check(page) == [], rest
        assert no_sideways(page), rest


def test_an_ai_is_connected_told_proven_published_and_gets_a_number(
    open_page: Open, ana: User, organization: Organization, endpoint: Endpoint, worker: None
) -> None:
    endpoint.answers = {"pessoa": "PERSON"}
    page = open_page(f"/o/{organization.pk}/settings/bots/ai/new/", ana)
    page.locator("input[name=name]").fill("Lia")
    page.locator("summary").first.click()
    page.locator("[data-preset]").first.click()
    expect(page.locator("input[name=base_url]")).to_have_value("https://api.openai.com/v1")
    page.locator("input[name=base_url]").fill(endpoint.url)
    page.locator("input[name=model]").fill("m-1")
    page.locator("input[name=api_key]").fill(KEY)
    page.locator("main form button:not([type=button])").click()
    page.wait_for_url("**/ai/")
    bot = Bot.objects.get()
    assert KEY not in page.content()

    page.locator("textarea[name=who]").fill("Você é a Lia, da padaria.")
    page.locator("textarea[name=knowledge]").fill("x" * 28_001)
    expect(page.locator("[data-token-words]")).to_contain_text("8.001")
    expect(page.locator("[data-token-warning]")).to_be_visible()
    page.locator("textarea[name=knowledge]").fill("Abrimos aos sábados das 8h às 12h.")
    expect(page.locator("[data-token-warning]")).to_be_hidden()
    expect(page.locator("[data-unsaved-sign]")).not_to_be_empty()
    page.locator("form[data-unsaved] button").click()
    expect(page.locator("textarea[name=knowledge]")).to_have_value("Abrimos aos sábados das 8h às 12h.")

    for question, must in (("Vocês abrem no sábado?", "sábado\n8h"), ("Quanto custa o pão?", "R$ 10")):
        page.goto(path_of(bot, "proofs/new/"))
        page.locator("textarea[name=question]").fill(question)
        page.locator("textarea[name=must]").fill(must)
        page.locator("main form button").click()
        page.wait_for_url("**/proofs/")
    endpoint.may_answer.clear()
    page.locator(f"form[action='{path_of(bot, 'proofs/run/')}'] button").click()
    expect(page.locator("#results progress")).to_be_visible()
    endpoint.may_answer.set()
    expect(page.locator("#results .badge-success").first).to_be_visible()
    expect(page.locator("#results").get_by_text("R$ 10").last).to_be_visible()
    expect(page.locator("#results .text-error")).to_have_count(1)

    page.locator("textarea[name=question]").fill("Quero uma pessoa")
    page.locator(f"form[action='{path_of(bot, 'question/')}'] button").click()
    expect(page.locator("#asked svg").first).to_be_visible()
    assert AiProof.objects.filter(is_kept=False, answers__hands_over=True).exists()

    page.goto(path_of(bot, "publish/"))
    expect(page.locator("main .text-warning").first).to_be_visible()
    page.locator("main form button").click()
    page.wait_for_url("**/numbers/")
    bot.refresh_from_db()
    assert bot.published


def test_the_settings_are_saved_by_keyboard_and_limits_read_a_comma_on_a_phone(open_page: Open, ana: User, ai: Bot) -> None:
    page = open_page(path_of(ai), ana, viewport=PHONE)
    page.locator("textarea[name=tone]").focus()
    page.keyboard.type("curto")
    page.locator("form[data-unsaved] button").focus()
    page.keyboard.press("Enter")
    page.locator(".toast, [role=status]").first.wait_for(state="attached")
    expect(page.locator("textarea[name=tone]")).to_have_value("curto")
    page.goto(path_of(ai, "limits/"))
    page.locator("input[name=micros_per_day]").fill("12,5")
    page.locator("main form:has([name=currency]) button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("input[name=micros_per_day]")).to_have_value("12,50")
    assert AiConnection.objects.get().micros_per_day == 12_500_000


def test_values_of_a_web_call_are_added_and_removed(open_page: Open, ana: User, ai: Bot) -> None:
    page = open_page(path_of(ai, "tools/edit/order_status/"), ana)
    page.locator("[data-add-row]").click()
    page.locator("input[name=parameters-1-name]").fill("shop")
    page.locator("[data-remove-row]").first.click()
    page.locator("input[name=url]").fill("https://example.com/{{shop}}")
    page.locator("main form button:not([type=button])").click()
    page.wait_for_url("**/tools/")
    (tool,) = Bot.objects.get().draft["tools"]
    assert [each["name"] for each in tool["parameters"]] == ["shop"]


def test_the_pages_work_without_scripts(open_page: Open, ana: User, ai: Bot, endpoint: Endpoint, worker: None) -> None:
    page = open_page(path_of(ai, "proofs/"), ana, java_script_enabled=False)
    page.locator(f"form[action='{path_of(ai, 'proofs/run/')}'] button").click()
    for _ in range(150):
        if page.locator("#results .badge-success").count():
            break
        page.wait_for_timeout(200)
        page.goto(path_of(ai, "proofs/"))
    expect(page.locator("#results .badge-success").first).to_be_visible()
    page.goto(path_of(ai))
    page.locator("textarea[name=tone]").fill("curto")
    page.locator("form[data-unsaved] button").click()
    assert Bot.objects.get().draft["tone"] == "curto"
