"""Words of days and times for customers, in Portuguese, English and Spanish: in short, inside a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarWords:
    """The words of one language. `days` and `short_days` begin with Monday. `at` joins a day and a time; `at_one` does so at one
    o'clock, empty where it is the same."""

    days: Sequence[str]
    short_days: Sequence[str]
    to: str
    and_: str
    now: str
    today: str
    tomorrow: str
    at: str
    at_one: str = ""
    every_day: str
    all_day: str
    always: str
    never: str
    day_first: bool = True

    def at_time(self, day: str, clock: str, *, is_one_o_clock: bool) -> str:
        """Returns the day and the time: “amanhã às 08:00”."""
        return f"{day} {self.at_one if is_one_o_clock and self.at_one else self.at} {clock}"

    def date(self, day: date) -> str:
        """Returns the day of the week with the date: “segunda-feira, 05/01”."""
        return f"{self.days[day.weekday()]}, {day:{'%d/%m' if self.day_first else '%m/%d'}}"


WORDS = {
    "pt-br": CalendarWords(
        days=("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"),
        short_days=("seg", "ter", "qua", "qui", "sex", "sáb", "dom"),
        to="a",
        and_="e",
        now="agora",
        today="hoje",
        tomorrow="amanhã",
        at="às",
        at_one="à",
        every_day="todos os dias",
        all_day="24 horas",
        always="todos os dias, 24 horas",
        never="fechado",
    ),
    "en": CalendarWords(
        days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        short_days=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        to="to",
        and_="and",
        now="now",
        today="today",
        tomorrow="tomorrow",
        at="at",
        every_day="every day",
        all_day="24 hours",
        always="every day, 24 hours",
        never="closed",
        day_first=False,
    ),
    "es": CalendarWords(
        days=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        short_days=("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
        to="a",
        and_="y",
        now="ahora",
        today="hoy",
        tomorrow="mañana",
        at="a las",
        at_one="a la",
        every_day="todos los días",
        all_day="24 horas",
        always="todos los días, 24 horas",
        never="cerrado",
    ),
}
"""By Django's codes of languages."""

PORTUGUESE = frozenset({"AO", "BR", "CV", "GW", "MO", "MZ", "PT", "ST", "TL"})
SPANISH = frozenset(
    {"AR", "BO", "CL", "CO", "CR", "CU", "DO", "EC", "ES", "GQ", "GT", "HN", "MX", "NI", "PA", "PE", "PR", "PY", "SV", "UY", "VE"}
)


def customers_language(country: str) -> str:
    """Returns the language in which the hub's own words speak to customers of a business in this country."""
    return "pt-br" if country in PORTUGUESE else "es" if country in SPANISH else "en"
