"""Who is who: the persons that webhooks name become contacts (reference 5.5).

A person is found by BSUID, then by `wa_id`, else is new. A missing identifier is added to the contact that has the other. Identifiers
that point to two contacts are never merged here: the BSUID's contact gets the message, and both are flagged for a person to look
at. Retired identifiers still find their person, for messages sent before the change; a BSUID never gets a second owner, a phone may.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from cloud_api.payloads import Person
from contacts.models import Contact, RetiredIdentity
from jobs.inserting import insert_rows
from organizations.models import PhoneNumber

WA_ID, BSUID = RetiredIdentity.Kind.WA_ID, RetiredIdentity.Kind.BSUID


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person named at a time on a number."""

    number: PhoneNumber
    person: Person
    at: datetime


def resolve(sightings: Sequence[Sighting]) -> list[Contact]:
    """The contact of each sighting, locked until the transaction ends; new ones are stored. One contact is one object, however often
    it was seen. Must run in a transaction."""
    book = AddressBook.load(sightings)
    order = sorted(range(len(sightings)), key=lambda place: sightings[place].at)
    found: dict[int, Contact] = {place: book.find_or_add(sightings[place]) for place in order}
    book.save()
    return [found[place] for place in range(len(sightings))]


@dataclass
class AddressBook:
    """The contacts that a group of sightings may mean, by each of their identifiers. Keys are (phone_number_id, kind, value)."""

    current: dict[tuple[str, str, str], Contact] = field(default_factory=dict)
    retired: dict[tuple[str, str, str], list[tuple[datetime, Contact]]] = field(default_factory=dict)
    added: list[Contact] = field(default_factory=list)
    conflicts: list[tuple[Contact, Contact]] = field(default_factory=list)
    changed: dict[int, Contact] = field(default_factory=dict)

    @classmethod
    def load(cls, sightings: Iterable[Sighting]) -> "AddressBook":
        """Everything the database has on these persons; the contacts are locked in the order of their ids."""
        named = _identifiers(sightings)
        former = list(RetiredIdentity.objects.filter(_retired(named)))
        ids = {identity.contact_id for identity in former}
        for kind in (WA_ID, BSUID):
            ids.update(Contact.objects.filter(_holding(named, kind)).values_list("pk", flat=True))
        contacts = {contact.pk: contact for contact in Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
        book = cls()
        for contact in contacts.values():
            book._index(contact)
        for identity in former:
            key = (identity.phone_number_id, identity.kind, identity.value)
            book.retired.setdefault(key, []).append((identity.retired_at, contacts[identity.contact_id]))
        return book

    def find_or_add(self, sighting: Sighting) -> Contact:
        number, person = sighting.number.phone_number_id, sighting.person
        contact = self._by_bsuid(number, person.bsuid) or self._by_wa_id(sighting)
        if contact is None:
            return self._add(sighting)
        self._complete(contact, sighting)
        return contact

    def save(self) -> None:
        """Store new contacts, new identifiers and flags. IntegrityError if somebody else just stored the same."""
        if self.added:
            insert_rows(self.added)
            _learn_keys(self.added)
        for one, other in self.conflicts:
            for contact, rival in ((one, other), (other, one)):
                contact.conflicts_with_id = contact.conflicts_with_id or rival.pk
                self.changed[contact.pk] = contact
        for contact in self.changed.values():
            contact.save(update_fields=["wa_id", "bsuid", "conflicts_with"])

    def _by_bsuid(self, number: str, bsuid: str | None) -> Contact | None:
        if bsuid is None:
            return None
        key = (number, BSUID, bsuid)
        return self.current.get(key) or next((contact for _, contact in self.retired.get(key, ())), None)

    def _by_wa_id(self, sighting: Sighting) -> Contact | None:
        """Who had the phone when it was seen. A phone seen with a BSUID that is not its contact's is not that contact."""
        if sighting.person.wa_id is None:
            return None
        key = (sighting.number.phone_number_id, WA_ID, sighting.person.wa_id)
        former = [entry for entry in self.retired.get(key, ()) if sighting.at < entry[0]]
        if former:
            return min(former, key=lambda entry: entry[0])[1]
        holder = self.current.get(key)
        if holder and holder.bsuid and sighting.person.bsuid:
            return None
        return holder

    def _add(self, sighting: Sighting) -> Contact:
        number, person = sighting.number, sighting.person
        holder = self.current.get((number.phone_number_id, WA_ID, person.wa_id or ""))
        contact = Contact(
            create_for_phone_number=number,
            wa_id=None if holder else person.wa_id,
            bsuid=person.bsuid,
            profile=number.default_profile,
            create_in=sighting.at,
        )
        self.added.append(contact)
        self._index(contact)
        if holder:
            self.conflicts.append((contact, holder))
        return contact

    def _complete(self, contact: Contact, sighting: Sighting) -> None:
        number, person = sighting.number.phone_number_id, sighting.person
        if person.bsuid and contact.bsuid is None and not self._is_retired(contact, BSUID, person.bsuid):
            contact.bsuid = person.bsuid
            self._note(contact)
        if person.wa_id is None or person.wa_id == contact.wa_id or self._is_retired(contact, WA_ID, person.wa_id):
            return
        holder = self.current.get((number, WA_ID, person.wa_id))
        if holder is not None and holder is not contact:
            self.conflicts.append((contact, holder))
        elif contact.wa_id is None:
            contact.wa_id = person.wa_id
            self._note(contact)

    def _is_retired(self, contact: Contact, kind: str, value: str) -> bool:
        former = self.retired.get((contact.create_for_phone_number_id, kind, value), ())
        return any(owner is contact for _, owner in former)

    def _note(self, contact: Contact) -> None:
        if contact.pk is not None:
            self.changed[contact.pk] = contact
        self._index(contact)

    def _index(self, contact: Contact) -> None:
        number = contact.create_for_phone_number_id
        if contact.bsuid:
            self.current[number, BSUID, contact.bsuid] = contact
        if contact.wa_id:
            self.current[number, WA_ID, contact.wa_id] = contact


def _identifiers(sightings: Iterable[Sighting]) -> dict[str, dict[str, set[str]]]:
    """Which values of which kind each number's sightings name."""
    named: dict[str, dict[str, set[str]]] = {}
    for sighting in sightings:
        values = named.setdefault(sighting.number.phone_number_id, {WA_ID: set(), BSUID: set()})
        if sighting.person.wa_id:
            values[WA_ID].add(sighting.person.wa_id)
        if sighting.person.bsuid:
            values[BSUID].add(sighting.person.bsuid)
    return named


def _holding(named: dict[str, dict[str, set[str]]], kind: str) -> Q:
    """Contacts that have one of the values now. One kind at a time, so that each query has its index."""
    which = Q(pk__in=[])
    for number, values in named.items():
        which |= Q(**{"create_for_phone_number": number, f"{kind}__in": values[kind]})
    return which


def _retired(named: dict[str, dict[str, set[str]]]) -> Q:
    which = Q(pk__in=[])
    for number, values in named.items():
        for kind in (WA_ID, BSUID):
            which |= Q(phone_number_id=number, kind=kind, value__in=values[kind])
    return which


def _learn_keys(added: Sequence[Contact]) -> None:
    """Rows inserted together are not told their ids."""
    named: dict[str, dict[str, set[str]]] = {}
    for contact in added:
        values = named.setdefault(contact.create_for_phone_number_id, {WA_ID: set(), BSUID: set()})
        values[BSUID if contact.bsuid else WA_ID].add(contact.bsuid or contact.wa_id or "")
    keys = {}
    for kind in (WA_ID, BSUID):
        for pk, number, value in Contact.objects.filter(_holding(named, kind)).values_list("pk", "create_for_phone_number", kind):
            keys[number, kind, value] = pk
    for contact in added:
        kind = BSUID if contact.bsuid else WA_ID
        contact.pk = keys[contact.create_for_phone_number_id, kind, contact.bsuid or contact.wa_id]
