"""The names that people have had on WhatsApp, and since when: lines in the conversation say when a name changed.

A name counts from the earliest message that told it. So neither the order of arrival nor a repetition matters, and a rebuild gives
the same rows. While a contact has had one name, its own row knows all there is (`name`, `name_since`): ordinary messages cost no
further query. From the second name on each name has a row. The first one only says since when it was known.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from cloud_api.payloads import Person
from contacts.models import Contact, ContactChange
from jobs.bulk_writes import insert_rows, update_rows

PROFILE_NAME = ContactChange.Kind.PROFILE_NAME
Names = dict[str, datetime]
"""The time of the earliest message that told each name."""


class ProfileNames:
    """The names that some messages told of contacts, which are locked. The caller saves the contacts."""

    def __init__(self) -> None:
        self._contacts: dict[int, Contact] = {}
        self._known: dict[int, Names] = {}
        """What each contact's own row knew before."""
        self._told: dict[int, Names] = defaultdict(dict)

    def note(self, contact: Contact, person: Person, at: datetime) -> None:
        """A message that was sent then told this."""
        self._begin(contact)
        contact.record_profile(person, at)
        if person.name:
            self._note_name(contact, person.name, at)

    def take_over(self, kept: Contact, absorbed: Contact) -> None:
        """All that is known of a contact who turned out to be the same person."""
        self._begin(kept)
        if absorbed.name_at is None:
            return
        known = Person(name=absorbed.name, username=absorbed.username, parent_bsuid=absorbed.parent_bsuid)
        kept.record_profile(known, absorbed.name_at)
        for name, since in (_own_name(absorbed) | _stored_names([absorbed.pk])[absorbed.pk]).items():
            self._note_name(kept, name, since)

    def save(self) -> None:
        """Bring `name_since` and the stored names up to date. Must run in a transaction."""
        several = []
        for pk, contact in self._contacts.items():
            told, known = self._told[pk], self._known[pk]
            if not told:
                continue
            if set(told) | set(known) == {contact.name} and (not known or known[contact.name] <= told[contact.name]):
                contact.name_since = known.get(contact.name, told[contact.name])
            else:
                several.append(contact)
        self._save_several(several)

    def _begin(self, contact: Contact) -> None:
        if contact.pk not in self._contacts:
            self._contacts[contact.pk] = contact
            self._known[contact.pk] = _own_name(contact)

    def _note_name(self, contact: Contact, name: str, at: datetime) -> None:
        told = self._told[contact.pk]
        told[name] = min(told.get(name, at), at)

    def _save_several(self, contacts: Collection[Contact]) -> None:
        stored = _stored_names([contact.pk for contact in contacts]) if contacts else {}
        rows: list[ContactChange] = []
        for contact in contacts:
            names = dict(stored[contact.pk])
            for each in (self._known[contact.pk], self._told[contact.pk]):
                for name, since in each.items():
                    names[name] = min(names.get(name, since), since)
            contact.name_since = names.get(contact.name)
            rows += _rows(contact, names) if len(names) > 1 else []
        _store(rows)


def withdraw_names(contacts: Mapping[Contact, datetime | None]) -> None:
    """The messages that told these contacts' names turned out to be earlier than others. Of the names that a contact has had, the
    one that came up last counts, told at the given time. The contacts are locked, and not saved."""
    stored = _stored_names([contact.pk for contact in contacts]) if contacts else {}
    for contact, at in contacts.items():
        # That of the message itself is told again at its true time.
        others = {name: since for name, since in stored[contact.pk].items() if since != contact.name_at}
        if others:
            contact.name_since, contact.name = max((since, name) for name, since in others.items())
        contact.name_at = at


def _own_name(contact: Contact) -> Names:
    """The name that the contact's own row knows. One without a time is not WhatsApp's: it came from somebody's address book."""
    if not contact.name or contact.name_at is None:
        return {}
    return {contact.name: contact.name_since or min(contact.create_in, contact.name_at)}


def _stored_names(ids: Collection[int]) -> dict[int, Names]:
    found: dict[int, Names] = defaultdict(dict)
    rows = ContactChange.objects.filter(contact__in=ids, kind=PROFILE_NAME)
    for pk, values, since in rows.values_list("contact_id", "values", "create_in"):
        found[pk][values["to"]] = since
    return found


def _rows(contact: Contact, names: Names) -> list[ContactChange]:
    """One for each name, in time order; each says which one was there before."""
    rows, before = [], ""
    for since, name in sorted((since, name) for name, since in names.items()):
        values = {"from": before, "to": name}
        rows.append(ContactChange(contact=contact, kind=PROFILE_NAME, values=values, key=_key(name), create_in=since))
        before = name
    return rows


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _store(rows: Collection[ContactChange]) -> None:
    """Store those that are new, and change those that say something else now."""
    if not rows:
        return
    stored = ContactChange.objects.filter(contact__in={row.contact_id for row in rows}, kind=PROFILE_NAME)
    known = {(row.contact_id, row.key): row for row in stored}
    changed = []
    for row in rows:
        there = known.get((row.contact_id, row.key))
        if there and (there.values, there.create_in) != (row.values, row.create_in):
            there.values, there.create_in = row.values, row.create_in
            changed.append(there)
    insert_rows([row for row in rows if (row.contact_id, row.key) not in known])
    update_rows(changed, ["values", "create_in"])
