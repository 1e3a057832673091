"""Which bot answers at a number, and why none does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from bots.automatic.switching import update_answers_since
from bots.flows.flow import Flow
from bots.models import Bot, BotKind, BotVersion
from bots.publishing.contact_switches import cancel_switch
from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile, User
from organizations.numbers.audit_entries import record_number


class NoBot(TextChoices):
    """Why no bot answers at a number."""

    NONE = "none", _("The number has no bot.")
    UNKNOWN = "unknown", _("The number names a bot that does not exist.")
    UNPUBLISHED = "unpublished", _("The bot of the number is not published.")
    OFF = "off", _("The bot of the number was named from outside and is not switched on.")
    """Another program wrote the column, so the number has no time since when it answers."""


@dataclass(frozen=True)
class NumberBot:
    """The bot that a number names. `problem` says why it answers nobody."""

    number: PhoneNumber
    bot: Bot | None
    problem: NoBot | None
    is_ai: bool = False
    """Whether this is the AI of the number, as opposed to its bot."""

    @property
    def key(self) -> str:
        """The key in the number's column. Empty: it names none."""
        return _named(self.number, self.is_ai)

    @property
    def is_named_in_vain(self) -> bool:
        """Whether the number names a bot that answers nobody."""
        return self.problem not in (None, NoBot.NONE)


def find_number_bots(organization: Organization, numbers: Iterable[PhoneNumber], *, ai: bool = False) -> list[NumberBot]:
    """Returns the bot of each number, or with `ai` its AI. One query."""
    bots = {bot.key: bot for bot in _named_bots(ai).filter(organization=organization)}
    return [_number_bot(number, bots, ai) for number in numbers]


def find_number_bot(number: PhoneNumber, *, ai: bool = False) -> NumberBot:
    """Returns the bot of the number, or with `ai` its AI."""
    key = _named(number, ai)
    found = _named_bots(ai).filter(organization=number.organization_id, key=key).first() if key else None
    return _number_bot(number, {key: found} if found else {}, ai)


def _named_bots(ai: bool) -> QuerySet[Bot]:
    """Returns the bots that `default_ai`, or else `default_bot`, can name."""
    bots = Bot.objects.defer("draft", "undo")
    return bots.filter(kind=BotKind.AI) if ai else bots.exclude(kind=BotKind.AI)


def _named(number: PhoneNumber, ai: bool) -> str:
    return str(number.default_ai if ai else number.default_bot)


def _number_bot(number: PhoneNumber, bots: Mapping[str, Bot], ai: bool) -> NumberBot:
    key = _named(number, ai)
    bot = bots.get(key)
    if not key:
        return NumberBot(number, None, NoBot.NONE, ai)
    if bot is None:
        return NumberBot(number, None, NoBot.UNKNOWN, ai)
    if bot.published_id is None:
        return NumberBot(number, bot, NoBot.UNPUBLISHED, ai)
    return NumberBot(number, bot, None if number.answers_since else NoBot.OFF, ai)


@in_transaction
def assign_bot(*, number: PhoneNumber, bot: Bot, by: User | None, now: datetime) -> None:
    """Makes the bot or AI the one that answers at the number. Who answers which contact does not change. Raises Bot.DoesNotExist
    if the bot was deleted, or belongs to another organization than the number."""
    # The bot is locked before its numbers, as in `bots.publishing.versions`.
    stored = Bot.objects.select_for_update().get(pk=bot.pk, organization=number.organization_id)
    _name_bot(number, stored.column, stored.key, by, now)


@in_transaction
def remove_bot(*, number: PhoneNumber, ai: bool = False, by: User | None, now: datetime) -> None:
    """The number has no bot any more, or with `ai` no AI. Contacts are no longer switched to it."""
    _name_bot(number, "default_ai" if ai else "default_bot", "", by, now)
    cancel_switch(number=number, profile=Profile.AI if ai else Profile.BOT)


def _name_bot(number: PhoneNumber, column: str, key: str, by: User | None, now: datetime) -> None:
    locked = PhoneNumber.objects.select_for_update().get(pk=number.pk)
    if changes := differences({column: getattr(locked, column)}, {column: key}):
        record_number(AuditAction.NUMBER_CHANGED, locked, changes, by=by)
    setattr(locked, column, key)
    setattr(number, column, key)
    locked.save(update_fields=[column])
    _refresh(locked, now)
    publish_revisions([locked.organization_id])


def refresh_numbers(*, bot: Bot, now: datetime) -> None:
    """Applies a changed publication of the bot to the numbers that name it. Must run in the transaction of the change."""
    numbers = PhoneNumber.objects.select_for_update().filter(organization=bot.organization_id, **{bot.column: bot.key})
    for number in numbers.order_by("pk"):
        _refresh(number, now)


def _refresh(number: PhoneNumber, now: datetime) -> None:
    """Computes the columns of a locked number that follow from its bot and AI."""
    published = [found.bot.published for ai in (False, True) if (found := find_number_bot(number, ai=ai)).bot]
    number.burst_seconds = max((_silence_seconds(version) for version in published if version), default=0)
    number.save(update_fields=["burst_seconds"])
    update_answers_since(number=number, now=now)


def _silence_seconds(version: BotVersion) -> int:
    document = version.document
    return int(document["silence_seconds"]) if "kind" in document else Flow(document).silence_seconds
