"""The counts of a bot: readable in both themes and on a phone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bots.insight.tests.conftest import FLOW
from bots.models import Bot, BotVersion, StepCount
from organizations.models import Organization, User
from whatsapp_hub.tests.browser.conftest import Open
from whatsapp_hub.tests.browser.every_page.test_every_page import check

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def counted(organization: Organization) -> str:
    """The path of the page of a bot that has worked for a month."""
    bot = Bot.objects.create(organization=organization, key="atendimento", name="Atendimento", draft=FLOW)
    bot.published = version = BotVersion.objects.create(bot=bot, number=1, document=FLOW)
    bot.save()
    today = timezone.now().date()
    for days_ago in range(0, 30, 3):
        came = 1000 + 37 * days_ago
        day = today - timedelta(days=days_ago)
        for step, counts in (
            ("welcome", {"came": came, "went_on": came}),
            ("choice", {"came": came, "went_on": came - 90, "left": 90}),
            ("which", {"came": came - 90, "went_on": came - 90, "fell_through": 40}),
            ("person", {"came": 40, "handed_over": 40}),
        ):
            StepCount.objects.create(version=version, step=step, day=day, **counts)
    return f"/o/{organization.pk}/settings/bots/{bot.pk}/insight/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 900}], ids=["phone", "desktop"])
def test_the_page_is_accessible_and_fits(open_page: Open, ana: User, counted: str, scheme: str, viewport: dict[str, int]) -> None:
    page = open_page(counted, ana, color_scheme=scheme, viewport=viewport)
    page.locator("summary").click()
    assert page.locator("rect[fill=currentColor]").count() >= 30
    assert check(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    bar = page.locator("figure rect").first.bounding_box()
    assert bar
    assert bar["width"] >= 2


def test_the_days_are_chosen_by_keyboard(open_page: Open, ana: User, counted: str) -> None:
    page = open_page(counted, ana)
    page.locator('a[href="?days=7"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/insight/?days=7")
    assert page.locator('a[aria-current="true"]').inner_text() == page.locator('a[href="?days=7"]').inner_text()
    assert page.locator("figure").first.locator("rect").count() == 3


def test_on_a_phone_the_diagram_begins_with_the_first_step(open_page: Open, ana: User, counted: str) -> None:
    page = open_page(counted, ana, viewport=PHONE)
    box, step = (page.locator(each).first.bounding_box() for each in (".diagram-scroll", "[data-diagram-step]"))
    assert box
    assert step
    assert abs(step["x"] + step["width"] / 2 - box["x"] - box["width"] / 2) < 20
