"""Contacts from a CSV file. It is checked as a whole first, and then stored as a whole or not at all."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import same_person_key
from contacts.models import Contact, Label, phone_key, reversed_phone
from contacts.rows import Reader, Row
from contacts.searching import index_names
from contacts.selectors import numbers_of
from contacts.services import Unfit, add_labels, label_key, refuse_more
from contacts.sheets import Faults, Refused, read_sheet
from jobs.inserting import insert_rows, update_rows
from jobs.transactions import run_in_transaction
from organizations.live import announce
from organizations.models import Organization, PhoneNumber

CHUNK = 2_000
FLAGS = ("profile", "activate_bot", "activate_automatic_message")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Imported:
    """How many contacts were added, changed, and were so already; the headers of columns that an import does not know."""

    added: int
    updated: int
    unchanged: int
    ignored: Sequence[str] = ()


def import_contacts(*, organization: Organization, number: PhoneNumber, content: bytes, may_label: bool, now: datetime) -> Imported:
    """Add the people in the file, and change those who are there. `number`: whose they are where the file does not say; with
    `may_label` labels that do not exist are made. Raises Refused, and then nothing was stored."""
    faults = Faults()
    sheet = read_sheet(content)
    rows = Reader(sheet, numbers_of(organization), number, faults).rows()

    def write() -> Imported:
        own = Faults(faults.count, list(faults.first))  # a transaction that is run again begins anew
        return Import(organization, own, now, may_label=may_label).store(rows, sheet.ignored)

    try:
        return run_in_transaction(write)
    except IntegrityError:  # again and again, so nobody else's doing
        raise Refused.because(_("The database cannot tell the names of some labels in the file apart. Rename them.")) from None


class Import:
    """One import, in its transaction: all rows are matched before the first is stored."""

    def __init__(self, organization: Organization, faults: Faults, now: datetime, *, may_label: bool) -> None:
        self.organization, self.faults, self.now, self.may_label = organization, faults, now, may_label
        self.by_phone: dict[tuple[str, str], list[Contact]] = defaultdict(list)
        self.by_user_id: dict[tuple[str, str], Contact] = {}

    def store(self, rows: Sequence[Row], ignored: Sequence[str]) -> Imported:
        self._load(rows)
        matched = self._match(rows)
        labels = self._labels(rows)
        if self.faults.count:
            raise Refused(self.faults)
        new = [contact for _row, contact in matched if contact.pk is None]
        changed = {id(contact) for row, contact in matched if _change(contact, row.given)}
        known = [contact for _row, contact in matched if contact.pk is not None]
        _insert(new)
        update_rows([contact for contact in known if id(contact) in changed], ["alias", *FLAGS])
        _index([contact for _row, contact in matched])
        gained = add_labels([(contact.pk, labels[label_key(name)]) for row, contact in matched for name in row.labels])
        announce([self.organization.pk])
        updated = sum(id(contact) in changed or contact.pk in gained for contact in known)
        return Imported(len(new), updated, len(known) - updated, ignored)

    def _load(self, rows: Sequence[Row]) -> None:
        """Whoever the rows may mean, locked in the order of their ids, as webhooks lock them."""
        phones: dict[str, set[str]] = defaultdict(set)
        user_ids: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            phones[row.number.phone_number_id].update(map(same_person_key, row.wa_ids[:1]))
            user_ids[row.number.phone_number_id].update([row.user_id] if row.user_id else [])
        theirs = Contact.objects.filter(organization=self.organization)
        ids: set[int] = set()
        for column, wanted in (("phone_key", phones), ("bsuid", user_ids)):
            for number, values in wanted.items():
                for some in _parts(sorted(values)):
                    found = theirs.filter(**{"create_for_phone_number": number, f"{column}__in": some})
                    ids.update(found.values_list("pk", flat=True))
        for part in _parts(sorted(ids)):
            for contact in theirs.select_for_update().filter(pk__in=part).order_by("pk"):
                self._index(contact)

    def _index(self, contact: Contact) -> None:
        number = contact.create_for_phone_number_id
        if contact.wa_id:
            self.by_phone[number, contact.phone_key].append(contact)
        if contact.bsuid:
            self.by_user_id[number, contact.bsuid] = contact

    def _match(self, rows: Sequence[Row]) -> list[tuple[Row, Contact]]:
        """The contact of each row, a new one where there is none. A row about the same person as another is a fault."""
        matched: list[tuple[Row, Contact]] = []
        lines: dict[int, int] = {}
        for row in rows:
            contact = self._find(row)
            if contact is None and row.doubt:
                self.faults.add(row.line, row.doubt)
                continue
            if contact is None:
                contact = self._new(row)
            if (first := lines.setdefault(id(contact), row.line)) != row.line:
                self.faults.add(row.line, gettext("The same person as in line %(line)s. Leave one of them.") % {"line": first})
                continue
            matched.append((row, contact))
        return matched

    def _find(self, row: Row) -> Contact | None:
        number = row.number.phone_number_id
        if row.wa_ids:
            same = self.by_phone.get((number, same_person_key(row.wa_ids[0])), [])
            if found := min(same, key=lambda contact: contact.wa_id != row.wa_ids[0], default=None):
                return found
        return self.by_user_id.get((number, row.user_id))

    def _new(self, row: Row) -> Contact:
        contact = Contact(
            create_for_phone_number=row.number,
            organization=self.organization,
            wa_id=row.wa_ids[0],
            profile=row.number.default_profile,
            create_in=self.now,
        )
        contact.phone_key, contact.reversed_phone = phone_key(contact), reversed_phone(contact)
        self._index(contact)
        return contact

    def _labels(self, rows: Sequence[Row]) -> dict[str, int]:
        """The ids of all labels by their keys; those that only the file knows are made, if nothing is wrong."""
        mine = Label.objects.filter(organization=self.organization)
        known = {label_key(label.name): label.pk for label in mine}
        unknown: dict[str, str] = {}
        for row in rows:
            fresh = {label_key(name): name for name in row.labels if label_key(name) not in known}
            if fresh and not self.may_label:
                words = gettext("There is no label “%(name)s”. Ask an administrator to make it, or leave it out.")
                self.faults.add(row.line, words % {"name": next(iter(fresh.values()))})
            unknown |= {key: name for key, name in fresh.items() if key not in unknown}
        try:
            refuse_more(len(known) + len(unknown))
        except Unfit as refusal:
            self.faults.add(0, refusal)
        if not self.faults.count:
            insert_rows([Label(organization=self.organization, name=name) for name in unknown.values()])
            known = {label_key(label.name): label.pk for label in mine.all()}
        return known


def _change(contact: Contact, given: Mapping[str, Any]) -> bool:
    """Whether something is not as it was."""
    changed = [column for column, value in given.items() if getattr(contact, column) != value]
    for column in changed:
        setattr(contact, column, given[column])
    return bool(changed)


def _insert(new: Sequence[Contact]) -> None:
    insert_rows(new)
    by_phone = {(each.create_for_phone_number_id, each.wa_id): each for each in new}
    for number in {each.create_for_phone_number_id for each in new}:
        for wa_ids in _parts([each.wa_id for each in new if each.create_for_phone_number_id == number]):
            rows = Contact.objects.filter(create_for_phone_number=number, wa_id__in=wa_ids)
            for pk, wa_id in rows.values_list("pk", "wa_id"):  # rows inserted together are not told their ids
                by_phone[number, wa_id].pk = pk


def _index(contacts: Sequence[Contact]) -> None:
    for part in _parts(contacts):
        update_rows(index_names(part), ["search_name"])


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
