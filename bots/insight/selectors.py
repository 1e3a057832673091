"""The counts of a bot, over all its versions. A step keeps its id when a new version is published."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from bots.models import Bot, StepCount

PERIODS = (7, 30, 90)
"""Days that a page can show, with today."""


@dataclass(frozen=True, slots=True)
class StepTotals:
    """The counts of one step in a period."""

    came: int = 0
    went_on: int = 0
    left: int = 0
    handed_over: int = 0
    fell_through: int = 0


@dataclass(frozen=True, slots=True)
class DayTotals:
    """The counts of one day (in UTC). `started` counts how often the first step was run; the others are sums of all steps."""

    day: date
    started: int = 0
    handed_over: int = 0
    left: int = 0
    fell_through: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the last, both included, in UTC as counts are."""

    first: date
    last: date

    @classmethod
    def until(cls, now: datetime, *, days: int) -> "Period":
        last = now.astimezone(UTC).date()
        return cls(last - timedelta(days=days - 1), last)

    @property
    def days(self) -> Sequence[date]:
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


def step_totals(bot: Bot, period: Period) -> Mapping[str, StepTotals]:
    """Returns the counts of each step that has any. One query."""
    sums = {f"all_{name}": Sum(name) for name in ("came", "went_on", "left", "handed_over", "fell_through")}
    rows = _counts(bot, period).values("step").annotate(**sums).values_list("step", *sums)
    return {step: StepTotals(*counts) for step, *counts in rows}


def day_totals(bot: Bot, period: Period) -> Sequence[DayTotals]:
    """Returns the counts of each day of the period, in order, also of days without any. Two queries."""
    rows = (
        _counts(bot, period)
        .values("day")
        .annotate(
            started=Sum("came", filter=_at_start(bot, period), default=0),
            all_handed_over=Sum("handed_over"),
            all_left=Sum("left"),
            all_fell_through=Sum("fell_through"),
        )
        .values_list("day", "started", "all_handed_over", "all_left", "all_fell_through")
    )
    by_day = {day: DayTotals(day, *counts) for day, *counts in rows}
    return [by_day.get(day, DayTotals(day)) for day in period.days]


def _counts(bot: Bot, period: Period) -> QuerySet[StepCount]:
    return StepCount.objects.filter(version__bot=bot, day__range=(period.first, period.last))


def _at_start(bot: Bot, period: Period) -> Q:
    """Returns the condition of counts of a first step. Versions may begin with different steps."""
    counts = StepCount.objects.filter(version=OuterRef("pk"), day__range=(period.first, period.last))
    versions: dict[str, list[int]] = defaultdict(list)
    for version_id, start in bot.versions.filter(Exists(counts)).values_list("pk", "document__start"):
        versions[start].append(version_id)
    condition = Q(pk__in=[])
    for start, ids in versions.items():
        condition |= Q(step=start, version__in=ids)
    return condition
