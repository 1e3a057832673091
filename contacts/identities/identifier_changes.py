"""Changes of a person's identifiers (docs/meta-platform.md 5.4). The contact and its conversation stay. The old identifiers are
kept as retired.

The change may arrive before or after the first message with the new identifiers, twice, or late. It is Meta's word that two sets of
identifiers are one person. So a contact that was created only because the change was late is absorbed by the contact with the old
identifiers, and so is one that staff typed in. A contact that had the new identifiers long before the change is another person:
both are flagged as a conflict.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cloud_api.payloads import IdentityChange, Person
from cloud_api.wa_ids import variants
from contacts.identities.resolution import BSUID, WA_ID, Absorbed, IdentityIndex, NamedPerson
from contacts.models import Contact
from organizations.models import PhoneNumber

MAX_LEAD = timedelta(days=1)
"""How long before the time of the change the person may have been seen with the new identifiers."""


@dataclass(frozen=True, slots=True)
class IdentityChangeResult:
    """The contact of the person, and the time of the change.

    `absorbed` are contacts that are the same person. `old_time` is the time that the change was stored with, if that was later.
    """

    contact: Contact
    time: datetime
    absorbed: Sequence[Absorbed] = ()
    old_time: datetime | None = None


def apply_identity_change(
    number: PhoneNumber, change: IdentityChange, time: datetime, *, is_dated: bool = True
) -> IdentityChangeResult:
    """Applies the change as of `time`. If it is not dated, `time` is its arrival, and the first of several arrivals counts. Must
    run in a transaction. The returned contacts are locked."""
    old, new = NamedPerson(number, change.old, time, is_exact=False), NamedPerson(number, change.new, time)
    index = IdentityIndex.load([old, new], with_all_retired=True)
    change = _in_known_form(index, change, old)
    old = replace(old, person=change.old)
    stored_time = None if is_dated else _stored_time(index, change, old)
    if not is_dated:
        time = min(filter(None, (time, stored_time, _first_seen(index, change, old, new))))
        old, new = replace(old, time=time), replace(new, time=time)
    before, after = index.find(old), index.find(new)
    contact = before or after or index.add(new)
    identifiers = contact.wa_id, contact.bsuid
    if after and after is not contact:
        if after.is_unconfirmed or after.create_in >= time - MAX_LEAD:
            index.absorb(after, into=contact)
        else:
            index.flag_conflict(contact, after)
    bsuid = new.person.bsuid
    if bsuid and (index.regains_bsuid(contact, bsuid, time) or index.find(replace(new, person=Person(bsuid=bsuid))) is None):
        index.replace_bsuid(contact, bsuid, time)
    if new.person.wa_id:
        index.set_phone(contact, new.person.wa_id, time)
    if not change.new.bsuid and contact.wa_id and contact.wa_id != identifiers[0] and contact.bsuid == identifiers[1]:
        # With another phone comes another BSUID, which this old kind of event does not contain.
        index.replace_bsuid(contact, None, time)
    _retire_old(index, contact, old, new.person)
    index.save()
    _remove_conflict(contact, change.old.wa_id)
    return IdentityChangeResult(contact, time, index.absorbed, stored_time if stored_time and stored_time > time else None)


def _in_known_form(index: IdentityIndex, change: IdentityChange, old: NamedPerson) -> IdentityChange:
    """Returns the change with the old phone in the form that the contact has or had."""
    contact = index.find(old)
    forms = variants(change.old.wa_id) if contact and change.old.wa_id else ()
    known = [form for form in forms if contact and (form == contact.wa_id or index.is_retired(contact, WA_ID, form))]
    return replace(change, old=replace(change.old, wa_id=known[0])) if known else change


def _stored_time(index: IdentityIndex, change: IdentityChange, old: NamedPerson) -> datetime | None:
    """Returns the time of the change if it was applied before: the old identifiers were retired then."""
    contact = index.find(old)
    if contact is None:
        return None
    pairs = ((WA_ID, change.old.wa_id, change.new.wa_id), (BSUID, change.old.bsuid, change.new.bsuid))
    times = [index.retired_at(contact, kind, value) for kind, value, new in pairs if value and value != new]
    return min(filter(None, times), default=None)


def _first_seen(index: IdentityIndex, change: IdentityChange, old: NamedPerson, new: NamedPerson) -> datetime | None:
    """Returns since when another contact has the new BSUID: the change was not later than that."""
    contact = index.find(new)
    has_new_bsuid = contact is not None and change.new.bsuid is not None and contact.bsuid == change.new.bsuid
    return contact.create_in if contact and has_new_bsuid and contact is not index.find(old) else None


def _retire_old(index: IdentityIndex, contact: Contact, old: NamedPerson, new: Person) -> None:
    person = old.person
    if person.wa_id and person.wa_id == contact.wa_id != new.wa_id and contact.bsuid:
        index.set_phone(contact, None, old.time)  # the phone changed and the new one is not shared
    for kind, value, current in ((WA_ID, person.wa_id, contact.wa_id), (BSUID, person.bsuid, contact.bsuid)):
        if value and value != current:
            index.retire(contact, kind, value, old.time)


def _remove_conflict(contact: Contact, wa_id: str | None) -> None:
    """Removes the conflict with a contact that was seen with the phone before the hub knew that this contact had given it up."""
    rival = contact.conflicts_with if wa_id and contact.wa_id != wa_id else None
    if rival and rival.wa_id == wa_id:
        Contact.objects.filter(pk=rival.pk, conflicts_with=contact).update(conflicts_with=None)
        contact.conflicts_with = None
        contact.save(update_fields=["conflicts_with"])
