"""Bars of counts for the page. Their sizes are whole numbers, because templates write others in the language of the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT = 100
SLOT = 10
GAP = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar for one day, from its upper left corner, in units of the chart."""

    day: date
    count: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar for each day that has a count. `most` is the day with the highest one, None if all are 0."""

    label: str
    total: int
    width: int
    bars: Sequence[Bar]
    most: Bar | None
    height: int = HEIGHT


def bar_chart(label: str, counts: Iterable[tuple[date, int]]) -> Chart:
    """Returns a chart of one count for each day, in the order of the days."""
    days = list(counts)
    highest = max((count for _, count in days), default=0)
    bars = [
        Bar(day, count, index * SLOT, HEIGHT - height, SLOT - GAP, height)
        for index, (day, count) in enumerate(days)
        if (height := bar_length(count, highest, HEIGHT))
    ]
    most = max(bars, key=lambda bar: bar.count, default=None)
    return Chart(label, sum(count for _, count in days), len(days) * SLOT, bars, most)


def bar_length(count: int, highest: int, length: int) -> int:
    """Returns the length of a bar whose scale ends at `highest`. A small count is still seen."""
    return max(2, round(length * count / highest)) if count else 0
