"""What people chose about marketing messages: they stopped or resumed them.

The latest choice counts, by Meta's time. One without a time that can be true was made when the hub first heard of it: of two
deliveries the earlier arrival counts, whichever is applied first. So each choice has a row, and what a contact wants is worked out
from its rows, and from when Meta last refused a message because the person had stopped (`Contact.marketing_refused_at`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud_api.payloads import MarketingPreference
from contacts.models import Contact, MarketingChoice
from jobs.bulk_writes import insert_rows, update_rows

Key = tuple[str, str]
"""The phone_number_id and the key of a choice."""


@dataclass(frozen=True, slots=True)
class ReceivedChoice:
    """A choice that a webhook told, the contact (locked) who made it, and when."""

    told: MarketingPreference
    contact: Contact
    at: datetime

    @property
    def key(self) -> Key:
        return self.contact.create_for_phone_number_id, choice_key(self.told)


@dataclass(frozen=True, slots=True)
class CorrectedChoice:
    """A choice that turned out to be earlier: a contact (locked, not saved) that was known to have made it at `moved_from`."""

    contact: Contact
    moved_from: datetime


def choice_key(told: MarketingPreference) -> str:
    """Tells one choice of a number's from another; the same whenever it is told again."""
    what = (told.person.bsuid, told.person.wa_id, told.stopped, told.timestamp)
    return hashlib.sha256(repr(what).encode()).hexdigest()


def stored_choice_times(keys: Collection[Key]) -> dict[Key, datetime]:
    """When these choices were made, of those that are stored."""
    return {row.key_in_number: row.told_at for row in _stored(keys)}


def store_choices(told: Sequence[ReceivedChoice]) -> list[CorrectedChoice]:
    """Store these choices, and let their contacts know the latest. The contacts are not saved. Returns what has another time, or
    another contact, than was known. Must run in a transaction; IntegrityError if somebody else just stored the same."""
    rows = {row.key_in_number: row for row in _stored([each.key for each in told])}
    contacts = {each.contact.pk: each.contact for each in told}
    before = {row.pk: (row.contact_id, row.told_at) for row in rows.values()}
    _lock({contact_id for contact_id, _ in before.values()}, contacts)
    for each in told:
        row = rows.setdefault(each.key, _row(each))
        if each.at < row.told_at:
            row.contact, row.told_at = each.contact, each.at
    insert_rows([row for row in rows.values() if row.pk is None])
    changed = [row for row in rows.values() if row.pk and before[row.pk] != (row.contact_id, row.told_at)]
    update_rows(changed, ["contact_id", "told_at"])
    _work_out(contacts)
    return [CorrectedChoice(contacts[contact_id], at) for contact_id, at in (before[row.pk] for row in changed)]


def merge_choices(kept: Contact, absorbed: Contact) -> None:
    """Give a contact the choices of another who turned out to be the same person. `kept` is locked, and not saved."""
    MarketingChoice.objects.filter(contact=absorbed).update(contact=kept)
    kept.record_refusal(absorbed.window_refused_at, marketing_at=absorbed.marketing_refused_at)
    if absorbed.marketing_at:
        kept.record_marketing_choice(stopped=absorbed.marketing_stopped, at=absorbed.marketing_at)


def _row(each: ReceivedChoice) -> MarketingChoice:
    number, key = each.key
    return MarketingChoice(
        contact=each.contact,
        phone_number_id=number,
        key=key,
        stopped=each.told.stopped,
        wa_id=each.told.person.wa_id or "",
        told_at=each.at,
    )


def _stored(keys: Iterable[Key]) -> list[MarketingChoice]:
    by_number: dict[str, set[str]] = defaultdict(set)
    for number, key in keys:
        by_number[number].add(key)
    return [
        row
        for number, own in by_number.items()
        for row in MarketingChoice.objects.filter(phone_number_id=number, key__in=own).order_by("pk")
    ]


def _lock(ids: Iterable[int], contacts: dict[int, Contact]) -> None:
    """Add those of these contacts that are not there yet, locked."""
    if missing := set(ids) - contacts.keys():
        contacts |= Contact.objects.select_for_update().filter(pk__in=missing).order_by("pk").in_bulk()


def _work_out(contacts: dict[int, Contact]) -> None:
    """What each of these contacts, by their ids, wants now."""
    if not contacts:
        return
    for contact in contacts.values():
        contact.marketing_stopped, contact.marketing_at = contact.marketing_refused_at is not None, contact.marketing_refused_at
    rows = MarketingChoice.objects.filter(contact__in=contacts).values_list("contact_id", "stopped", "told_at")
    for pk, stopped, at in rows:
        contacts[pk].record_marketing_choice(stopped=stopped, at=at)
