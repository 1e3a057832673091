"""A person's identifiers change: the contact and its conversation stay, the old identifiers are kept as retired (reference 5.4).

The event may come before or after the first message under the new identifiers, twice, or late. What it says is Meta's word that two
identifiers are one person, so a contact that only came to be because the event was late is taken up into the one it belongs to. A
contact that had the new identifiers before the change is somebody else: both are flagged, and nothing moves.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from cloud_api.payloads import IdentityChange, Person
from contacts.models import Contact, RetiredIdentity
from organizations.models import PhoneNumber

WA_ID, BSUID = RetiredIdentity.Kind.WA_ID, RetiredIdentity.Kind.BSUID


@dataclass(frozen=True, slots=True)
class Outcome:
    """The person's contact, and one that turned out to be the same person: its conversation has to move, then it has to go."""

    contact: Contact
    absorbed: Contact | None = None


def change_identity(number: PhoneNumber, change: IdentityChange, at: datetime) -> Outcome:
    """Apply the change as of `at`. Must run in a transaction; the contacts it returns are locked."""
    before, after = _contacts(number, change)
    if before is None and after is None:
        after = Contact.objects.create(
            create_for_phone_number=number,
            wa_id=change.new.wa_id,
            bsuid=change.new.bsuid,
            profile=number.default_profile,
            create_in=at,
        )
    if before is None or before == after:
        assert after is not None
        _move(after, change.old, change.new, at)
        return Outcome(after)
    if after is None:
        _move(before, change.old, change.new, at)
        return Outcome(before)
    if after.create_in < at:
        _flag(before, after)
        return Outcome(before)
    return Outcome(before, absorbed=_take_up(before, after, change, at))


def _contacts(number: PhoneNumber, change: IdentityChange) -> tuple[Contact | None, Contact | None]:
    ids = {person: _find(number, person) for person in (change.old, change.new)}
    known = [pk for pk in ids.values() if pk]
    locked = {contact.pk: contact for contact in Contact.objects.select_for_update().filter(pk__in=known).order_by("pk")}
    return locked.get(ids[change.old] or 0), locked.get(ids[change.new] or 0)


def _find(number: PhoneNumber, person: Person) -> int | None:
    """The id of whoever has one of these identifiers, or had; a BSUID says more than a phone, and now more than then."""
    for kind, value in ((BSUID, person.bsuid), (WA_ID, person.wa_id)):
        if not value:
            continue
        now = Contact.objects.filter(Q(**{"create_for_phone_number": number, kind: value}))
        former = RetiredIdentity.objects.filter(phone_number_id=number.phone_number_id, kind=kind, value=value)
        pk = now.values_list("pk", flat=True).first()
        pk = pk or former.order_by("-retired_at").values_list("contact_id", flat=True).first()
        if pk:
            return pk
    return None


def _move(contact: Contact, old: Person, new: Person, at: datetime) -> None:
    """Retire the old identifiers and put the new ones in their place, unless they are of the past themselves."""
    for kind, old_value, new_value in ((WA_ID, old.wa_id, new.wa_id), (BSUID, old.bsuid, new.bsuid)):
        current = getattr(contact, kind)
        if new_value and new_value != current and not _is_retired(contact, kind, new_value):
            if current:
                _retire(contact, kind, current, at)
            setattr(contact, kind, new_value)
        if old_value and old_value != getattr(contact, kind):
            _retire(contact, kind, old_value, at)
    if not new.wa_id and old.wa_id and contact.wa_id == old.wa_id and contact.bsuid:
        _retire(contact, WA_ID, old.wa_id, at)  # the phone changed and the new one is not shared
        contact.wa_id = None
    contact.save(update_fields=["wa_id", "bsuid"])


def _take_up(contact: Contact, absorbed: Contact, change: IdentityChange, at: datetime) -> Contact:
    """Give the contact what the absorbed one is known by."""
    for identity in absorbed.retired_identities.all():
        _retire(contact, identity.kind, identity.value, identity.retired_at)
    latest = Person(wa_id=absorbed.wa_id, bsuid=absorbed.bsuid)
    absorbed.retired_identities.all().delete()
    Contact.objects.filter(pk=absorbed.pk).update(wa_id=f"absorbed:{absorbed.pk}", bsuid=None)
    _move(contact, change.old, change.new, at)
    _move(contact, Person(), latest, at)
    return absorbed


def _is_retired(contact: Contact, kind: str, value: str) -> bool:
    return contact.retired_identities.filter(kind=kind, value=value).exists()


def _retire(contact: Contact, kind: str, value: str, at: datetime) -> None:
    """The identifier was this contact's until `at`; told twice, the earlier time counts."""
    identity, new = RetiredIdentity.objects.get_or_create(
        phone_number_id=contact.create_for_phone_number_id,
        kind=kind,
        value=value,
        contact=contact,
        defaults={"retired_at": at},
    )
    if not new and at < identity.retired_at:
        identity.retired_at = at
        identity.save(update_fields=["retired_at"])


def _flag(one: Contact, other: Contact) -> None:
    for contact, rival in ((one, other), (other, one)):
        if contact.conflicts_with_id is None:
            contact.conflicts_with = rival
            contact.save(update_fields=["conflicts_with"])
