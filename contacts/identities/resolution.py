"""Finds or creates the contacts of the persons that webhooks name (docs/meta-platform.md 5.5).

A person is found by BSUID, then by `wa_id`. A person who is not found is new. A missing identifier is added to the contact that has
the other one.

- A BSUID always belongs to the same person. A phone may get another owner. So a phone with a BSUID that is not its contact's
  belongs to another person. The contacts are not merged: both are flagged, and a person decides.
- Address books, preferences and changes of numbers may name the other form of a phone. A contact with exactly this form comes
  first. The other form finds a contact too, and does not replace its phone.
- A phone belongs to the contact that was last seen with it, by the times of the messages. So their order of arrival does not
  matter.
- A contact that staff typed in, and that WhatsApp has not confirmed, is the person whom WhatsApp shows with its phone. If that is
  another contact already, it absorbs the typed one.
- Identifiers that a contact no longer has are kept as retired. They still find the contact for messages that were sent before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from django.db.models import Q
from django.utils import timezone

from cloud_api.payloads import Person
from cloud_api.wa_ids import same_person_key, variants
from contacts.change_log import move_changes
from contacts.contact_events import changed_event, created_events
from contacts.models import Contact, Note, RetiredIdentity, phone_key, reversed_phone
from jobs.bulk_writes import insert_rows, update_rows
from organizations.events.outbox import record_events, reports_events
from organizations.models import PhoneNumber

WA_ID, BSUID = RetiredIdentity.Kind.WA_ID, RetiredIdentity.Kind.BSUID
IDENTITY_COLUMNS = ("wa_id", "wa_id_at", "phone_key", "reversed_phone", "bsuid")
IdentityKey = tuple[str, str, str]
"""Of an identifier: phone_number_id, kind, value."""
Values = dict[tuple[str, str], set[str]]
"""Values of identifiers by their (phone_number_id, kind)."""
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""`wa_id_at` of a phone that only items without a date name. Every dated item is later."""


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """A person that an item of a number names, and the time of the item.

    If the item is not dated, `time` is its arrival. It is not known since when the person has had the phone. So the phone never
    replaces one that a dated item names.

    `is_exact`: the phone has the form that WhatsApp has. Otherwise it may be the other form of a contact's phone, with or without
    its optional digit (docs/meta-platform.md 6).

    `is_shown`: WhatsApp shows that the person has the phone. Otherwise somebody wrote it into an address book, as if staff had
    typed it in.
    """

    number: PhoneNumber
    person: Person
    time: datetime
    is_dated: bool = True
    is_exact: bool = True
    is_shown: bool = True

    @property
    def keys(self) -> list[IdentityKey]:
        """The identifiers, the BSUID first, because it is unique to the person."""
        values = ((BSUID, self.person.bsuid), (WA_ID, self.person.wa_id))
        return [(self.number.phone_number_id, kind, value) for kind, value in values if value]

    @property
    def phone_key(self) -> IdentityKey | None:
        return (self.number.phone_number_id, WA_ID, self.person.wa_id) if self.person.wa_id else None

    @property
    def lookup_keys(self) -> list[IdentityKey]:
        """The identifiers under which a contact may be known, those that the item names first."""
        other_forms = variants(self.person.wa_id)[1:] if self.person.wa_id and not self.is_exact else ()
        return [*self.keys, *((self.number.phone_number_id, WA_ID.value, value) for value in other_forms)]


@dataclass(frozen=True, slots=True)
class Absorbed:
    """A contact that is the same person as another one. The caller moves its conversation and deletes it."""

    contact: Contact
    into: Contact


def resolve_contacts(persons: Sequence[NamedPerson]) -> tuple[list[Contact], list[Absorbed]]:
    """Returns the contact of each person, locked until the transaction ends, and the contacts that are absorbed. New contacts are
    stored. Each contact is one object, even if several persons are resolved to it. The caller saves its `wa_id_at`. Must run in a
    transaction."""
    index = IdentityIndex.load(persons)
    found: dict[int, Contact] = {}
    for position in sorted(range(len(persons)), key=lambda position: persons[position].time):
        found[position] = index.find_or_add(persons[position])
    index.save()
    into = {id(each.contact): each.into for each in index.absorbed}
    return [_follow(found[position], into) for position in range(len(persons))], index.absorbed


def _follow(contact: Contact, into: Mapping[int, Contact]) -> Contact:
    """The contact that is left of it, if others absorbed it one after the other."""
    while id(contact) in into:
        contact = into[id(contact)]
    return contact


def flag_conflicts(pairs: Iterable[tuple[Contact, Contact]]) -> None:
    """Marks the contacts of each pair as in conflict with each other, so that a person decides. Those that have a conflict keep
    it. The contacts are locked, and saved."""
    flagged: dict[int, Contact] = {}
    for one, other in pairs:
        for contact, rival in ((one, other), (other, one)):
            if contact.conflicts_with_id is None:
                contact.conflicts_with_id = rival.pk
                flagged[contact.pk] = contact
    update_rows(list(flagged.values()), ["conflicts_with_id"])


class IdentityIndex:
    """The contacts of some persons by each identifier that they have or had, and the changes to them until `save`."""

    def __init__(self) -> None:
        self.absorbed: list[Absorbed] = []
        self._current: dict[IdentityKey, Contact] = {}
        self._retired: dict[IdentityKey, list[RetiredIdentity]] = defaultdict(list)
        self._retired_of: dict[int, list[RetiredIdentity]] = defaultdict(list)
        self._added: list[Contact] = []
        self._numbers: dict[str, PhoneNumber] = {}
        self._changed: dict[int, Contact] = {}
        self._changed_fields: dict[int, set[str]] = defaultdict(set)
        """Fields of stored contacts, by the Python ids of the contacts."""
        self._changed_retired: dict[int, RetiredIdentity] = {}
        self._conflicts: list[tuple[Contact, Contact]] = []
        self._typed_in: dict[tuple[str, str], Contact] = {}
        """By number and `phone_key`, contacts that staff typed in and that WhatsApp has not confirmed yet."""

    @classmethod
    def load(cls, persons: Sequence[NamedPerson], *, with_all_retired: bool = False) -> Self:
        """Loads the contacts of these persons. They are locked until the transaction ends, in the order of their ids, so that two
        workers never wait for each other.

        `with_all_retired` also loads the retired identifiers of contacts that are found by a current one. That is needed where two
        of the contacts may be merged.
        """
        values = _values_by_kind(key for person in persons for key in person.lookup_keys)
        by_retired = set(RetiredIdentity.objects.filter(_had_identifier(values)).values_list("contact", flat=True))
        ids = set(by_retired)
        found: set[IdentityKey] = set()
        for kind in (BSUID, WA_ID):  # one at a time, so that each query has its index
            rows = Contact.objects.filter(_has_identifier(values, kind))
            for pk, number, value in rows.values_list("pk", "create_for_phone_number", kind):
                ids.add(pk)
                found.add((number, kind, value))
        ids.update(_typed_in_ids(person for person in persons if person.phone_key not in found))
        index = cls()
        index._numbers = {person.number.phone_number_id: person.number for person in persons}
        contacts = {each.pk: each for each in Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
        for contact in contacts.values():
            index._add_to_index(contact)
        with_retired = set(contacts) if with_all_retired else by_retired & set(contacts)
        for identity in RetiredIdentity.objects.filter(contact__in=with_retired) if with_retired else ():
            identity.contact = contacts[identity.contact_id]
            index._add_retired_to_index(identity)
        return index

    def find(self, person: NamedPerson) -> Contact | None:
        """Returns the contact that had these identifiers at the time."""
        for key in person.lookup_keys:
            contact = self._find_by_bsuid(key) if key[1] == BSUID else self._find_by_phone(key, person)
            if contact:
                return contact
        return None

    def find_or_add(self, named: NamedPerson) -> Contact:
        """Returns the contact of the person, updated with the person's identifiers."""
        known, person = self.find(named), named.person
        contact = known or self.add(named)
        if person.bsuid and self.is_retired(contact, BSUID, person.bsuid):
            return contact  # the item is from before the change, whatever its time
        if person.bsuid and contact.bsuid is None:
            self._set_bsuid(contact, person.bsuid)
        if person.wa_id and not named.is_exact and _has_other_form(contact, person.wa_id):
            return contact
        if not named.is_shown:
            if known is None:
                self._write_phone(contact, person.wa_id, None)
        elif person.wa_id and named.is_dated:
            self.set_phone(contact, person.wa_id, named.time)
        elif person.wa_id:
            self._set_undated_phone(contact, person.wa_id)
        return contact

    def add(self, named: NamedPerson) -> Contact:
        """Adds a contact with the person's BSUID, if there is one. The caller sets its phone."""
        contact = Contact(
            create_for_phone_number=named.number,
            organization_id=named.number.organization_id,
            bsuid=named.person.bsuid,
            create_in=named.time,
            **named.number.contact_defaults,
        )
        self._added.append(contact)
        self._add_to_index(contact)
        return contact

    def set_phone(self, contact: Contact, wa_id: str | None, time: datetime) -> None:
        """Applies that the person had this phone at the time, or (None) no known phone. The latest time counts."""
        if wa_id == contact.wa_id:
            if contact.wa_id_at is None:  # confirmed now: the next unknown person with a similar phone is another one
                self._typed_in.pop((contact.create_for_phone_number_id, contact.phone_key), None)
                self._mark_changed(contact)
            contact.wa_id_at = max(contact.wa_id_at or time, time)
        elif contact.wa_id_at and (time, wa_id or "") < (contact.wa_id_at, contact.wa_id or ""):
            if wa_id and not self.is_retired(contact, WA_ID, wa_id):
                self.retire(contact, WA_ID, wa_id, contact.wa_id_at)
        elif wa_id is None or self._take_phone(contact, wa_id, time):
            self._change_phone(contact, wa_id, time)

    def replace_bsuid(self, contact: Contact, bsuid: str | None, time: datetime) -> None:
        """Sets the BSUID that the person has since this time, and retires the one before. None if it is not known."""
        if contact.bsuid and contact.bsuid != bsuid:
            self.retire(contact, BSUID, contact.bsuid, time)
        if bsuid:
            self._regain(contact, BSUID, bsuid, time)
        self._set_bsuid(contact, bsuid)

    def regains_bsuid(self, contact: Contact, bsuid: str, time: datetime) -> bool:
        """Returns whether the contact had the BSUID until a time before this one, and can have it again."""
        retired_at = self.retired_at(contact, BSUID, bsuid)
        return retired_at is not None and retired_at <= time

    def retire(self, contact: Contact, kind: str, value: str, time: datetime) -> None:
        """Stores that the contact had the identifier until this time. If that is stored already, the earlier time counts."""
        identity = self._find_retired(contact, kind, value)
        if identity is None:
            number = contact.create_for_phone_number_id
            identity = RetiredIdentity(contact=contact, phone_number_id=number, kind=kind, value=value, retired_at=time)
            self._add_retired_to_index(identity)
        identity.retired_at = min(identity.retired_at, time)
        self._changed_retired[id(identity)] = identity

    def flag_conflict(self, one: Contact, other: Contact) -> None:
        """Marks that the contacts share an identifier, so that a person decides."""
        self._conflicts.append((one, other))

    def absorb(self, absorbed: Contact, into: Contact) -> None:
        """Moves everything that identifies `absorbed` to `into`, who is the same person, and in `save` what staff wrote."""
        wa_id, bsuid = absorbed.wa_id, absorbed.bsuid
        self._remove_from_index(absorbed)
        Contact.objects.filter(pk=absorbed.pk).update(wa_id=f"absorbed:{absorbed.pk}", bsuid=None)
        self._changed.pop(id(absorbed), None)
        for identity in self._retired_of.pop(id(absorbed), ()):
            self._retired[_key(identity)].remove(identity)
            self.retire(into, identity.kind, identity.value, identity.retired_at)
        self.absorbed.append(Absorbed(absorbed, into))
        if bsuid and not self.is_retired(into, BSUID, bsuid):
            self.replace_bsuid(into, bsuid, absorbed.create_in)
        if wa_id and absorbed.wa_id_at:
            self.set_phone(into, wa_id, absorbed.wa_id_at)

    def save(self) -> None:
        """Stores the changes. Raises IntegrityError if another transaction has just stored the same identifier."""
        changed = sorted(self._changed.values(), key=lambda contact: contact.wa_id is not None)
        if len(changed) > 1:  # a phone may move between them, and the unique constraint allows two owners at no time
            Contact.objects.filter(pk__in=[each.pk for each in changed], bsuid__isnull=False).update(wa_id=None)
        update_rows(changed, IDENTITY_COLUMNS)
        if self._added:
            insert_rows(self._added)
            _set_ids(self._added)
        retired = list(self._changed_retired.values())
        for identity in retired:
            identity.contact_id = identity.contact.pk  # a new contact has its id only now
        insert_rows([identity for identity in retired if identity.pk is None])
        update_rows([identity for identity in retired if identity.pk], ["retired_at"])
        for each in self.absorbed:
            _move_conflicts(each.contact, each.into)
            _move_what_staff_wrote(each.contact, each.into)
        flag_conflicts(self._conflicts)
        self._record_events()

    def _record_events(self) -> None:
        """Reports contacts that are new, and those with other identifiers, to other systems."""
        if any(map(reports_events, self._numbers.values())):
            now = timezone.now()
            changed = [(contact, self._changed_fields[id(contact)]) for contact in self._changed.values()]
            events = [changed_event(contact, fields, now) for contact, fields in changed if fields]
            record_events([*created_events(self._added, now), *events])

    def is_retired(self, contact: Contact, kind: str, value: str) -> bool:
        """Whether the contact had the identifier earlier."""
        return self._find_retired(contact, kind, value) is not None

    def retired_at(self, contact: Contact, kind: str, value: str) -> datetime | None:
        """Returns until when the contact had the identifier. None if it still has it, or never had it."""
        identity = self._find_retired(contact, kind, value)
        return identity.retired_at if identity else None

    def _find_by_bsuid(self, key: IdentityKey) -> Contact | None:
        retired = self._retired.get(key)
        return self._current.get(key) or (retired[0].contact if retired else None)

    def _find_by_phone(self, key: IdentityKey, named: NamedPerson) -> Contact | None:
        retired = sorted(self._retired.get(key, ()), key=lambda identity: identity.retired_at)
        owners = [identity.contact for identity in retired if named.time <= identity.retired_at]
        owners += [self._current[key]] if key in self._current else []
        found = next((each for each in owners if not named.person.bsuid or not self._bsuid_at(each, named.time)), None)
        return found or self._typed_in.get((key[0], same_person_key(key[2])))

    def _bsuid_at(self, contact: Contact, time: datetime) -> str | None:
        retired = [each for each in self._retired_of.get(id(contact), ()) if each.kind == BSUID and time <= each.retired_at]
        bsuid = min(retired, key=lambda identity: identity.retired_at).value if retired else contact.bsuid
        return str(bsuid) if bsuid else None

    def _find_retired(self, contact: Contact, kind: str, value: str) -> RetiredIdentity | None:
        retired = self._retired_of.get(id(contact), ())
        return next((each for each in retired if (each.kind, each.value) == (kind, value)), None)

    def _take_phone(self, contact: Contact, wa_id: str, time: datetime) -> bool:
        """Takes the phone from the contact that has it. Returns whether `contact` may have it.

        The two contacts are in conflict. The owner loses the phone if it was seen with it earlier, and if it has another
        identifier. A contact that staff typed in is the same person.
        """
        self._absorb_typed_in(contact, wa_id)
        owner = self._current.get((contact.create_for_phone_number_id, WA_ID, wa_id))
        if owner is None:
            return True
        self.flag_conflict(contact, owner)
        if owner.bsuid is None:
            return False
        if owner.wa_id_at and time <= owner.wa_id_at:
            self.retire(contact, WA_ID, wa_id, owner.wa_id_at)
            if contact.wa_id is None:
                self._write_phone(contact, None, time)
            return False
        if owner.wa_id_at == UNDATED:
            self._write_phone(owner, None, None)
        else:
            self.retire(owner, WA_ID, wa_id, time)
            self._write_phone(owner, None, owner.wa_id_at)
        return True

    def _absorb_typed_in(self, contact: Contact, wa_id: str) -> None:
        typed_in = self._typed_in.get((contact.create_for_phone_number_id, same_person_key(wa_id)))
        if typed_in and typed_in is not contact and typed_in.is_unconfirmed:
            self.absorb(typed_in, into=contact)

    def _set_undated_phone(self, contact: Contact, wa_id: str) -> None:
        """Applies that the person has this phone, or had it earlier. That counts only if nothing else is known of the phone."""
        if contact.wa_id not in (None, wa_id) or (contact.wa_id is None and contact.wa_id_at):
            return
        self._absorb_typed_in(contact, wa_id)
        owner = self._current.get((contact.create_for_phone_number_id, WA_ID, wa_id))
        if owner is None or owner is contact:
            self.set_phone(contact, wa_id, UNDATED)
        else:
            self.flag_conflict(contact, owner)

    def _change_phone(self, contact: Contact, wa_id: str | None, time: datetime) -> None:
        if contact.wa_id and contact.wa_id_at not in (None, UNDATED):  # a phone that staff typed in was never seen
            self.retire(contact, WA_ID, contact.wa_id, time)
        if wa_id:
            self._regain(contact, WA_ID, wa_id, time)
        self._write_phone(contact, wa_id, time)

    def _regain(self, contact: Contact, kind: str, value: str, time: datetime) -> None:
        """Deletes that the contact had the identifier until a time before this one: it has it again."""
        if (regained := self._find_retired(contact, kind, value)) and regained.retired_at <= time:
            self._delete_retired(regained)

    def _write_phone(self, contact: Contact, wa_id: str | None, time: datetime | None) -> None:
        self._remove_from_index(contact)
        contact.wa_id, contact.wa_id_at = wa_id, time
        contact.phone_key, contact.reversed_phone = phone_key(contact), reversed_phone(contact)
        self._add_to_index(contact)
        self._mark_changed(contact)
        self._changed_fields[id(contact)].add("wa_id")

    def _set_bsuid(self, contact: Contact, bsuid: str | None) -> None:
        self._remove_from_index(contact)
        contact.bsuid = bsuid
        self._add_to_index(contact)
        self._mark_changed(contact)
        self._changed_fields[id(contact)].add("bsuid")

    def _delete_retired(self, identity: RetiredIdentity) -> None:
        self._retired[_key(identity)].remove(identity)
        self._retired_of[id(identity.contact)].remove(identity)
        self._changed_retired.pop(id(identity), None)
        if identity.pk:
            identity.delete()

    def _mark_changed(self, contact: Contact) -> None:
        if contact.pk is not None:
            self._changed[id(contact)] = contact

    def _add_to_index(self, contact: Contact) -> None:
        for key in _keys(contact):
            self._current[key] = contact
        if contact.pk and contact.wa_id and contact.wa_id_at is None:
            self._typed_in[contact.create_for_phone_number_id, contact.phone_key] = contact

    def _remove_from_index(self, contact: Contact) -> None:
        for key in _keys(contact):
            if self._current.get(key) is contact:
                del self._current[key]
        self._typed_in.pop((contact.create_for_phone_number_id, contact.phone_key), None)

    def _add_retired_to_index(self, identity: RetiredIdentity) -> None:
        self._retired[_key(identity)].append(identity)
        self._retired_of[id(identity.contact)].append(identity)


def _move_conflicts(absorbed: Contact, into: Contact) -> None:
    Contact.objects.filter(conflicts_with=absorbed).exclude(pk=into.pk).update(conflicts_with=into)
    if into.conflicts_with_id in (None, absorbed.pk):
        into.conflicts_with_id = absorbed.conflicts_with_id if absorbed.conflicts_with_id != into.pk else None
        into.save(update_fields=["conflicts_with"])


def _move_what_staff_wrote(absorbed: Contact, into: Contact) -> None:
    """Moves notes, changes, labels, alias and block. `chats.conversations.done_and_blocked.merged_done_until` computes what is
    done, which depends on messages."""
    Note.objects.filter(contact=absorbed).update(contact=into)
    move_changes(absorbed, into)
    into.labels.add(*absorbed.labels.all())
    into.alias = into.alias or absorbed.alias
    into.blocked_at = min(filter(None, (into.blocked_at, absorbed.blocked_at)), default=None)
    into.save(update_fields=["alias", "blocked_at"])


def _has_other_form(contact: Contact, wa_id: str) -> bool:
    """Whether the contact's phone is the other form of this one."""
    return contact.wa_id in variants(wa_id)[1:]


def _keys(contact: Contact) -> list[IdentityKey]:
    values = ((BSUID, contact.bsuid), (WA_ID, contact.wa_id))
    return [(contact.create_for_phone_number_id, kind, value) for kind, value in values if value]


def _key(identity: RetiredIdentity) -> IdentityKey:
    return identity.phone_number_id, identity.kind, identity.value


def _values_by_kind(keys: Iterable[IdentityKey]) -> Values:
    found: Values = defaultdict(set)
    for number, kind, value in keys:
        found[number, kind].add(value)
    return found


def _has_identifier(values: Values, kind: str) -> Q:
    """Returns the condition for contacts that have one of the values of this kind now."""
    condition = Q(pk__in=[])
    for (number, each), own in values.items():
        if each == kind:
            condition |= Q(**{"create_for_phone_number": number, f"{kind}__in": own})
    return condition


def _had_identifier(values: Values) -> Q:
    condition = Q(pk__in=[])
    for (number, kind), own in values.items():
        condition |= Q(phone_number_id=number, kind=kind, value__in=own)
    return condition


def _typed_in_ids(unknown: Iterable[NamedPerson]) -> set[int]:
    """Returns the ids of contacts that staff typed in, for persons who appear in WhatsApp for the first time.

    Staff may write or omit the optional digit of a number, without knowing which form WhatsApp has (docs/meta-platform.md 6).
    """
    phones: dict[int, set[str]] = defaultdict(set)
    for named in unknown:
        if named.person.wa_id:
            phones[named.number.organization_id].add(same_person_key(named.person.wa_id))
    condition = Q(pk__in=[])
    for organization_id, keys in phones.items():
        condition |= Q(organization=organization_id, phone_key__in=keys)
    return set(Contact.objects.filter(condition, wa_id_at=None, bsuid=None).values_list("pk", flat=True)) if phones else set()


def _set_ids(added: Sequence[Contact]) -> None:
    """Reads the ids of inserted contacts. MySQL returns no ids from a bulk insert."""
    by_key = {_keys(contact)[0]: contact for contact in added}
    values = _values_by_kind(by_key)
    for kind in (BSUID, WA_ID):
        rows = Contact.objects.filter(_has_identifier(values, kind)).values_list("pk", "create_for_phone_number", kind)
        for pk, number, value in rows:
            by_key[number, kind, value].pk = pk
