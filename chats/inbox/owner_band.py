"""The band above the composer: who is in charge of the conversation, since when, why and until when, and how to change that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, ContactChange
from contacts.owner_display import OwnerChip, is_answered_by_bot, owner_chip
from contacts.owners import Owner, OwnerReason
from organizations.models import BotReturn, PhoneNumber, Profile

IN_CHARGE = {
    Owner.BOT: _("The bot is in charge"),
    Owner.AI: _("The AI is in charge"),
    Owner.WAITING: _("Waiting for a person"),
    Owner.META_AGENT: _("Meta's agent is in charge"),
}
NOBODY_ANSWERS = {
    Owner.BOT: _("Nobody answers automatically: this number has no bot that is on."),
    Owner.AI: _("Nobody answers automatically: this number has no AI that is on."),
}
BOT_RETURNS = {
    BotReturn.NEXT_SESSION: _("back to the bot with the next conversation"),
    BotReturn.MINUTES: _("back to the bot some time after your last answer"),
    BotReturn.NEVER: _("until somebody hands it back"),
}
AI_RETURNS = {
    BotReturn.NEXT_SESSION: _("back to the AI with the next conversation"),
    BotReturn.MINUTES: _("back to the AI some time after your last answer"),
    BotReturn.NEVER: BOT_RETURNS[BotReturn.NEVER],
}
AI_REASONS = {
    OwnerReason.FLOW: _("the AI handed over"),
    OwnerReason.FAILED: _("the AI failed"),
    OwnerReason.NO_BOT: _("the number has no published AI"),
    OwnerReason.NO_ANSWER: _("the AI did not answer in time"),
    OwnerReason.UNUSABLE: _("the AI's answer could not be used"),
    OwnerReason.PAUSED: _("the AI failed too often and is paused"),
}
"""Where the AI was chosen to answer. All other reasons are the same as for a bot."""


@dataclass(frozen=True)
class OwnerBand:
    """What the band says. `chip`: the same in a word. Without `words` there is no band: people answer, as usual, or
    nobody has written yet."""

    words: Any = ""
    icon: str = ""
    chip: OwnerChip | None = None
    since: datetime | None = None
    reason: Any = ""
    until: str = ""
    note: str = ""
    """What the bot wrote for the person when it handed over."""
    is_waiting: bool = False
    is_off: bool = False
    """Whether a bot or AI was chosen, and does not answer."""
    may_be_taken_over: bool = False
    may_be_handed_back: bool = False
    is_for_ai: bool = False
    """Whether the AI, and not the bot, was chosen to answer."""


def owner_band(contact: Contact, now: datetime) -> OwnerBand:
    """Returns the band of the contact's conversation. The contact has its number. One query, or none."""
    owner, number = Owner(contact.owner), contact.create_for_phone_number
    has_bot = is_answered_by_bot(contact, number)
    if owner is Owner.PERSON and not has_bot:
        return OwnerBand()
    if owner in NOBODY_ANSWERS and contact.last_message_timestamp is None:
        return OwnerBand()  # nobody has written, so nobody answers yet
    if owner in NOBODY_ANSWERS and not has_bot:
        return OwnerBand(NOBODY_ANSWERS[owner], "bot-off", chip=owner_chip(contact, number), is_off=True)
    change = _last_change(contact) if contact.owner_reason != OwnerReason.CHOSEN else None
    person = _name_of(change)
    chip = owner_chip(contact, number, person)
    return OwnerBand(
        words=_person_in_charge(person) if owner is Owner.PERSON else IN_CHARGE[owner],
        icon=chip.icon if chip else "user",
        chip=chip,
        since=contact.owner_since,
        reason=_reason(contact) if contact.owner_since else "",
        until=_until(contact, number, now) if owner is Owner.PERSON else "",
        note=_note_of(change) if owner is Owner.WAITING else "",
        is_waiting=owner is Owner.WAITING,
        may_be_taken_over=owner in (Owner.BOT, Owner.AI, Owner.WAITING),
        may_be_handed_back=has_bot and owner in (Owner.PERSON, Owner.WAITING),
        is_for_ai=_is_for_ai(contact),
    )


def _is_for_ai(contact: Contact) -> bool:
    return contact.profile == Profile.AI


def _reason(contact: Contact) -> Any:
    reason = OwnerReason(contact.owner_reason)
    return AI_REASONS.get(reason, reason.label) if _is_for_ai(contact) else reason.label


def _last_change(contact: Contact) -> ContactChange | None:
    changes = ContactChange.objects.filter(contact=contact, kind=ContactChange.Kind.OWNER).order_by("-create_in", "-pk")
    return changes.select_related("actor").defer("actor__password").first()


def _name_of(change: ContactChange | None) -> str:
    return change.actor_name if change else ""


def _note_of(change: ContactChange | None) -> str:
    note = change.values.get("note") if change and isinstance(change.values, dict) else ""
    return note if isinstance(note, str) else ""


def _person_in_charge(person: str) -> str:
    return gettext("%(who)s is in charge") % {"who": person} if person else gettext("Your team is in charge")


def _until(contact: Contact, number: PhoneNumber, now: datetime) -> str:
    """Returns when the bot or AI gets the conversation back."""
    returns, until, is_for_ai = BotReturn(number.bot_returns), contact.owner_until, _is_for_ai(contact)
    if returns is not BotReturn.MINUTES or until is None:
        return str(AI_RETURNS[returns] if is_for_ai else BOT_RETURNS[returns])
    if until <= now and is_for_ai:
        return gettext("back to the AI with the customer's next message")
    if until <= now:
        return gettext("back to the bot with the customer's next message")
    local = timezone.localtime(until)
    if local.date() == timezone.localdate(now):
        words = gettext("back to the AI at %(time)s") if is_for_ai else gettext("back to the bot at %(time)s")
        return words % {"time": date_format(local, "TIME_FORMAT")}
    words = gettext("back to the AI on %(time)s") if is_for_ai else gettext("back to the bot on %(time)s")
    return words % {"time": date_format(local, "SHORT_DATETIME_FORMAT")}
