"""Choices of people in WhatsApp's own switch for marketing messages (`user_preferences`): they stopped or resumed them.

A choice whose time is missing or wrong was made when it first arrived: of two deliveries the earlier arrival counts, whichever is
applied first. So each choice has a row.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud_api.payloads import MarketingPreference
from contacts.consent.ledger import DecisionKey, compute_marketing, key_of, stored_decisions
from contacts.consent.purposes import MARKETING
from contacts.models import ConsentDecision, Contact
from jobs.bulk_writes import insert_rows, update_rows


@dataclass(frozen=True, slots=True)
class ReceivedChoice:
    """A choice from a webhook, the contact who made it (locked), and its time."""

    preference: MarketingPreference
    contact: Contact
    time: datetime

    @property
    def key(self) -> DecisionKey:
        return self.contact.create_for_phone_number_id, choice_key(self.preference)


@dataclass(frozen=True, slots=True)
class CorrectedChoice:
    """A stored choice that turned out to be earlier, or another contact's: the contact that it had (locked, not saved), and its old
    time."""

    contact: Contact
    old_time: datetime


def choice_key(preference: MarketingPreference) -> str:
    """Returns what distinguishes a choice from others of its number. It is the same when the choice is delivered again."""
    return key_of(preference.person.bsuid, preference.person.wa_id, preference.stopped, preference.timestamp)


def stored_choice_times(keys: Collection[DecisionKey]) -> dict[DecisionKey, datetime]:
    """Returns the times of the stored ones of these choices."""
    return {row.key_in_number: row.decided_at for row in stored_decisions(keys)}


def store_choices(received: Sequence[ReceivedChoice], now: datetime) -> list[CorrectedChoice]:
    """Stores these choices, and updates their contacts with the latest one. The contacts are not saved. Returns the stored choices
    that have another time or contact now.

    Must run in a transaction. Raises IntegrityError if another transaction has just stored the same choice.
    """
    rows = {row.key_in_number: row for row in stored_decisions([each.key for each in received])}
    contacts = {each.contact.pk: each.contact for each in received}
    before = {row.pk: (row.contact_id, row.decided_at) for row in rows.values()}
    if missing := {contact_id for contact_id, _ in before.values()} - contacts.keys():
        contacts |= Contact.objects.select_for_update().filter(pk__in=missing).order_by("pk").in_bulk()
    for each in received:
        row = rows.setdefault(each.key, _row(each, now))
        if each.time < row.decided_at:
            row.contact, row.decided_at = each.contact, each.time
    insert_rows([row for row in rows.values() if row.pk is None])
    changed = [row for row in rows.values() if row.pk and before[row.pk] != (row.contact_id, row.decided_at)]
    update_rows(changed, ["contact_id", "told_at"])
    compute_marketing(contacts)
    return [CorrectedChoice(contacts[contact_id], time) for contact_id, time in (before[row.pk] for row in changed)]


def _row(received: ReceivedChoice, now: datetime) -> ConsentDecision:
    number, key = received.key
    return ConsentDecision(
        contact=received.contact,
        phone_number_id=number,
        key=key,
        purpose=MARKETING,
        withdrawn=received.preference.stopped,
        source=ConsentDecision.Source.PREFERENCE.value,
        wa_id=received.preference.person.wa_id or "",
        decided_at=received.time,
        create_in=now,
    )
