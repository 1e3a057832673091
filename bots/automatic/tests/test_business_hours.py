"""Business hours: periods, nights, closed days, holidays, clock changes, and the words for customers."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.automatic.business_hours import MAX_DAYS_AHEAD, BusinessHours, public_holidays, states_of
from bots.automatic.calendar_words import WORDS, customers_language

BRASILIA = ZoneInfo("America/Sao_Paulo")
NEW_YORK = ZoneInfo("America/New_York")
WORKDAY = [["08:00", "18:00"]]
SHOP = [WORKDAY, WORKDAY, WORKDAY, WORKDAY, WORKDAY, [["08:00", "12:00"]], []]
CLOSED: list[Any] = [[], [], [], [], [], [], []]


def hours(weekly: Any = None, closed_days: Any = (), **changes: Any) -> BusinessHours:
    values: dict[str, Any] = {"country": "BR", "state": "", "holidays_on": False, "zone": BRASILIA} | changes
    return BusinessHours.read(SHOP if weekly is None else weekly, list(closed_days), **values)


def on_days(**days: list[list[str]]) -> list[list[list[str]]]:
    return [days.get(name, []) for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]


def at(text: str, zone: ZoneInfo = BRASILIA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# 2026-11-26 is a Thursday.


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-26T07:59:59", False),
        ("2026-11-26T08:00", True),
        ("2026-11-26T17:59:59", True),
        ("2026-11-26T18:00", False),
        ("2026-11-28T11:59", True),  # Saturday
        ("2026-11-28T12:00", False),
        ("2026-11-29T10:00", False),  # Sunday
    ],
)
def test_a_shop_is_open_from_the_beginning_of_a_period_until_before_its_end(moment: str, is_open: bool) -> None:
    assert hours().is_open(at(moment)) is is_open


def test_the_time_zone_of_the_organization_counts_and_not_that_of_the_time() -> None:
    assert hours().is_open(datetime(2026, 11, 26, 20, 59, tzinfo=UTC))
    assert not hours().is_open(datetime(2026, 11, 26, 21, 0, tzinfo=UTC))


@pytest.mark.parametrize("weekly", [[], None, {}, "x", [[]], [WORKDAY] * 8, 7])
def test_without_hours_of_seven_days_the_number_is_always_open(weekly: Any) -> None:
    always = BusinessHours.read(weekly, [["12-25", "Natal"]], country="BR", state="", holidays_on=True, zone=BRASILIA)
    christmas = at("2026-12-25T03:00")

    assert always.is_open(christmas)
    assert always.next_opening(christmas) == christmas
    assert always.hours_text("pt-br") == "todos os dias, 24 horas"


def test_seven_days_without_periods_are_closed_and_never_open() -> None:
    closed = hours(CLOSED)

    assert not closed.is_open(at("2026-11-26T10:00"))
    assert closed.next_opening(at("2026-11-26T10:00")) is None
    assert closed.next_opening_text(at("2026-11-26T10:00"), "pt-br") == ""
    assert closed.hours_text("pt-br") == "fechado"


@pytest.mark.parametrize(
    "day", [[["08:00"]], [["8:00", "18:00"]], [["25:00", "26:00"]], [["08:00", None]], [7], "08:00", None, [["08:00", "24:00"]]]
)
def test_what_is_no_period_is_ignored(day: Any) -> None:
    assert not hours([day, *CLOSED[1:]]).is_open(at("2026-11-23T10:00"))


# ---- Nights ----


def test_a_period_beyond_midnight_goes_on_in_the_next_day() -> None:
    bar = hours(on_days(fri=[["22:00", "02:00"]]))

    moments = ("2026-11-27T21:59", "2026-11-27T22:00", "2026-11-28T01:59", "2026-11-28T02:00")
    assert [bar.is_open(at(moment)) for moment in moments] == [False, True, True, False]
    assert not bar.is_open(at("2026-11-27T01:00"))  # Thursday's night


def test_a_night_that_began_on_an_open_day_ends_on_a_closed_one() -> None:
    bar = hours(on_days(thu=[["22:00", "02:00"]], fri=[["22:00", "02:00"]]), [["2026-11-27", "Luto"]])

    assert bar.is_open(at("2026-11-27T01:00"))
    assert not bar.is_open(at("2026-11-27T23:00"))
    assert not bar.is_open(at("2026-11-28T01:00"))


@pytest.mark.parametrize("end", ["00:00", "23:59"])
def test_a_period_until_midnight_has_no_gap_before_the_next_day(end: str) -> None:
    around = hours(on_days(thu=[["00:00", end]], fri=[["00:00", end]]))

    assert around.is_open(at("2026-11-26T00:00"))
    assert around.is_open(at("2026-11-26T23:59:30"))
    assert around.is_open(at("2026-11-27T23:59:59"))
    assert not around.is_open(at("2026-11-28T00:00"))
    assert around.hours_text("pt-br") == "qui e sex 24 horas"


# ---- Closed days and holidays ----


def test_a_closed_day_has_a_date_or_holds_every_year() -> None:
    shop = hours(closed_days=[["2026-11-26", "Inventário"], ["12-24", "Véspera"]])

    assert shop.closed_name(date(2026, 11, 26)) == "Inventário"
    assert shop.closed_name(date(2027, 11, 26)) is None
    assert [shop.closed_name(date(year, 12, 24)) for year in (2026, 2027)] == ["Véspera", "Véspera"]
    assert not shop.is_open(at("2026-11-26T10:00"))
    assert shop.next_opening(at("2026-11-26T10:00")) == at("2026-11-27T08:00")


def test_national_holidays_close_only_if_they_are_on() -> None:
    christmas = at("2026-12-25T10:00")

    assert hours().is_open(christmas)
    assert not hours(holidays_on=True).is_open(christmas)
    assert hours(holidays_on=True).closed_name(christmas.date()) == "Natal"


def test_a_state_adds_its_holidays() -> None:
    revolution = at("2026-07-09T10:00")

    assert not hours(holidays_on=True, state="SP").is_open(revolution)
    assert hours(holidays_on=True, state="RJ").is_open(revolution)
    assert hours(holidays_on=True, state="XX").is_open(revolution)


def test_states_have_names_in_their_order() -> None:
    states = states_of("BR")

    assert len(states) == 27
    assert states["SP"] == "São Paulo"
    assert list(states.values())[:4] == ["Acre", "Alagoas", "Amapá", "Amazonas"]
    assert states_of("PT")["11"] == "Lisboa"


def test_other_countries_have_their_own_holidays_and_unknown_ones_have_none() -> None:
    independence = at("2026-07-09T10:00", ZoneInfo("America/Argentina/Buenos_Aires"))

    assert not hours(holidays_on=True, country="AR").is_open(independence)
    assert hours(holidays_on=True, country="AC").is_open(independence)
    assert public_holidays("AC", "", 2026) == {}
    assert states_of("AC") == {}


def test_the_next_holidays_are_in_order_with_the_own_closed_days() -> None:
    shop = hours(closed_days=[["2026-12-24", "Véspera"], ["2026-12-25", "Fechados no Natal"]], holidays_on=True)

    found = shop.next_holidays(date(2026, 12, 24), count=3)

    assert [(each.day.isoformat(), each.name) for each in found] == [
        ("2026-12-24", "Véspera"),
        ("2026-12-25", "Fechados no Natal"),
        ("2027-01-01", "Confraternização Universal"),
    ]


# ---- Clock changes ----


def test_a_skipped_opening_time_is_an_hour_later() -> None:
    night = hours(on_days(sun=[["02:30", "06:00"]]), zone=NEW_YORK)  # 2026-03-08: 02:00 becomes 03:00

    opening = night.next_opening(at("2026-03-07T12:00", NEW_YORK))

    assert opening == at("2026-03-08T03:30", NEW_YORK)
    assert night.is_open(opening)
    assert not night.is_open(opening - timedelta(seconds=1))


def test_a_time_that_occurs_twice_opens_with_the_first_and_closes_with_the_second() -> None:
    early = hours(on_days(sun=[["01:30", "04:00"]]), zone=NEW_YORK)  # 2026-11-01: 02:00 becomes 01:00
    late = hours(on_days(sun=[["00:00", "01:30"]]), zone=NEW_YORK)
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)

    assert early.next_opening(at("2026-10-31T12:00", NEW_YORK)) == first
    assert all(early.is_open(first + timedelta(minutes=minutes)) for minutes in range(0, 210, 10))
    assert late.is_open(datetime(2026, 11, 1, 6, 29, tzinfo=UTC))  # 01:29 for the second time
    assert not late.is_open(datetime(2026, 11, 1, 6, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("moment", "closing"),
    [
        ("2026-11-26T10:00", "2026-11-26T18:00"),
        ("2026-11-26T19:00", "2026-11-26T19:00"),
        ("2026-11-28T11:00", "2026-11-28T12:00"),
    ],
)
def test_the_next_closing_is_the_first_closed_time(moment: str, closing: str) -> None:
    assert hours().next_closing(at(moment)) == at(closing)


def test_a_number_that_never_closes_has_no_closing() -> None:
    assert hours([]).next_closing(at("2026-11-26T10:00")) is None
    assert hours([[["00:00", "00:00"]]] * 7).next_closing(at("2026-11-26T10:00")) is None


CLOCK = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59])).map(lambda clock: clock.strftime("%H:%M"))
PERIODS = st.lists(st.tuples(CLOCK, CLOCK).map(list), max_size=3)
WEEKS = st.lists(PERIODS, min_size=7, max_size=7)
ZONES = st.sampled_from(["America/Sao_Paulo", "America/New_York", "Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
MOMENTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants them so


@settings(deadline=None)
@given(WEEKS, ZONES, MOMENTS, st.booleans())
def test_the_next_opening_is_the_first_open_time(weekly: Any, zone: str, moment: datetime, holidays_on: bool) -> None:
    business = hours(weekly, holidays_on=holidays_on, zone=ZoneInfo(zone))
    opening = business.next_opening(moment)

    if opening is None:
        assert not any(business.is_open(moment + timedelta(days=days)) for days in range(0, MAX_DAYS_AHEAD - 2, 7))
        return
    assert opening >= moment
    assert business.is_open(opening)
    assert (opening == moment) == business.is_open(moment)
    waiting = opening - moment
    assert not any(business.is_open(moment + waiting * part / 97) for part in range(97) if waiting)


@settings(deadline=None)
@given(WEEKS, MOMENTS, st.sampled_from(["pt-br", "en", "es", "xx"]))
def test_words_never_fail_and_name_every_open_day(weekly: Any, moment: datetime, language: str) -> None:
    business = hours(weekly)
    text = business.hours_text(language)
    words = WORDS.get(language, WORDS["pt-br"])

    assert text
    if not any(weekly):
        assert text == words.never
    assert bool(business.next_opening_text(moment, language)) == (business.next_opening(moment) is not None)


# ---- Words ----


@pytest.mark.parametrize(
    ("weekly", "text"),
    [
        (SHOP, "seg a sex 08:00–18:00, sáb 08:00–12:00"),
        ([WORKDAY] * 7, "todos os dias 08:00–18:00"),
        ([[["08:00", "12:00"], ["14:00", "18:00"]]] * 5 + [[], []], "seg a sex 08:00–12:00 e 14:00–18:00"),
        ([[["14:00", "18:00"], ["08:00", "12:00"]], *CLOSED[1:]], "seg 08:00–12:00 e 14:00–18:00"),
        (on_days(mon=WORKDAY, wed=WORKDAY, sat=WORKDAY, sun=WORKDAY), "seg 08:00–18:00, qua 08:00–18:00, sáb e dom 08:00–18:00"),
        (on_days(fri=[["22:00", "02:00"]], sat=[["18:00", "00:00"]]), "sex 22:00–02:00, sáb 18:00–24:00"),
        ([[["00:00", "00:00"]]] * 7, "todos os dias 24 horas"),
    ],
)
def test_weekly_hours_in_words(weekly: Any, text: str) -> None:
    assert hours(weekly).hours_text("pt-br") == text


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("pt-br", "seg a sex 08:00–18:00, sáb 08:00–12:00"),
        ("en", "Mon to Fri 08:00–18:00, Sat 08:00–12:00"),
        ("es", "lun a vie 08:00–18:00, sáb 08:00–12:00"),
        ("de", "seg a sex 08:00–18:00, sáb 08:00–12:00"),
    ],
)
def test_weekly_hours_in_each_language(language: str, text: str) -> None:
    assert hours().hours_text(language) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-11-26T10:00", "agora"),
        ("2026-11-26T06:00", "hoje às 08:00"),
        ("2026-11-26T19:00", "amanhã às 08:00"),
        ("2026-11-28T13:00", "segunda-feira às 08:00"),
        ("2026-12-24T19:00", "sábado às 08:00"),  # after Christmas
    ],
)
def test_the_next_opening_in_words(moment: str, text: str) -> None:
    assert hours(holidays_on=True).next_opening_text(at(moment), "pt-br") == text


def test_an_opening_of_a_later_week_has_its_date() -> None:
    vacation = [[f"2026-12-{day:02}", "Férias"] for day in range(1, 21)]

    assert hours(closed_days=vacation).next_opening_text(at("2026-12-01T09:00"), "pt-br") == "segunda-feira, 21/12 às 08:00"
    assert hours(closed_days=vacation).next_opening_text(at("2026-12-01T09:00"), "en") == "Monday, 12/21 at 08:00"
    assert hours(closed_days=vacation).next_opening_text(at("2026-12-01T09:00"), "es") == "lunes, 21/12 a las 08:00"


def test_one_o_clock_has_its_own_word() -> None:
    night = hours(on_days(fri=[["01:00", "03:00"]]))

    assert night.next_opening_text(at("2026-11-26T10:00"), "pt-br") == "amanhã à 01:00"
    assert night.next_opening_text(at("2026-11-26T10:00"), "es") == "mañana a la 01:00"


def test_the_language_for_customers_follows_the_country() -> None:
    assert [customers_language(country) for country in ("BR", "PT", "AR", "US", "DE")] == ["pt-br", "pt-br", "es", "en", "en"]
