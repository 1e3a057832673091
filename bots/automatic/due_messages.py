"""Which automatic message a turn gets, and its words. Without a database: the caller knows the conversation, and sends."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings as site
from django.db import models
from django.utils.translation import gettext, gettext_noop, override
from django.utils.translation import gettext_lazy as _

from bots.automatic.business_hours import BusinessHours
from bots.automatic.calendar_words import WORDS, customers_language
from bots.flows.messages import build, file_of
from bots.flows.texts import PLACEHOLDERS
from bots.flows.turns.events import Facts
from bots.models import AutomaticMessages
from cloud_api.wa_ids import formatted
from contacts.models import Contact
from contacts.owners import Owner
from organizations.models import Organization, Profile

HANDED_OVER = gettext_noop("All right! I am calling somebody of our team, who will answer you here in a moment.")
HANDED_OVER_AWAY = gettext_noop("All right! I have told our team. Nobody is here at the moment: we answer {{next_opening}}.")
HANDED_OVER_UNTIL_BACK = gettext_noop(
    "All right! I have told our team. Nobody is here at the moment: we answer as soon as we are back."
)
"""The hub's own words when a customer asks for a person: while open, while closed, and while closed without a next opening."""


class AutomaticKind(models.TextChoices):
    """The automatic messages. Each goes out once in a session."""

    GREETING = "greeting", _("greeting")
    AWAY = "away", _("away message")
    HANDED_OVER = "handed_over", _("message when a person was asked for")
    REMINDER = "reminder", _("reminder before the window closes")
    OPTED_OUT = "opted_out", _("confirmation that marketing messages are stopped")


def due_automatic(
    *,
    settings: AutomaticMessages,
    is_open: bool,
    is_new_session: bool,
    already_sent: Collection[str],
    owner: str,
    profile: str,
    bot_will_greet: bool,
    stops_marketing: bool,
) -> AutomaticKind | None:
    """Returns the automatic message that the customer's message gets, before any bot. None if there is none.

    A word that stops marketing messages (`stops_marketing`) is confirmed, whoever is in charge, if there is a confirmation.
    Outside business hours the away message goes out once in a session, whoever is in charge: a closed shop says so. A new session
    gets the greeting, unless the bot greets, or a person is in charge or waited for. `owner` and `profile` are the contact's:
    where the team answers anyway (`human`), a person in charge is the rule and not a reason to be silent. `already_sent` has the
    kinds that the session has had. The caller has checked that the contact gets automatic messages at all.
    """
    if owner == Owner.META_AGENT:
        return None
    if stops_marketing and settings.opted_out_is_on and settings.opted_out and AutomaticKind.OPTED_OUT not in already_sent:
        return AutomaticKind.OPTED_OUT
    if not is_open and settings.away_is_on and settings.away:
        return None if AutomaticKind.AWAY in already_sent else AutomaticKind.AWAY
    if not (settings.greeting_is_on and settings.greeting and is_new_session) or bot_will_greet:
        return None
    is_person_in_charge = owner == Owner.WAITING or (owner == Owner.PERSON and profile != Profile.HUMAN)
    if is_person_in_charge or {AutomaticKind.GREETING, AutomaticKind.AWAY} & set(already_sent):
        return None
    return AutomaticKind.GREETING


def message_of(kind: AutomaticKind, settings: AutomaticMessages, *, facts: Facts) -> dict[str, Any] | None:
    """Returns the API object of an automatic message, filled for the contact. None if the number has none of this kind, or if
    nothing is left of its text. Raises InvalidMessage if WhatsApp would refuse it."""
    if kind is AutomaticKind.HANDED_OVER:
        return hand_over_message(settings, facts=facts)
    message = _own_message(kind, settings, facts)
    return fill(message, facts) if message else None


def automatic_file(kind: AutomaticKind, settings: AutomaticMessages, *, facts: Facts) -> str:
    """Returns the key of the stored file that is sent with an automatic message, empty if there is none."""
    message = _own_message(kind, settings, facts)
    return file_of(message) if message else ""


def _own_message(kind: AutomaticKind, settings: AutomaticMessages, facts: Facts) -> Mapping[str, Any] | None:
    """Returns the number's own message of this kind, as it is stored."""
    is_away = kind is AutomaticKind.HANDED_OVER and not facts.is_open
    message: Mapping[str, Any] | None = getattr(settings, "handed_over_away" if is_away else kind)
    return message


def hand_over_message(settings: AutomaticMessages, *, facts: Facts) -> dict[str, Any] | None:
    """Returns what a customer reads who is handed over to a person: the number's words, or the hub's own. None if it is off."""
    if not settings.handed_over_is_on:
        return None
    return fill(_own_message(AutomaticKind.HANDED_OVER, settings, facts) or default_hand_over(facts), facts)


def default_hand_over(facts: Facts) -> Mapping[str, Any]:
    """Returns the hub's own words for customers who are handed over, as a message of a flow, in the language of the facts."""
    away = HANDED_OVER_AWAY if facts.next_opening else HANDED_OVER_UNTIL_BACK
    with override(facts.language or site.LANGUAGE_CODE):
        return {"type": "text", "text": gettext(HANDED_OVER if facts.is_open else away)}


def fill(message: Mapping[str, Any], facts: Facts) -> dict[str, Any] | None:
    """Returns the API object of a flow's message with the facts in its placeholders. None if nothing is left of the text. Raises
    InvalidMessage."""
    return build(message, lambda name: value_of(name, facts))


def value_of(name: str, facts: Facts) -> str:
    """Returns the value of a placeholder. Empty for an unknown one."""
    if name == "today":
        is_day_first = WORDS.get(facts.language, WORDS["pt-br"]).day_first
        return facts.today.strftime("%d/%m/%Y" if is_day_first else "%m/%d/%Y")
    return str(getattr(facts, name)) if name in PLACEHOLDERS else ""


def facts_for(
    contact: Contact, *, organization: Organization, hours: BusinessHours, now: datetime, labels: Collection[str] = ()
) -> Facts:
    """Returns what messages and conditions can say about the contact, the organization and the time."""
    return contact_facts(contact, number_facts(organization=organization, hours=hours, now=now), labels)


def number_facts(*, organization: Organization, hours: BusinessHours, now: datetime, person_words: Collection[str] = ()) -> Facts:
    """Returns the facts that all contacts of a number have in common."""
    language = customers_language(organization.country)
    return Facts(
        today=now.astimezone(hours.zone).date(),
        language=language,
        organization=organization.organization_name,
        hours=hours.hours_text(language),
        next_opening=hours.next_opening_text(now, language),
        is_open=hours.is_open(now),
        person_words=tuple(person_words),
    )


def contact_facts(contact: Contact, of_number: Facts, labels: Collection[str] = ()) -> Facts:
    """Returns the facts of a number with those of one of its contacts."""
    name = " ".join((contact.alias or contact.name).split())
    return replace(
        of_number,
        first_name=name.partition(" ")[0],
        name=name,
        phone=formatted(contact.wa_id or ""),
        username=contact.username,
        labels=frozenset(labels),
    )
