"""Business hours of a number: when it is open, when it opens next, and both in words. No database, no clock.

A period begins on its day of the week and may last beyond midnight. It belongs to the day on which it begins: a closed day takes
away the periods that begin on it, and not the rest of the night before.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Any, Self

import holidays

from bots.automatic.calendar_words import WORDS, CalendarWords
from bots.flows.texts import fold

MAX_DAYS_AHEAD = 400
"""How many days are searched for the next opening: a year, and more than any holidays in a row."""
MAX_STATE_LENGTH = 3
"""Characters of a state's code. The holidays package also has other parts of countries, with names instead of codes."""
LAST_MINUTE = time(23, 59)
"""As an end, this is midnight: people type it because clocks have no 24:00."""
DAY = timedelta(days=1)
TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")

Period = tuple[time, time]
"""From, and until. If the end is not after the beginning, it is on the next day."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day on which the business is closed, and its name, which may be empty."""

    day: date
    name: str


@dataclass(frozen=True)
class BusinessHours:
    """When a number is open.

    `weekly` has the periods of the seven days from Monday; empty, the number is always open, whatever the other values are. A key
    of `closed_days` is an ISO date, or `MM-DD` for every year; its value is a name. `country` and `state` are codes (ISO 3166) that
    `holidays_on` applies to. `zone` is the time zone of all times.
    """

    weekly: Sequence[Sequence[Period]]
    closed_days: Mapping[str, str]
    country: str
    state: str
    holidays_on: bool
    zone: tzinfo

    @classmethod
    def read(cls, weekly: object, closed_days: object, *, country: str, state: str, holidays_on: bool, zone: tzinfo) -> Self:
        """Returns business hours from the JSON that is stored. Ignores what is no period and no closed day."""
        days = weekly if isinstance(weekly, list) and len(weekly) == len(WORDS["en"].days) else []
        pairs = [pair for pair in _list(closed_days) if _is_pair(pair)]
        return cls(
            weekly=tuple(tuple(sorted(_periods(day))) for day in days),
            closed_days={str(day): str(name) for day, name in pairs},
            country=country,
            state=state,
            holidays_on=holidays_on,
            zone=zone,
        )

    @property
    def is_always_open(self) -> bool:
        return not self.weekly

    def is_open(self, at: datetime) -> bool:
        """Returns whether the number is open at this time."""
        if self.is_always_open:
            return True
        today = at.astimezone(self.zone).date()
        # Two days back: a period of 24 hours that began yesterday may end an hour later because of a clock change.
        return any(begin <= at < end for begin, end in self._openings(today - 2 * DAY, days=3))

    def next_opening(self, at: datetime) -> datetime | None:
        """Returns the first time from `at` on at which the number is open, which is `at` if it is open. Returns None if there is
        none in the next 400 days."""
        if self.is_open(at):
            return at
        today = at.astimezone(self.zone).date()
        for ahead in range(MAX_DAYS_AHEAD):
            # The first period by the wall clock need not begin first: a clock change makes skipped times later.
            later = [begin for begin, _ in self._openings(today + ahead * DAY, days=1) if begin > at]
            if later:
                return min(later)
        return None

    def next_closing(self, at: datetime) -> datetime | None:
        """Returns the first time from `at` on at which the number is closed, which is `at` if it is closed. Returns None if there
        is none in the next 400 days."""
        if self.is_always_open:
            return None
        today = at.astimezone(self.zone).date()
        ends = sorted({end for _, end in self._openings(today - 2 * DAY, days=MAX_DAYS_AHEAD) if end > at})
        return next((end for end in (at, *ends) if not self.is_open(end)), None)

    def closed_name(self, day: date) -> str | None:
        """Returns the name of the closed day or holiday, which may be empty. Returns None if the day is an ordinary one."""
        for key in (day.isoformat(), day.isoformat()[5:]):
            if key in self.closed_days:
                return self.closed_days[key]
        return public_holidays(self.country, self.state, day.year).get(day) if self.holidays_on else None

    def next_holidays(self, today: date, *, count: int) -> list[Holiday]:
        """Returns the next closed days and holidays from today on."""
        days = (today + ahead * DAY for ahead in range(MAX_DAYS_AHEAD))
        closed = (Holiday(day, name) for day in days if (name := self.closed_name(day)) is not None)
        return [each for each, _ in zip(closed, range(count), strict=False)]

    def _openings(self, first: date, *, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yields the periods that begin on these days, as times in UTC."""
        for ahead in range(days):
            day = first + ahead * DAY
            if self.closed_name(day) is None:
                for begin, end in self.weekly[day.weekday()]:
                    end_day = day if begin < end != LAST_MINUTE else day + DAY
                    end = time() if end == LAST_MINUTE else end  # noqa: PLW2901  midnight, as LAST_MINUTE says
                    yield self._instant(day, begin), self._instant(end_day, end, is_end=True)

    def _instant(self, day: date, clock: time, *, is_end: bool = False) -> datetime:
        """Returns the time in UTC. A time that a clock change skips is as much later. Of a time that occurs twice, a period begins
        with the first and ends with the second."""
        local = datetime.combine(day, clock, tzinfo=self.zone)
        first = local.astimezone(UTC)
        return max(first, local.replace(fold=1).astimezone(UTC)) if is_end else first

    # ---- In words ----

    def hours_text(self, language: str) -> str:
        """Returns the weekly hours in one line: the open days, and their periods."""
        words = _words(language)
        if self.is_always_open:
            return words.always
        runs: list[list[int]] = []
        for day, periods in enumerate(self.weekly):
            if runs and runs[-1][-1] == day - 1 and self.weekly[runs[-1][0]] == periods:
                runs[-1].append(day)
            elif periods:
                runs.append([day])
        return ", ".join(self._run_text(run, words) for run in runs) or words.never

    def _run_text(self, run: Sequence[int], words: CalendarWords) -> str:
        first, last = words.short_days[run[0]], words.short_days[run[-1]]
        joint = words.to if len(run) > 2 else words.and_
        days = words.every_day if len(run) == 7 else first if len(run) == 1 else f"{first} {joint} {last}"
        return f"{days} {f' {words.and_} '.join(_period_text(period, words) for period in self.weekly[run[0]])}"

    def next_opening_text(self, at: datetime, language: str) -> str:
        """Returns when the number opens next: “amanhã às 08:00”, “segunda-feira às 08:00”. “agora” if it is open. Empty if it does
        not open any more."""
        words, opening = _words(language), self.next_opening(at)
        if opening is None:
            return ""
        if opening == at:
            return words.now
        local = opening.astimezone(self.zone)
        ahead = (local.date() - at.astimezone(self.zone).date()).days
        if ahead < 2:
            day = words.tomorrow if ahead else words.today
        elif ahead < 7:
            day = words.days[local.weekday()]
        else:
            day = words.date(local.date())
        return words.at_time(day, f"{local:%H:%M}", is_one_o_clock=local.hour == 1)


def _period_text(period: Period, words: CalendarWords) -> str:
    begin, end = period
    if begin == time() and end in (time(), LAST_MINUTE):
        return words.all_day
    return f"{begin:%H:%M}–{'24:00' if end in (time(), LAST_MINUTE) else f'{end:%H:%M}'}"


def _words(language: str) -> CalendarWords:
    return WORDS.get(language, WORDS["pt-br"])


@cache
def public_holidays(country: str, state: str, year: int) -> Mapping[date, str]:
    """Returns the national holidays of a year and those of the state, with their names in the country's language. Empty for a
    country that the holidays package does not know. Ignores an unknown state."""
    if country not in holidays.list_supported_countries():
        return {}
    # Without a language, the package takes that of the process.
    language = holidays.country_holidays(country).default_language
    subdivision = state if state in states_of(country) else None
    found = holidays.country_holidays(country, subdiv=subdivision, years=year, language=language)
    return {day: found[day] for day in sorted(found)}


@cache
def states_of(country: str) -> Mapping[str, str]:
    """Returns the names of the country's states whose holidays are known, by their codes, in the order of the names."""
    codes = holidays.list_supported_countries().get(country, [])
    names = {code: name for name, code in holidays.country_holidays(country).subdivisions_aliases.items()} if codes else {}
    states = {code: names.get(code, code) for code in codes if len(code) <= MAX_STATE_LENGTH}
    return dict(sorted(states.items(), key=lambda state: fold(state[1])))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def _periods(day: object) -> Iterator[Period]:
    for pair in _list(day):
        if _is_pair(pair) and all(isinstance(each, str) and TIME.fullmatch(each) for each in pair):
            yield time.fromisoformat(pair[0]), time.fromisoformat(pair[1])
