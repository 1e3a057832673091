"""The profile names of contacts, and since when they have them. Lines in the conversation say when a name changed.

A name counts from the earliest message that contains it. So the order of arrival and repetitions do not matter, and a rebuild gives
the same rows. While a contact has had one name, its own row is enough (`name`, `name_since`), and ordinary messages need no further
query. From the second name on, each name has a row. The row of the first name only says since when it was known.

A contact without a profile name has the name of the phone app's address book. It has no `name_at`, and its `name_since` is the time
of the entry. The latest entry counts, and any profile name replaces it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from cloud_api.payloads import Person
from contacts.identities.resolution import UNDATED
from contacts.models import Contact, ContactChange
from jobs.bulk_writes import insert_rows, update_rows

PROFILE_NAME = ContactChange.Kind.PROFILE_NAME
Names = dict[str, datetime]
"""The time of the earliest message with each name."""


class ProfileNames:
    """Collects the names in some messages of contacts, which are locked. The caller saves the contacts."""

    def __init__(self) -> None:
        self._contacts: dict[int, Contact] = {}
        self._stored: dict[int, Names] = {}
        """The name in each contact's own row."""
        self._received: dict[int, Names] = defaultdict(dict)

    def add(self, contact: Contact, person: Person, sent_at: datetime) -> None:
        """Adds the name that a message of this time contains, and updates the contact."""
        self._start(contact)
        contact.record_profile(person, sent_at)
        if person.name:
            self._add_name(contact, person.name, sent_at)

    def merge(self, kept: Contact, absorbed: Contact) -> None:
        """Adds all names of `absorbed` to `kept`, who is the same person."""
        self._start(kept)
        if absorbed.name_at is None:
            record_listed_name(kept, absorbed.name, absorbed.name_since)
            return
        profile = Person(name=absorbed.name, username=absorbed.username, parent_bsuid=absorbed.parent_bsuid)
        kept.record_profile(profile, absorbed.name_at)
        for name, since in (_own_name(absorbed) | _stored_names([absorbed.pk])[absorbed.pk]).items():
            self._add_name(kept, name, since)

    def save(self) -> None:
        """Updates `name_since` and the stored names. Must run in a transaction."""
        with_several = []
        for pk, contact in self._contacts.items():
            received, stored = self._received[pk], self._stored[pk]
            if not received:
                continue
            is_only_name = set(received) | set(stored) == {contact.name}
            if is_only_name and (not stored or stored[contact.name] <= received[contact.name]):
                contact.name_since = stored.get(contact.name, received[contact.name])
            else:
                with_several.append(contact)
        if with_several:
            self._save_rows(with_several)

    def _start(self, contact: Contact) -> None:
        if contact.pk not in self._contacts:
            self._contacts[contact.pk] = contact
            self._stored[contact.pk] = _own_name(contact)

    def _add_name(self, contact: Contact, name: str, time: datetime) -> None:
        received = self._received[contact.pk]
        received[name] = min(received.get(name, time), time)

    def _save_rows(self, contacts: Collection[Contact]) -> None:
        stored = _stored_names([contact.pk for contact in contacts])
        rows: list[ContactChange] = []
        for contact in contacts:
            names = dict(stored[contact.pk])
            for more in (self._stored[contact.pk], self._received[contact.pk]):
                for name, since in more.items():
                    names[name] = min(names.get(name, since), since)
            contact.name_since = names.get(contact.name)
            rows += _rows(contact, names) if len(names) > 1 else []
        _store(rows)


def record_listed_name(contact: Contact, name: str, listed_at: datetime | None) -> None:
    """Gives a contact without a profile name the name of an address book entry. The latest entry counts, whatever the order of
    calls. `listed_at`: the time of the entry, None if it has none. Entries with a time are later."""
    time = listed_at or UNDATED
    has_profile_name = bool(contact.name) and contact.name_at is not None
    if name and not has_profile_name and (time, name) > (contact.name_since or UNDATED, contact.name):
        contact.name, contact.name_since = name, time


def withdraw_names(contacts: Mapping[Contact, datetime | None]) -> None:
    """Sets the names of contacts whose name came from a message that is now earlier. The name that appeared last counts, with the
    given time. The contacts are locked, and not saved."""
    stored = _stored_names([contact.pk for contact in contacts]) if contacts else {}
    for contact, name_at in contacts.items():
        # The name of the message itself is added again with its correct time.
        others = {name: since for name, since in stored[contact.pk].items() if since != contact.name_at}
        if others:
            contact.name_since, contact.name = max((since, name) for name, since in others.items())
        contact.name_at = name_at


def _own_name(contact: Contact) -> Names:
    """Returns the name in the contact's own row. A name without a time is not a profile name: it came from an address book."""
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
    """Returns one row for each name, in order of time. Each contains the name before it."""
    rows, before = [], ""
    for since, name in sorted((since, name) for name, since in names.items()):
        values = {"from": before, "to": name}
        key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        rows.append(ContactChange(contact=contact, kind=PROFILE_NAME, values=values, key=key, create_in=since))
        before = name
    return rows


def _store(rows: Collection[ContactChange]) -> None:
    """Inserts the new rows, and updates the stored rows that have other values or another time."""
    if not rows:
        return
    stored_rows = ContactChange.objects.filter(contact__in={row.contact_id for row in rows}, kind=PROFILE_NAME)
    stored_by_key = {(row.contact_id, row.key): row for row in stored_rows}
    changed = []
    for row in rows:
        stored = stored_by_key.get((row.contact_id, row.key))
        if stored and (stored.values, stored.create_in) != (row.values, row.create_in):
            stored.values, stored.create_in = row.values, row.create_in
            changed.append(stored)
    insert_rows([row for row in rows if (row.contact_id, row.key) not in stored_by_key])
    update_rows(changed, ["values", "create_in"])
