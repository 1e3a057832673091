"""Which bot answers at a number, and why none does."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from bots.automatic.switching import update_answers_since
from bots.flows.flow import Flow
from bots.models import Bot
from contacts.models import Contact
from contacts.services import set_who_answers
from jobs.transactions import in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, Profile, User

CONTACTS_AT_ONCE = 1_000
"""Contacts that are switched in one transaction."""
MAX_SWITCHED = 20_000
"""Contacts that one request switches."""


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

    @property
    def is_named_in_vain(self) -> bool:
        """Whether the number names a bot that answers nobody."""
        return self.problem not in (None, NoBot.NONE)


def find_number_bots(organization: Organization, numbers: Iterable[PhoneNumber]) -> list[NumberBot]:
    """Returns the bot of each number. One query."""
    bots = {bot.key: bot for bot in Bot.objects.filter(organization=organization).defer("draft", "undo")}
    return [_number_bot(number, bots.get(number.default_bot)) for number in numbers]


def find_number_bot(number: PhoneNumber) -> NumberBot:
    """Returns the bot of the number."""
    own = (
        Bot.objects.filter(organization=number.organization_id, key=number.default_bot)
        if number.default_bot
        else Bot.objects.none()
    )
    return _number_bot(number, own.defer("draft", "undo").first())


def _number_bot(number: PhoneNumber, bot: Bot | None) -> NumberBot:
    if not number.default_bot:
        return NumberBot(number, None, NoBot.NONE)
    if bot is None:
        return NumberBot(number, None, NoBot.UNKNOWN)
    if bot.published_id is None:
        return NumberBot(number, bot, NoBot.UNPUBLISHED)
    return NumberBot(number, bot, None if number.answers_since else NoBot.OFF)


@in_transaction
def assign_bot(*, number: PhoneNumber, bot: Bot | None, by: User | None, now: datetime) -> None:
    """Makes the bot the one that answers at the number, or none. Who answers which contact does not change. Raises Bot.DoesNotExist
    if the bot was deleted, or belongs to another organization than the number."""
    # The bot is locked before its numbers, as in `bots.publishing.versions`.
    stored = Bot.objects.select_for_update().get(pk=bot.pk, organization=number.organization_id) if bot else None
    locked = PhoneNumber.objects.select_for_update().get(pk=number.pk)
    locked.default_bot = stored.key if stored else ""
    _apply_bot(locked, stored, now)
    number.default_bot = locked.default_bot
    publish_revisions([locked.organization_id])


def refresh_numbers(*, bot: Bot, now: datetime) -> None:
    """Applies a changed publication of the bot to the numbers that name it. Must run in the transaction of the change."""
    numbers = PhoneNumber.objects.select_for_update().filter(organization=bot.organization_id, default_bot=bot.key)
    for number in numbers.order_by("pk"):
        _apply_bot(number, bot, now)


def _apply_bot(number: PhoneNumber, bot: Bot | None, now: datetime) -> None:
    published = bot.published if bot else None
    number.burst_seconds = Flow(published.flow).silence_seconds if published else 0
    number.save(update_fields=["default_bot", "burst_seconds"])
    update_answers_since(number=number, now=now)


def switch_contacts(*, number: PhoneNumber, by: User, now: datetime) -> bool:
    """Lets the bot answer the contacts of the number whom the team answers, at most `MAX_SWITCHED`, in steps. Returns whether
    contacts are left."""
    contacts = Contact.objects.filter(create_for_phone_number=number, profile=Profile.HUMAN)
    ids = list(contacts.values_list("pk", flat=True)[: MAX_SWITCHED + 1])
    for start in range(0, min(len(ids), MAX_SWITCHED), CONTACTS_AT_ONCE):
        step = ids[:MAX_SWITCHED][start : start + CONTACTS_AT_ONCE]
        set_who_answers(organization=number.organization, contact_ids=step, profile=Profile.BOT, by=by, now=now)
    return len(ids) > MAX_SWITCHED
