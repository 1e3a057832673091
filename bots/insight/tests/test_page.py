"""The page with the counts of a bot."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from time_machine import travel

from bots.models import Bot, BotVersion, StepCount
from conftest import html_of
from organizations.models import Membership, Organization, Role, User

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def member(organization: Organization) -> User:
    """Somebody with the lowest role, who reads English."""
    user = User.objects.create_user("ana@example.com", "uma-senha-longa-7", language="en")
    Membership.objects.create(organization=organization, user=user, role=Role.USER)
    return user


def page(user: User, bot: Bot, query: str = "") -> str:
    client = Client()
    client.force_login(user)
    with travel(NOW, tick=False):
        response = client.get(reverse("bot_insight", args=[bot.organization_id, bot.pk]) + query)
    assert response.status_code == 200
    return html_of(response)


def without_classes(html: str) -> str:
    return re.sub(r' class="[^"]*"', "", html)


def count(version: BotVersion, step: str, *, days_ago: int = 0, **counts: int) -> None:
    StepCount.objects.create(version=version, step=step, day=NOW.date() - timedelta(days=days_ago), **counts)


def test_a_member_sees_steps_days_and_charts(member: User, bot: Bot, version: BotVersion) -> None:
    count(version, "welcome", came=1200, went_on=1200)
    count(version, "person", came=7, handed_over=7)
    html = page(member, bot)
    assert "Boas-vindas" in html
    assert "<span>Conversations</span> <span>1,200</span>" in without_classes(html)
    assert "Most on one day: 1,200 (11/26/2026)" in html
    assert html.count("None in these days") == 2
    assert html.count('<th scope="row"') == 5 + 30


@pytest.mark.parametrize(
    ("query", "days"), [("", 30), ("?days=7", 7), ("?days=90", 90), ("?days=8", 30), ("?days=x", 30), ("?days=", 30)]
)
def test_the_days_are_one_of_three_periods(member: User, bot: Bot, version: BotVersion, query: str, days: int) -> None:
    count(version, "welcome", came=3)
    count(version, "welcome", days_ago=days - 1, came=20)
    count(version, "welcome", days_ago=days, came=100)
    html = page(member, bot, query)
    assert "<span>Conversations</span> <span>23</span>" in without_classes(html)
    assert html.count('aria-current="true"') == 1
    assert f'href="?days={days}" aria-current="true"' in html


def test_a_bot_without_counts_says_so(member: User, bot: Bot, version: BotVersion) -> None:
    count(version, "welcome", days_ago=40, came=3)
    assert "No customer came to this bot in these days" in page(member, bot)
    assert "Boas-vindas" in page(member, bot, "?days=90")


def test_a_bot_that_was_never_published_says_so(member: User, bot: Bot) -> None:
    assert "This bot was never published" in page(member, bot)


def test_an_unpublished_bot_keeps_its_counts(member: User, bot: Bot, version: BotVersion) -> None:
    count(version, "welcome", came=3)
    bot.published = None
    bot.save()
    assert "Boas-vindas" in page(member, bot)


def test_what_an_administrator_wrote_is_escaped(member: User, bot: Bot, version: BotVersion) -> None:
    bot.name = "<b>bot</b>"
    bot.save()
    flow = version.document
    flow["steps"][0]["title"] = "<script>alert(1)</script>"
    version.save()
    count(version, "welcome", came=3)
    html = page(member, bot)
    assert "<script>alert" not in html
    assert "<b>bot" not in html


def test_a_bot_of_another_organization_does_not_exist(member: User, version: BotVersion) -> None:
    other = Bot.objects.create(organization=Organization.objects.create(organization_name="Outra"), key="a", name="A")
    client = Client()
    client.force_login(member)
    assert client.get(reverse("bot_insight", args=[version.bot.organization_id, other.pk])).status_code == 404
    assert client.get(reverse("bot_insight", args=[other.organization_id, other.pk])).status_code == 404


def test_the_page_is_read_only(member: User, bot: Bot) -> None:
    client = Client()
    client.force_login(member)
    assert client.post(reverse("bot_insight", args=[bot.organization_id, bot.pk])).status_code == 405


def test_the_diagram_shows_the_counts_of_each_step(member: User, bot: Bot, version: BotVersion) -> None:
    count(version, "welcome", came=1200, went_on=1200)
    count(version, "choice", came=1, left=1)
    count(version, "which", came=40, fell_through=9)
    count(version, "person", came=7, handed_over=7)
    html = page(member, bot)
    texts = re.findall(r'<text class="diagram-count"[^>]*>([^<]*)<', html)
    assert texts == [
        "1,200 customers",
        *("1 customer", "1 stopped answering"),
        *("40 customers", "9 not understood"),
        "0 customers",
        *("7 customers", "7 handed over"),
    ]
    assert html.count('href="#step-choice"') == html.count('id="step-choice"') == 1
