"""Who is who: the persons that webhooks name become contacts (docs/meta-platform.md 5.5).

A person is found by BSUID, then by `wa_id`, else is new; a missing identifier is added to the contact that has the other.

- A BSUID belongs to one person for ever. A phone may go to somebody else, so a phone seen with a BSUID that is not its contact's is
  another person's. Nothing is merged for that: both contacts are flagged for a person to look at.
- A phone is held by whoever was seen with it last, by the messages' own time, so the order of their arrival does not matter.
- What a contact no longer has is kept as retired, and still finds its person for messages sent before that.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from django.db.models import Q

from cloud_api.payloads import Person
from cloud_api.wa_ids import same_person_key
from contacts.changes import move_changes
from contacts.models import Contact, Note, RetiredIdentity, phone_key, reversed_phone
from jobs.inserting import insert_rows, update_rows
from organizations.models import PhoneNumber

WA_ID, BSUID = RetiredIdentity.Kind.WA_ID, RetiredIdentity.Kind.BSUID
IDENTITY = ("wa_id", "wa_id_at", "phone_key", "reversed_phone", "bsuid")
Key = tuple[str, str, str]
"""Of an identifier: phone_number_id, kind, value."""


UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a phone that is known only from a sighting which is not dated: every dated one is later."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A person named at a time on a number. If it is not dated, `at` is its arrival: nobody knows since when the person has had the
    phone, so it never counts against what a dated sighting says."""

    number: PhoneNumber
    person: Person
    at: datetime
    is_dated: bool = True

    @property
    def keys(self) -> list[Key]:
        """Its identifiers, the one that says more first."""
        values = ((BSUID, self.person.bsuid), (WA_ID, self.person.wa_id))
        return [(self.number.phone_number_id, kind, value) for kind, value in values if value]


def resolve(sightings: Sequence[Sighting]) -> list[Contact]:
    """The contact of each sighting, locked until the transaction ends; new ones are stored. One contact is one object, however
    often it was seen; its `wa_id_at` is for the caller to save. Must run in a transaction."""
    book = AddressBook.load(sightings)
    order = sorted(range(len(sightings)), key=lambda place: sightings[place].at)
    found = {place: book.find_or_add(sightings[place]) for place in order}
    book.save()
    return [found[place] for place in range(len(sightings))]


class AddressBook:
    """The contacts that some sightings may mean, by each identifier they have or had, and what changes about them."""

    def __init__(self) -> None:
        self._holders: dict[Key, Contact] = {}
        self._former: dict[Key, list[RetiredIdentity]] = defaultdict(list)
        self._former_of: dict[int, list[RetiredIdentity]] = defaultdict(list)
        self._added: list[Contact] = []
        self._changed: dict[int, Contact] = {}
        self._retired: dict[int, RetiredIdentity] = {}
        self._conflicts: list[tuple[Contact, Contact]] = []
        self._typed: dict[tuple[str, str], Contact] = {}
        """By number and `phone_key`, contacts that staff typed in and WhatsApp has not shown yet."""

    @classmethod
    def load(cls, sightings: Iterable[Sighting], *, whole_past: bool = False) -> Self:
        """Everything the database has on these persons. The contacts are locked until the transaction ends, in the order of their
        ids, so that two workers never wait for each other. With `whole_past` also what contacts are no longer known by, of those
        who are named by what they are known by now: two of them may become one."""
        named = _by_number_and_kind(key for sighting in sightings for key in sighting.keys)
        former = set(RetiredIdentity.objects.filter(_retired(named)).values_list("contact", flat=True))
        ids = set(former)
        found: set[Key] = set()
        for kind in (BSUID, WA_ID):  # one at a time, so that each query has its index
            for pk, number, value in Contact.objects.filter(_held(named, kind)).values_list("pk", "create_for_phone_number", kind):
                ids.add(pk)
                found.add((number, kind, value))
        ids.update(_typed_in(sighting for sighting in sightings if found.isdisjoint(sighting.keys)))
        book = cls()
        contacts = {each.pk: each for each in Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
        for contact in contacts.values():
            book._index(contact)
        with_past = set(contacts) if whole_past else former & set(contacts)
        for identity in RetiredIdentity.objects.filter(contact__in=with_past) if with_past else ():
            identity.contact = contacts[identity.contact_id]
            book._index_retired(identity)
        return book

    def find(self, sighting: Sighting) -> Contact | None:
        """Who had these identifiers at the time."""
        for key in sighting.keys:
            contact = self._by_bsuid(key) if key[1] == BSUID else self._by_phone(key, sighting)
            if contact:
                return contact
        return None

    def find_or_add(self, sighting: Sighting) -> Contact:
        """The contact that is meant, and has been told what the sighting says of its identifiers."""
        contact = self.find(sighting) or self.add(sighting)
        person = sighting.person
        if person.bsuid and self.had(contact, BSUID, person.bsuid):
            return contact  # a word from the past, whatever its time
        if person.bsuid and contact.bsuid is None:
            self.set_bsuid(contact, person.bsuid)
        if person.wa_id and sighting.is_dated:
            self.hear_phone(contact, person.wa_id, sighting.at)
        elif person.wa_id:
            self._hear_undated_phone(contact, person.wa_id)
        return contact

    def add(self, sighting: Sighting) -> Contact:
        """A new contact, known by the BSUID if there is one. Its phone has to be heard."""
        contact = Contact(
            create_for_phone_number=sighting.number,
            organization_id=sighting.number.organization_id,
            bsuid=sighting.person.bsuid,
            create_in=sighting.at,
            **sighting.number.defaults_of_contacts,
        )
        self._added.append(contact)
        self._index(contact)
        return contact

    def hear_phone(self, contact: Contact, wa_id: str | None, at: datetime) -> None:
        """At that time the person had this phone or, if None, no phone that is known. The latest word counts."""
        if wa_id == contact.wa_id:
            if contact.wa_id_at is None:  # no longer only typed in: the next stranger with such a phone is somebody else
                self._typed.pop((contact.create_for_phone_number_id, contact.phone_key), None)
                self._note(contact)
            contact.wa_id_at = max(contact.wa_id_at or at, at)
        elif contact.wa_id_at and (at, wa_id or "") < (contact.wa_id_at, contact.wa_id or ""):
            if wa_id and not self.had(contact, WA_ID, wa_id):
                self.retire(contact, WA_ID, wa_id, contact.wa_id_at)
        elif wa_id is None or self._take(contact, wa_id, at):
            self._set_phone(contact, wa_id, at)

    def _hear_undated_phone(self, contact: Contact, wa_id: str) -> None:
        """The person has this phone, or had it once: that counts where nothing else is known."""
        holder = self._holders.get((contact.create_for_phone_number_id, WA_ID, wa_id))
        if contact.wa_id not in (None, wa_id) or (contact.wa_id is None and contact.wa_id_at):
            return
        if holder in (None, contact):
            self.hear_phone(contact, wa_id, UNDATED)
        elif holder:
            self.flag(contact, holder)

    def set_bsuid(self, contact: Contact, bsuid: str | None) -> None:
        self._unindex(contact)
        contact.bsuid = bsuid
        self._index(contact)
        self._note(contact)

    def retire(self, contact: Contact, kind: str, value: str, until: datetime) -> None:
        """The identifier was this contact's until then; told twice, the earlier time counts."""
        identity = self._past(contact, kind, value)
        if identity is None:
            number = contact.create_for_phone_number_id
            identity = RetiredIdentity(contact=contact, phone_number_id=number, kind=kind, value=value, retired_at=until)
            self._index_retired(identity)
        identity.retired_at = min(identity.retired_at, until)
        self._retired[id(identity)] = identity

    def flag(self, one: Contact, other: Contact) -> None:
        """They have something in common that only a person can judge."""
        self._conflicts.append((one, other))

    def absorb(self, absorbed: Contact, into: Contact) -> None:
        """Give a contact all that another one is known by, who turned out to be the same person. The caller deletes that one."""
        wa_id, bsuid = absorbed.wa_id, absorbed.bsuid
        self._unindex(absorbed)
        Contact.objects.filter(pk=absorbed.pk).update(wa_id=f"absorbed:{absorbed.pk}", bsuid=None)
        self._changed.pop(id(absorbed), None)
        for identity in self._former_of.pop(id(absorbed), ()):
            self._former[_key(identity)].remove(identity)
            self.retire(into, identity.kind, identity.value, identity.retired_at)
        _inherit_flags(absorbed, into)
        _inherit_what_staff_wrote(absorbed, into)
        if bsuid and not self.had(into, BSUID, bsuid):
            self.replace_bsuid(into, bsuid, absorbed.create_in)
        if wa_id:
            self.hear_phone(into, wa_id, absorbed.wa_id_at or absorbed.create_in)

    def replace_bsuid(self, contact: Contact, bsuid: str | None, at: datetime) -> None:
        """From then on the person has this BSUID, if any."""
        if contact.bsuid and contact.bsuid != bsuid:
            self.retire(contact, BSUID, contact.bsuid, at)
        self.set_bsuid(contact, bsuid)

    def save(self) -> None:
        """Store what changed. IntegrityError if somebody else just stored the same."""
        changed = sorted(self._changed.values(), key=lambda contact: contact.wa_id is not None)
        if len(changed) > 1:  # a phone may go from one to another, and two must not have it even for a moment
            Contact.objects.filter(pk__in=[each.pk for each in changed], bsuid__isnull=False).update(wa_id=None)
        update_rows(changed, IDENTITY)
        if self._added:
            insert_rows(self._added)
            _learn_keys(self._added)
        retired = list(self._retired.values())
        for identity in retired:
            identity.contact_id = identity.contact.pk  # which a new contact has only now
        insert_rows([identity for identity in retired if identity.pk is None])
        update_rows([identity for identity in retired if identity.pk], ["retired_at"])
        flagged: dict[int, Contact] = {}
        for one, other in self._conflicts:
            for contact, rival in ((one, other), (other, one)):
                if contact.conflicts_with_id is None:
                    contact.conflicts_with_id = rival.pk
                    flagged[contact.pk] = contact
        update_rows(list(flagged.values()), ["conflicts_with_id"])

    def _by_bsuid(self, key: Key) -> Contact | None:
        former = self._former.get(key)
        return self._holders.get(key) or (former[0].contact if former else None)

    def _by_phone(self, key: Key, sighting: Sighting) -> Contact | None:
        former = sorted(self._former.get(key, ()), key=lambda identity: identity.retired_at)
        owners = [identity.contact for identity in former if sighting.at <= identity.retired_at]
        owners += [self._holders[key]] if key in self._holders else []
        known = next((each for each in owners if not sighting.person.bsuid or not self._bsuid_at(each, sighting.at)), None)
        return known or self._typed.get((key[0], same_person_key(key[2])))

    def _bsuid_at(self, contact: Contact, at: datetime) -> str | None:
        former = [each for each in self._former_of.get(id(contact), ()) if each.kind == BSUID and at <= each.retired_at]
        bsuid = min(former, key=lambda identity: identity.retired_at).value if former else contact.bsuid
        return str(bsuid) if bsuid else None

    def _past(self, contact: Contact, kind: str, value: str) -> RetiredIdentity | None:
        former = self._former_of.get(id(contact), ())
        return next((each for each in former if (each.kind, each.value) == (kind, value)), None)

    def had(self, contact: Contact, kind: str, value: str) -> bool:
        """Whether the identifier is one of the contact's past."""
        return self._past(contact, kind, value) is not None

    def retired_at(self, contact: Contact, kind: str, value: str) -> datetime | None:
        """Until when the contact had the identifier; None if it has it still, or never had it."""
        identity = self._past(contact, kind, value)
        return identity.retired_at if identity else None

    def _take(self, contact: Contact, wa_id: str, at: datetime) -> bool:
        """Whether the contact may have the phone. Whoever else has it is flagged, and loses it if seen with it earlier; but nobody
        loses the only thing they are known by."""
        holder = self._holders.get((contact.create_for_phone_number_id, WA_ID, wa_id))
        if holder is None:
            return True
        self.flag(contact, holder)
        if holder.bsuid is None:
            return False
        if holder.wa_id_at and at <= holder.wa_id_at:
            self.retire(contact, WA_ID, wa_id, holder.wa_id_at)
            if contact.wa_id is None:
                self._put_phone(contact, None, at)
            return False
        if holder.wa_id_at == UNDATED:
            self._put_phone(holder, None, None)
        else:
            self.retire(holder, WA_ID, wa_id, at)
            self._put_phone(holder, None, holder.wa_id_at)
        return True

    def _set_phone(self, contact: Contact, wa_id: str | None, at: datetime) -> None:
        if contact.wa_id and contact.wa_id_at not in (None, UNDATED):  # what staff typed was never seen
            self.retire(contact, WA_ID, contact.wa_id, at)
        if wa_id and (regained := self._past(contact, WA_ID, wa_id)) and regained.retired_at <= at:
            self._forget(regained)
        self._put_phone(contact, wa_id, at)

    def _put_phone(self, contact: Contact, wa_id: str | None, at: datetime | None) -> None:
        self._unindex(contact)
        contact.wa_id, contact.wa_id_at = wa_id, at
        contact.phone_key, contact.reversed_phone = phone_key(contact), reversed_phone(contact)
        self._index(contact)
        self._note(contact)

    def _forget(self, identity: RetiredIdentity) -> None:
        self._former[_key(identity)].remove(identity)
        self._former_of[id(identity.contact)].remove(identity)
        self._retired.pop(id(identity), None)
        if identity.pk:
            identity.delete()

    def _note(self, contact: Contact) -> None:
        if contact.pk is not None:
            self._changed[id(contact)] = contact

    def _index(self, contact: Contact) -> None:
        for key in _keys(contact):
            self._holders[key] = contact
        if contact.pk and contact.wa_id and contact.wa_id_at is None:
            self._typed[contact.create_for_phone_number_id, contact.phone_key] = contact

    def _unindex(self, contact: Contact) -> None:
        for key in _keys(contact):
            if self._holders.get(key) is contact:
                del self._holders[key]
        self._typed.pop((contact.create_for_phone_number_id, contact.phone_key), None)

    def _index_retired(self, identity: RetiredIdentity) -> None:
        self._former[_key(identity)].append(identity)
        self._former_of[id(identity.contact)].append(identity)


def _inherit_flags(absorbed: Contact, into: Contact) -> None:
    Contact.objects.filter(conflicts_with=absorbed).exclude(pk=into.pk).update(conflicts_with=into)
    if into.conflicts_with_id in (None, absorbed.pk):
        into.conflicts_with_id = absorbed.conflicts_with_id if absorbed.conflicts_with_id != into.pk else None
        into.save(update_fields=["conflicts_with"])


def _inherit_what_staff_wrote(absorbed: Contact, into: Contact) -> None:
    """Without what is done, which depends on messages: see `chats.attention.joint_done`."""
    Note.objects.filter(contact=absorbed).update(contact=into)
    move_changes(absorbed, into)
    into.labels.add(*absorbed.labels.all())
    into.alias = into.alias or absorbed.alias
    into.blocked_at = min(filter(None, (into.blocked_at, absorbed.blocked_at)), default=None)
    into.save(update_fields=["alias", "blocked_at"])


def _keys(contact: Contact) -> list[Key]:
    values = ((BSUID, contact.bsuid), (WA_ID, contact.wa_id))
    return [(contact.create_for_phone_number_id, kind, value) for kind, value in values if value]


def _key(identity: RetiredIdentity) -> Key:
    return identity.phone_number_id, identity.kind, identity.value


Named = dict[tuple[str, str], set[str]]
"""Values of identifiers by their (phone_number_id, kind)."""


def _by_number_and_kind(keys: Iterable[Key]) -> Named:
    named: Named = defaultdict(set)
    for number, kind, value in keys:
        named[number, kind].add(value)
    return named


def _held(named: Named, kind: str) -> Q:
    """Contacts that have one of the values of this kind now."""
    which = Q(pk__in=[])
    for (number, each), values in named.items():
        if each == kind:
            which |= Q(**{"create_for_phone_number": number, f"{kind}__in": values})
    return which


def _retired(named: Named) -> Q:
    which = Q(pk__in=[])
    for (number, kind), values in named.items():
        which |= Q(phone_number_id=number, kind=kind, value__in=values)
    return which


def _typed_in(strangers: Iterable[Sighting]) -> set[int]:
    """The ids of contacts that staff typed in, for persons whom WhatsApp shows for the first time: people write the optional digit
    of a number, or leave it out, without knowing which of the two WhatsApp has (docs/meta-platform.md 6)."""
    phones: dict[int, set[str]] = defaultdict(set)
    for sighting in strangers:
        if sighting.person.wa_id:
            phones[sighting.number.organization_id].add(same_person_key(sighting.person.wa_id))
    which = Q(pk__in=[])
    for organization_id, keys in phones.items():
        which |= Q(organization=organization_id, phone_key__in=keys)
    return set(Contact.objects.filter(which, wa_id_at=None, bsuid=None).values_list("pk", flat=True)) if phones else set()


def _learn_keys(added: Sequence[Contact]) -> None:
    """Rows inserted together are not told their ids."""
    by_key = {_keys(contact)[0]: contact for contact in added}
    named = _by_number_and_kind(by_key)
    for kind in (BSUID, WA_ID):
        rows = Contact.objects.filter(_held(named, kind)).values_list("pk", "create_for_phone_number", kind)
        for pk, number, value in rows:
            by_key[number, kind, value].pk = pk
