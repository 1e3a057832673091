"""What an AI has used: today, against its limits, and in the last days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bots.ai_pages.money import money_text
from bots.models import AiConnection, AiUsage, Bot

DAYS = 30


@dataclass(frozen=True)
class UsageBar:
    """How much of a limit is used. `reserved` is what calls that are under way may use, as far as it fits into the bar."""

    used: int
    reserved: int
    limit: int

    @property
    def percent(self) -> int:
        """Of the limit, used and reserved together, at most 100."""
        return min(100, 100 * (self.used + self.reserved) // self.limit) if self.limit else 0

    @property
    def is_used_up(self) -> bool:
        return bool(self.limit) and self.used + self.reserved >= self.limit


@dataclass(frozen=True)
class UsageOfToday:
    """What an AI has used today. `money` has the limit 0 if money is not limited."""

    answers: int
    tokens: UsageBar
    money: UsageBar
    currency: str

    @property
    def money_used(self) -> str:
        return money_text(self.money.used, self.currency)

    @property
    def money_limit(self) -> str:
        return money_text(self.money.limit, self.currency)


@dataclass(frozen=True)
class UsageDay:
    """What an AI used on one day of its organization."""

    day: date
    answers: int = 0
    tokens: int = 0
    micros: int = 0


def usage_of_today(bot: Bot, connection: AiConnection, *, today: date) -> UsageOfToday:
    """Returns what is used and reserved today."""
    row = AiUsage.objects.filter(bot=bot, day=today).first() or AiUsage(bot=bot, day=today)
    tokens = UsageBar(row.input_tokens + row.output_tokens, row.reserved_tokens, connection.tokens_per_day)
    money = UsageBar(row.micros, row.reserved_micros, connection.micros_per_day)
    return UsageOfToday(row.answers, tokens, money, connection.currency)


def last_days(bot: Bot, *, today: date) -> Sequence[UsageDay]:
    """Returns the last 30 days, the first one first. Empty if the AI was not used in them."""
    first = today - timedelta(days=DAYS - 1)
    rows = {row.day: row for row in AiUsage.objects.filter(bot=bot, day__range=(first, today))}
    if not rows:
        return ()
    days = [first + timedelta(days=index) for index in range(DAYS)]
    return [_usage_day(day, rows.get(day)) for day in days]


def _usage_day(day: date, row: AiUsage | None) -> UsageDay:
    return UsageDay(day, row.answers, row.input_tokens + row.output_tokens, row.micros) if row else UsageDay(day)
