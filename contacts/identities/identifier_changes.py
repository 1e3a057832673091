"""Changes of a person's identifiers (docs/meta-platform.md 5.4): the contact and its conversation stay, and the old identifiers are
kept as retired.

The event may come before or after the first message under the new identifiers, twice, or late. What it says is Meta's word that two
identifiers are one person, so a contact that only came to be because the event was late is absorbed by the one it belongs to. A
contact that had the new identifiers long before the change is somebody else: both are flagged.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud_api.payloads import IdentityChange, Person
from contacts.identities.resolution import BSUID, WA_ID, IdentityIndex, NamedPerson
from contacts.models import Contact
from organizations.models import PhoneNumber

SLACK = timedelta(days=1)
"""How long before the change's own time the person may already have been seen under the new identifiers."""


@dataclass(frozen=True, slots=True)
class IdentityChangeResult:
    """The person's contact, when the change was, and a contact that turned out to be the same person: its conversation has to move,
    then it has to go. `moved_from`: when the change was known to have been, if that was later."""

    contact: Contact
    at: datetime
    absorbed: Contact | None = None
    moved_from: datetime | None = None


def apply_identity_change(
    number: PhoneNumber, change: IdentityChange, at: datetime, *, is_dated: bool = True
) -> IdentityChangeResult:
    """Apply the change as of `at`. If it is not dated, `at` is when it arrived, and of several arrivals the first counts. Must run
    in a transaction; the contacts it returns are locked."""
    old, new = NamedPerson(number, change.old, at), NamedPerson(number, change.new, at)
    book = IdentityIndex.load([old, new], whole_past=True)
    known_at = None if is_dated else _known_time(book, change, old)
    if not is_dated:
        at = min(filter(None, (at, known_at, _seen_since(book, change, old, new))))
        old, new = replace(old, at=at), replace(new, at=at)
    before, after = book.find(old), book.find(new)
    contact = before or after or book.add(new)
    absorbed = None
    if after and after is not contact:
        if after.create_in >= at - SLACK:
            absorbed = after
        else:
            book.flag(contact, after)
    known_by = contact.wa_id, contact.bsuid
    if absorbed:
        book.absorb(absorbed, into=contact)
    _take_new(book, contact, new)
    if not change.new.bsuid and contact.wa_id and contact.wa_id != known_by[0] and contact.bsuid == known_by[1]:
        book.replace_bsuid(contact, None, at)  # with another phone comes another BSUID, which this old kind of event does not tell
    _retire_old(book, contact, old, new.person)
    book.save()
    _lift_flag(contact, change.old.wa_id)
    return IdentityChangeResult(contact, at, absorbed, known_at if known_at and known_at > at else None)


def _known_time(book: IdentityIndex, change: IdentityChange, old: NamedPerson) -> datetime | None:
    """When the change was, if it was applied before: the person gave up the old identifiers then."""
    contact = book.find(old)
    if contact is None:
        return None
    given_up = ((WA_ID, change.old.wa_id, change.new.wa_id), (BSUID, change.old.bsuid, change.new.bsuid))
    times = [book.retired_at(contact, kind, value) for kind, value, now in given_up if value and value != now]
    return min(filter(None, times), default=None)


def _seen_since(book: IdentityIndex, change: IdentityChange, old: NamedPerson, new: NamedPerson) -> datetime | None:
    """Since when another contact is seen under the new user ID, which is nobody else's: the change was no later."""
    contact = book.find(new)
    is_theirs = contact is not None and change.new.bsuid is not None and contact.bsuid == change.new.bsuid
    return contact.create_in if contact and is_theirs and contact is not book.find(old) else None


def _take_new(book: IdentityIndex, contact: Contact, new: NamedPerson) -> None:
    bsuid = new.person.bsuid
    if bsuid and book.find(replace(new, person=Person(bsuid=bsuid))) is None:
        book.replace_bsuid(contact, bsuid, new.at)
    if new.person.wa_id:
        book.hear_phone(contact, new.person.wa_id, new.at)


def _retire_old(book: IdentityIndex, contact: Contact, old: NamedPerson, new: Person) -> None:
    person = old.person
    if person.wa_id and person.wa_id == contact.wa_id != new.wa_id and contact.bsuid:
        book.hear_phone(contact, None, old.at)  # the phone changed and the new one is not shared
    for kind, value, current in ((WA_ID, person.wa_id, contact.wa_id), (BSUID, person.bsuid, contact.bsuid)):
        if value and value != current:
            book.retire(contact, kind, value, old.at)


def _lift_flag(contact: Contact, wa_id: str | None) -> None:
    """Somebody else was seen with the phone before the hub knew that this contact had given it up; now that is explained."""
    rival = contact.conflicts_with if wa_id and contact.wa_id != wa_id else None
    if rival and rival.wa_id == wa_id:
        Contact.objects.filter(pk=rival.pk, conflicts_with=contact).update(conflicts_with=None)
        contact.conflicts_with = None
        contact.save(update_fields=["conflicts_with"])
