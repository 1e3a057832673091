"""Contacts from a CSV file. It is checked as a whole before anything is stored."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import same_person_key
from contacts.change_log import alias_changes, record_changes
from contacts.csv.rows import ImportRow, RowReader
from contacts.csv.tables import FileRefused, ImportProblems, Layout, guess_layout, read_table
from contacts.lists.search import index_names
from contacts.models import Contact, ContactChange, Label, phone_key, reversed_phone
from contacts.selectors import numbers_of
from contacts.services import InvalidInput, check_label_count, insert_given_labels, label_key
from jobs.bulk_writes import insert_rows, update_rows
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, User
from organizations.numbers.ownership import NumberMoved, raise_if_moved

Kind = ContactChange.Kind
CHUNK_SIZE = 2_000
"""Rows that are stored in one transaction."""
MAX_PREVIEW_ROWS = 5
"""Rows of a preview that are shown as they would be stored."""
FLAGS = ("profile", "activate_bot", "activate_automatic_message")
Item = TypeVar("Item")


@dataclass(frozen=True)
class ImportCounts:
    """How many contacts were added, changed, and were so already; the headers of columns that an import does not know."""

    added: int
    updated: int
    unchanged: int
    ignored: Sequence[str] = ()

    def __add__(self, other: "ImportCounts") -> "ImportCounts":
        counts = self.added + other.added, self.updated + other.updated, self.unchanged + other.unchanged
        return ImportCounts(*counts, self.ignored)


@dataclass(frozen=True)
class PreviewRow:
    """A row as it would be stored."""

    wa_id: str
    name: str
    is_new: bool


@dataclass(frozen=True)
class ImportPreview:
    """What would come of an import: the counts of its good rows, a few of them, what is wrong with the others, and which rows are
    imported otherwise than they say."""

    counts: ImportCounts
    first: Sequence[PreviewRow]
    faults: ImportProblems
    notes: ImportProblems = field(default_factory=ImportProblems)

    @property
    def good(self) -> int:
        return self.counts.added + self.counts.updated + self.counts.unchanged


def preview_contacts(
    *, organization: Organization, number: PhoneNumber, content: bytes, may_label: bool, layout: Layout | None = None
) -> ImportPreview:
    """What an import of this file would do; nothing is stored. Raises Refused if nothing can come of it."""
    checked = _check(organization, number, content, layout, may_label=may_label)
    matched = [(row, contact) for row, contact in checked.matched if row.line not in checked.faults.lines]
    new = sum(contact.pk is None for _row, contact in matched)
    updated = sum(contact.pk is not None and would_change(contact, row) for row, contact in matched)
    counts = ImportCounts(new, updated, len(matched) - new - updated, checked.ignored)
    first = [
        PreviewRow(contact.wa_id or contact.address, row.given.get("alias") or contact.alias or contact.name, contact.pk is None)
        for row, contact in matched[:MAX_PREVIEW_ROWS]
    ]
    return ImportPreview(counts, first, checked.faults, checked.notes)


def import_contacts(
    *,
    organization: Organization,
    number: PhoneNumber,
    content: bytes,
    may_label: bool,
    by: User | None,
    now: datetime,
    layout: Layout | None = None,
    skips_wrong: bool = False,
    after_line: int = 0,
    note: Callable[[int, ImportCounts], None] = lambda line, imported: None,
) -> ImportCounts:
    """Add the people in the file, and change those who are there. `number`: whose they are where the file does not say. With
    `may_label` labels that do not exist are made.

    The whole file is checked first. Raises Refused if a line is wrong and not to be skipped, and then nothing was stored. The good
    rows are stored in parts, so that nobody waits long for what they lock. In the transaction of each part `note` is called with
    its last line and what came of it; if it raises, the part is not stored. An import that was interrupted goes on `after_line`.
    """
    checked = _check(organization, number, content, layout, may_label=may_label)
    if checked.faults.count and not (skips_wrong and 0 not in checked.faults.lines):
        raise FileRefused(checked.faults)
    wanted = [row for row, _contact in checked.matched if row.line not in checked.faults.lines and row.line > after_line]
    imported = ImportCounts(0, 0, 0, checked.ignored)
    for part in _parts(wanted):
        imported += _store_part(organization, part, now, note, may_label=may_label, by=by)
    return imported


def _store_part(
    organization: Organization,
    part: Sequence[ImportRow],
    now: datetime,
    note: Callable[[int, ImportCounts], None],
    *,
    may_label: bool,
    by: User | None,
) -> ImportCounts:
    def write() -> ImportCounts:
        stored = RowMatcher(organization, ImportProblems(), now, may_label=may_label, by=by).store(part)
        note(part[-1].line, stored)
        return stored

    try:
        return run_in_transaction(write)
    except NumberMoved:
        raise FileRefused.because(_("A number has just changed. Try again.")) from None
    except IntegrityError:  # again and again, so nobody else's doing
        raise FileRefused.because(_("The database cannot tell the names of some labels in the file apart. Rename them.")) from None


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read: its rows with the contacts that they mean, what is wrong, and what is odd."""

    matched: Sequence[tuple[ImportRow, Contact]]
    faults: ImportProblems
    ignored: Sequence[str]
    notes: ImportProblems


def _check(
    organization: Organization, number: PhoneNumber, content: bytes, layout: Layout | None, *, may_label: bool
) -> CheckedFile:
    faults = ImportProblems()
    layout = layout or guess_layout(content, country=organization.country)
    sheet = read_table(content, layout)
    reader = RowReader(sheet, numbers_of(organization), number, faults, country=organization.country)
    matched = RowMatcher(organization, faults, timezone.now(), may_label=may_label).match(reader.rows())
    return CheckedFile(matched, faults, sheet.ignored, reader.notes)


class RowMatcher:
    """Rows of a file and the contacts that they mean."""

    def __init__(
        self, organization: Organization, faults: ImportProblems, now: datetime, *, may_label: bool, by: User | None = None
    ) -> None:
        self.organization, self.faults, self.now, self.may_label, self.by = organization, faults, now, may_label, by
        self.before: dict[int, tuple[str, str]] = {}
        """The alias and the profile of the contacts that are there, by their ids."""
        self.by_phone: dict[tuple[str, str], list[Contact]] = defaultdict(list)
        self.by_user_id: dict[tuple[str, str], Contact] = {}

    def match(self, rows: Sequence[ImportRow]) -> list[tuple[ImportRow, Contact]]:
        """The contact of each row, a new one where there is none; what is wrong goes to the faults. Nothing is stored or locked."""
        self._load(rows, is_locked=False)
        matched = self._match(rows)
        self._unknown_labels(rows)
        return matched

    def store(self, rows: Sequence[ImportRow]) -> ImportCounts:
        """Store rows that were found to be good; must run in a transaction. Raises Refused if one is not good any more."""
        self._load(rows, is_locked=True)
        matched = self._match(rows)
        unknown = self._unknown_labels(rows)
        if self.faults.count:
            raise FileRefused(self.faults)
        labels = self._make_labels(unknown)
        new = [contact for _row, contact in matched if contact.pk is None]
        changed = {id(contact) for row, contact in matched if _change(contact, row.given)}
        known = [contact for _row, contact in matched if contact.pk is not None]
        _insert(new)
        raise_if_moved(row.number for row, _contact in matched)
        update_rows([contact for contact in known if id(contact) in changed], ["alias", *FLAGS])
        _index([contact for _row, contact in matched])
        gained = insert_given_labels([(contact.pk, labels[label_key(name)]) for row, contact in matched for name in row.labels])
        self._record_changes(known, gained)
        publish_revisions([self.organization.pk])
        labelled = {pk for pk, _label in gained}
        updated = sum(id(contact) in changed or contact.pk in labelled for contact in known)
        return ImportCounts(len(new), updated, len(known) - updated)

    def _load(self, rows: Sequence[ImportRow], *, is_locked: bool) -> None:
        """Whoever the rows may mean, to be stored locked in the order of their ids, as webhooks lock them."""
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
            contacts = theirs.filter(pk__in=part).order_by("pk")
            for contact in contacts.select_for_update() if is_locked else contacts:
                self.before[contact.pk] = contact.alias, contact.profile
                self._index(contact)

    def _index(self, contact: Contact) -> None:
        number = contact.create_for_phone_number_id
        if contact.wa_id:
            self.by_phone[number, contact.phone_key].append(contact)
        if contact.bsuid:
            self.by_user_id[number, contact.bsuid] = contact

    def _match(self, rows: Sequence[ImportRow]) -> list[tuple[ImportRow, Contact]]:
        """The contact of each row, a new one where there is none. A row about the same person as another is a fault."""
        matched: list[tuple[ImportRow, Contact]] = []
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

    def _record_changes(self, known: Sequence[Contact], gained: Collection[tuple[int, int]]) -> None:
        """Lines in the conversations of the contacts that were there."""
        aliases = alias_changes([(contact, self.before[contact.pk][0]) for contact in known])
        profiles = [
            (contact.pk, {"from": before, "to": contact.profile})
            for contact in known
            if (before := self.before[contact.pk][1]) != contact.profile
        ]
        names = {label.pk: label.name for label in Label.objects.filter(organization=self.organization)} if gained else {}
        labels = [(pk, {"label": names[label]}) for pk, label in sorted(gained) if pk in self.before]
        for kind, changed in ((Kind.ALIAS, aliases), (Kind.WHO_ANSWERS, profiles), (Kind.LABEL_GIVEN, labels)):
            record_changes(changed, kind=kind, by=self.by, now=self.now)

    def _find(self, row: ImportRow) -> Contact | None:
        number = row.number.phone_number_id
        if row.wa_ids:
            same = self.by_phone.get((number, same_person_key(row.wa_ids[0])), [])
            if found := min(same, key=lambda contact: contact.wa_id != row.wa_ids[0], default=None):
                return found
        return self.by_user_id.get((number, row.user_id))

    def _new(self, row: ImportRow) -> Contact:
        contact = Contact(
            create_for_phone_number=row.number,
            organization=self.organization,
            wa_id=row.wa_ids[0],
            create_in=self.now,
            **row.number.contact_defaults,
        )
        contact.phone_key, contact.reversed_phone = phone_key(contact), reversed_phone(contact)
        self._index(contact)
        return contact

    def _unknown_labels(self, rows: Sequence[ImportRow]) -> dict[str, str]:
        """The names of labels that only the file knows, by their keys."""
        known = self._known_labels()
        unknown: dict[str, str] = {}
        for row in rows:
            fresh = {label_key(name): name for name in row.labels if label_key(name) not in known}
            if fresh and not self.may_label:
                words = gettext("There is no label “%(name)s”. Ask an administrator to make it, or leave it out.")
                self.faults.add(row.line, words % {"name": next(iter(fresh.values()))})
            unknown |= {key: name for key, name in fresh.items() if key not in unknown}
        try:
            check_label_count(len(known) + len(unknown) if self.may_label else 0)
        except InvalidInput as refusal:
            self.faults.add(0, refusal)
        return unknown

    def _known_labels(self) -> dict[str, int]:
        return {label_key(label.name): label.pk for label in Label.objects.filter(organization=self.organization)}

    def _make_labels(self, unknown: Mapping[str, str]) -> dict[str, int]:
        """The ids of all labels by their keys."""
        insert_rows([Label(organization=self.organization, name=name) for name in unknown.values()])
        return self._known_labels()


def would_change(contact: Contact, row: ImportRow) -> bool:
    """Whether the row says something of a contact that is not so yet. Labels are not looked at: it may have them or not."""
    return any(getattr(contact, column) != value for column, value in row.given.items())


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
    for start in range(0, len(items), CHUNK_SIZE):
        yield items[start : start + CHUNK_SIZE]
