"""Who is in charge of a conversation, as a chip in lists and above a conversation."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, NullIf
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact, ContactChange
from contacts.owners import Owner
from organizations.models import PhoneNumber, Profile


@dataclass(frozen=True)
class OwnerChip:
    """An icon and a word. `waiting_since`: since when the customer waits for a person, if they do."""

    icon: str
    word: Any
    waiting_since: datetime | None = None


OWNER_CHIPS = {
    Owner.BOT: OwnerChip("bot", _("Bot")),
    Owner.AI: OwnerChip("bot", _("AI")),
    Owner.META_AGENT: OwnerChip("sparkles", _("Meta's agent")),
}
OFF = {
    Owner.BOT: OwnerChip("bot-off", _("bot off")),
    Owner.AI: OwnerChip("bot-off", _("AI off")),
}


def is_answered_by_bot(contact: Contact, number: PhoneNumber) -> bool:
    """Whether the number's bot or AI, as chosen for the contact, answers it unless a person is in charge."""
    key = {Profile.BOT: number.default_bot, Profile.AI: number.default_ai}.get(Profile(contact.profile), "")
    return key != "" and number.answers_since is not None


def owner_chip(contact: Contact, number: PhoneNumber, person: str = "") -> OwnerChip | None:
    """Returns the chip of the contact's owner. None where people answer as usual. `person`: who is in charge of a conversation that
    the bot had, or gets back."""
    owner, has_bot = Owner(contact.owner), is_answered_by_bot(contact, number)
    if owner is Owner.WAITING:
        return OwnerChip("hand", _("Waiting for a person"), contact.owner_since)
    if owner is Owner.PERSON:
        return OwnerChip("user", person) if person and has_bot else None
    if owner in OFF and not has_bot:
        return OFF[owner]
    return OWNER_CHIPS[owner]


def people_in_charge(contacts: Collection[Contact]) -> dict[int, str]:
    """Returns who took over each conversation that a bot or AI would have otherwise, by the contact's id. One query, or none."""
    ids = [each.pk for each in contacts if each.owner == Owner.PERSON and Profile(each.profile).has_bot]
    if not ids:
        return {}
    changes = ContactChange.objects.filter(contact=OuterRef("pk"), kind=ContactChange.Kind.OWNER).order_by("-create_in", "-pk")
    who = Coalesce(NullIf("api_key", Value("")), NullIf("actor__name", Value("")), "actor__email", output_field=CharField())
    name = changes.annotate(who=who).values("who")[:1]
    rows = Contact.objects.filter(pk__in=ids).annotate(who=Subquery(name)).values_list("pk", "who")
    return {pk: who for pk, who in rows if who}
