"""Choices of people about marketing messages: they stopped or resumed them.

The latest choice counts, by Meta's time. A choice whose time is missing or wrong was made when it first arrived: of two deliveries
the earlier arrival counts, whichever is applied first. So each choice has a row. The columns of a contact are computed from its
rows, and from when Meta last refused a message because the person had stopped (`Contact.marketing_refused_at`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud_api.payloads import MarketingPreference
from contacts.models import Contact, MarketingChoice
from jobs.bulk_writes import insert_rows, update_rows

ChoiceKey = tuple[str, str]
"""The phone_number_id and the `choice_key` of a choice."""


@dataclass(frozen=True, slots=True)
class ReceivedChoice:
    """A choice from a webhook, the contact who made it (locked), and its time."""

    preference: MarketingPreference
    contact: Contact
    time: datetime

    @property
    def key(self) -> ChoiceKey:
        return self.contact.create_for_phone_number_id, choice_key(self.preference)


@dataclass(frozen=True, slots=True)
class CorrectedChoice:
    """A stored choice that turned out to be earlier, or another contact's: the contact that it had (locked, not saved), and its old
    time."""

    contact: Contact
    old_time: datetime


def choice_key(preference: MarketingPreference) -> str:
    """Returns what distinguishes a choice from others of its number. It is the same when the choice is delivered again."""
    facts = (preference.person.bsuid, preference.person.wa_id, preference.stopped, preference.timestamp)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def stored_choice_times(keys: Collection[ChoiceKey]) -> dict[ChoiceKey, datetime]:
    """Returns the times of the stored ones of these choices."""
    return {row.key_in_number: row.told_at for row in _stored(keys)}


def store_choices(received: Sequence[ReceivedChoice]) -> list[CorrectedChoice]:
    """Stores these choices, and updates their contacts with the latest one. The contacts are not saved. Returns the stored choices
    that have another time or contact now.

    Must run in a transaction. Raises IntegrityError if another transaction has just stored the same choice.
    """
    rows = {row.key_in_number: row for row in _stored([each.key for each in received])}
    contacts = {each.contact.pk: each.contact for each in received}
    before = {row.pk: (row.contact_id, row.told_at) for row in rows.values()}
    if missing := {contact_id for contact_id, _ in before.values()} - contacts.keys():
        contacts |= Contact.objects.select_for_update().filter(pk__in=missing).order_by("pk").in_bulk()
    for each in received:
        row = rows.setdefault(each.key, _row(each))
        if each.time < row.told_at:
            row.contact, row.told_at = each.contact, each.time
    insert_rows([row for row in rows.values() if row.pk is None])
    changed = [row for row in rows.values() if row.pk and before[row.pk] != (row.contact_id, row.told_at)]
    update_rows(changed, ["contact_id", "told_at"])
    _compute_marketing(contacts)
    return [CorrectedChoice(contacts[contact_id], time) for contact_id, time in (before[row.pk] for row in changed)]


def merge_choices(kept: Contact, absorbed: Contact) -> None:
    """Moves the choices of `absorbed` to `kept`, who is the same person. `kept` is locked, and not saved."""
    MarketingChoice.objects.filter(contact=absorbed).update(contact=kept)
    kept.record_refusal(absorbed.window_refused_at, marketing_at=absorbed.marketing_refused_at)
    if absorbed.marketing_at:
        kept.record_marketing_choice(stopped=absorbed.marketing_stopped, at=absorbed.marketing_at)


def _row(received: ReceivedChoice) -> MarketingChoice:
    number, key = received.key
    return MarketingChoice(
        contact=received.contact,
        phone_number_id=number,
        key=key,
        stopped=received.preference.stopped,
        wa_id=received.preference.person.wa_id or "",
        told_at=received.time,
    )


def _stored(keys: Iterable[ChoiceKey]) -> list[MarketingChoice]:
    by_number: dict[str, set[str]] = defaultdict(set)
    for number, key in keys:
        by_number[number].add(key)
    return [
        row
        for number, own in by_number.items()
        for row in MarketingChoice.objects.filter(phone_number_id=number, key__in=own).order_by("pk")
    ]


def _compute_marketing(contacts: dict[int, Contact]) -> None:
    """Computes whether these contacts, by id, want marketing messages. Does not save."""
    if not contacts:
        return
    for contact in contacts.values():
        contact.marketing_stopped, contact.marketing_at = contact.marketing_refused_at is not None, contact.marketing_refused_at
    rows = MarketingChoice.objects.filter(contact__in=contacts).values_list("contact_id", "stopped", "told_at")
    for pk, stopped, time in rows:
        contacts[pk].record_marketing_choice(stopped=stopped, at=time)
