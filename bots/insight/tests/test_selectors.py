"""The counts of a bot's steps and days."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from bots.insight.charts import HEIGHT, bar_chart
from bots.insight.selectors import DayTotals, Period, StepTotals, day_totals, step_totals
from bots.insight.step_lines import step_lines
from bots.insight.tests.conftest import FLOW
from bots.models import Bot, BotVersion, StepCount
from organizations.models import Organization

LAST = date(2026, 11, 26)
WEEK = Period(date(2026, 11, 20), LAST)


def count(version: BotVersion, step: str, day: date = LAST, **counts: int) -> None:
    StepCount.objects.create(version=version, step=step, day=day, **counts)


@pytest.mark.parametrize(("days", "first"), [(7, date(2026, 11, 20)), (30, date(2026, 10, 28)), (90, date(2026, 8, 29))])
def test_a_period_has_so_many_days_with_today_in_utc(days: int, first: date) -> None:
    late = datetime(2026, 11, 25, 23, tzinfo=timezone(timedelta(hours=-3)))
    period = Period.until(late, days=days)
    assert (period.first, period.last, len(period.days)) == (first, LAST, days)


def test_the_counts_of_all_versions_and_days_are_added(bot: Bot, version: BotVersion) -> None:
    second = BotVersion.objects.create(bot=bot, number=2, document=FLOW)
    count(version, "welcome", came=5, went_on=4, left=1)
    count(version, "welcome", WEEK.first, came=2, handed_over=1, fell_through=1)
    count(second, "welcome", came=10)
    count(second, "choice", came=3)
    assert step_totals(bot, WEEK) == {"welcome": StepTotals(17, 4, 1, 1, 1), "choice": StepTotals(3)}


def test_other_days_and_other_bots_are_not_counted(bot: Bot, version: BotVersion, organization: Organization) -> None:
    other = Bot.objects.create(organization=organization, key="outro", name="Outro")
    count(BotVersion.objects.create(bot=other, number=1, document=FLOW), "welcome", came=1)
    count(version, "welcome", WEEK.first - timedelta(days=1), came=1)
    count(version, "welcome", WEEK.last + timedelta(days=1), came=1)
    assert step_totals(bot, WEEK) == {}
    assert day_totals(bot, WEEK) == [DayTotals(day) for day in WEEK.days]


def test_each_day_has_its_counts(bot: Bot, version: BotVersion) -> None:
    count(version, "welcome", came=5, went_on=5)
    count(version, "choice", came=5, left=2)
    count(version, "which", came=3, fell_through=2)
    count(version, "person", came=2, handed_over=2)
    count(version, "choice", WEEK.first, came=1, left=1)
    first, *between, last = day_totals(bot, WEEK)
    assert first == DayTotals(WEEK.first, started=0, left=1)
    assert last == DayTotals(LAST, started=5, handed_over=2, left=2, fell_through=2)
    assert between == [DayTotals(day) for day in WEEK.days[1:-1]]


def test_each_version_starts_with_its_own_first_step(bot: Bot, version: BotVersion) -> None:
    flow: dict[str, Any] = FLOW | {"start": "choice"}
    second = BotVersion.objects.create(bot=bot, number=2, document=flow)
    count(version, "welcome", came=5)
    count(version, "choice", came=100)
    count(second, "welcome", came=100)
    count(second, "choice", came=3)
    assert day_totals(bot, WEEK)[-1].started == 8


def test_many_versions_cost_no_more_queries(bot: Bot, version: BotVersion) -> None:
    for number in range(2, 30):
        count(BotVersion.objects.create(bot=bot, number=number, document=FLOW), "welcome", came=1)
    with CaptureQueriesContext(connection) as queries:
        assert step_totals(bot, WEEK)["welcome"].came == 28
        assert day_totals(bot, WEEK)[-1].started == 28
    assert len(queries) == 3


def test_steps_are_listed_in_the_order_of_the_flow(version: BotVersion) -> None:
    totals = {"choice": StepTotals(5), "welcome": StepTotals(10), "old": StepTotals(1)}
    with translation.override("en"):
        lines = step_lines(version.document, totals)
    assert [(line.number, line.name, line.totals.came, line.bar) for line in lines] == [
        (1, "Boas-vindas", 10, 100),
        (2, "Escolha", 5, 50),
        (3, "Choose a path", 0, 0),
        (4, "Preços", 0, 0),
        (5, "Hand over to a person", 0, 0),
        (None, "old", 1, 10),
    ]


def test_a_chart_has_a_bar_for_each_day_with_a_count() -> None:
    days = [LAST - timedelta(days=number) for number in range(4, -1, -1)]
    chart = bar_chart("Conversations", zip(days, [0, 10, 1000, 1, 0], strict=True))
    assert (chart.total, chart.width) == (1011, 50)
    assert [(bar.day, bar.count, bar.x, bar.height) for bar in chart.bars] == [
        (days[1], 10, 10, 2),  # it would be 1, which nobody sees
        (days[2], 1000, 20, HEIGHT),
        (days[3], 1, 30, 2),
    ]
    assert all(bar.y + bar.height == HEIGHT for bar in chart.bars)
    assert chart.most == chart.bars[1]


def test_a_chart_without_counts_has_no_bar() -> None:
    chart = bar_chart("Conversations", [(LAST, 0)])
    assert (chart.total, chart.bars, chart.most) == (0, [], None)
