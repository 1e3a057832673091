"""Previews and stores the contacts of a CSV file. The whole file is checked before anything is stored."""

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
from contacts.contact_events import created_events, record_changed
from contacts.csv.consents import add_notes, is_decision, record_decisions
from contacts.csv.rows import ImportRow, RowReader
from contacts.csv.tables import FileRefused, ImportProblems, Layout, guess_layout, read_table
from contacts.lists.search import index_names
from contacts.models import Contact, ContactChange, Label, search_phones
from contacts.owner_changes import chosen_owner, follow_choice
from contacts.selectors import numbers_of
from contacts.services import InvalidInput, check_label_count, insert_given_labels, label_key
from jobs.bulk_writes import insert_rows, update_rows
from jobs.transactions import run_in_transaction
from organizations.events.outbox import record_events
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, PhoneNumber, User
from organizations.numbers.ownership import NumberMoved, raise_if_moved

Kind = ContactChange.Kind
CHUNK_SIZE = 2_000
"""Rows that are stored in one transaction."""
MAX_PREVIEW_ROWS = 5
"""Rows that a preview shows as they would be stored."""
FLAGS = ("profile", "activate_bot", "activate_automatic_message")
Item = TypeVar("Item")


@dataclass(frozen=True)
class ImportCounts:
    """The numbers of contacts that were added, changed, and left unchanged, and the headers of columns that are not imported."""

    added: int
    updated: int
    unchanged: int
    ignored: Sequence[str] = ()

    def __add__(self, other: "ImportCounts") -> "ImportCounts":
        counts = self.added + other.added, self.updated + other.updated, self.unchanged + other.unchanged
        return ImportCounts(*counts, self.ignored)


@dataclass(frozen=True)
class PreviewRow:
    """A row of the file as it would be stored."""

    wa_id: str
    name: str
    is_new: bool
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class ImportPreview:
    """What an import would do: the counts of its valid rows, the first of them, the problems of the others, and notes on rows of
    which something is left out."""

    counts: ImportCounts
    first: Sequence[PreviewRow]
    problems: ImportProblems
    notes: ImportProblems = field(default_factory=ImportProblems)


def preview_contacts(
    *, organization: Organization, number: PhoneNumber, content: bytes, may_label: bool, layout: Layout | None = None
) -> ImportPreview:
    """Returns what an import of this file would do. Stores nothing. Raises FileRefused if the file cannot be read."""
    checked = _check(organization, number, content, layout, may_label=may_label)
    matched = [(row, contact) for row, contact in checked.matched if row.line not in checked.problems.lines]
    new = sum(contact.pk is None for _row, contact in matched)
    updated = sum(contact.pk is not None and would_change(contact, row) for row, contact in matched)
    counts = ImportCounts(new, updated, len(matched) - new - updated, checked.ignored)
    first = [_preview_row(row, contact) for row, contact in matched[:MAX_PREVIEW_ROWS]]
    return ImportPreview(counts, first, checked.problems, checked.notes)


def _preview_row(row: ImportRow, contact: Contact) -> PreviewRow:
    name = row.values.get("alias") or contact.alias or contact.name
    return PreviewRow(contact.wa_id or contact.address, name, contact.pk is None, row.labels)


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
    on_stored: Callable[[int, ImportCounts], None] = lambda line, counts: None,
    on_checked: Callable[[ImportProblems], None] = lambda problems: None,
) -> ImportCounts:
    """Adds the contacts of the file, and changes existing ones. `number`: of rows that name none. `may_label`: whether labels that
    do not exist are added.

    Checks the whole file first. Raises FileRefused if a line has a problem and `skips_wrong` is false. Nothing was stored then.
    Stores the valid rows in parts, to keep locks short. Calls `on_stored` in the transaction of each part, with the part's last
    line and counts. If it raises, the part is not stored. An interrupted import continues after `after_line`.
    Calls `on_checked` before anything is stored, with the problems of the lines that are left out.
    """
    checked = _check(organization, number, content, layout, may_label=may_label)
    if checked.problems.count and not (skips_wrong and 0 not in checked.problems.lines):
        raise FileRefused(checked.problems)
    on_checked(checked.problems)
    rows = [row for row, _contact in checked.matched if row.line not in checked.problems.lines and row.line > after_line]
    counts = ImportCounts(0, 0, 0, checked.ignored)
    for part in _parts(rows):
        counts += _store_part(organization, part, now, on_stored, may_label=may_label, by=by)
    return counts


def _store_part(
    organization: Organization,
    part: Sequence[ImportRow],
    now: datetime,
    on_stored: Callable[[int, ImportCounts], None],
    *,
    may_label: bool,
    by: User | None,
) -> ImportCounts:
    def write() -> ImportCounts:
        counts = RowMatcher(organization, ImportProblems(), now, may_label=may_label, by=by).store(part)
        on_stored(part[-1].line, counts)
        return counts

    try:
        return run_in_transaction(write)
    except NumberMoved:
        raise FileRefused.because(_("A number has just changed. Try again.")) from None
    except IntegrityError:  # in each run of the transaction, so not because of a concurrent one
        raise FileRefused.because(_("The database cannot tell the names of some labels in the file apart. Rename them.")) from None


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read: its rows with their contacts, problems, headers that are not imported, and notes."""

    matched: Sequence[tuple[ImportRow, Contact]]
    problems: ImportProblems
    ignored: Sequence[str]
    notes: ImportProblems


def _check(
    organization: Organization, number: PhoneNumber, content: bytes, layout: Layout | None, *, may_label: bool
) -> CheckedFile:
    problems = ImportProblems()
    layout = layout or guess_layout(content, country=organization.country)
    table = read_table(content, layout)
    reader = RowReader(table, numbers_of(organization), number, problems, country=organization.country)
    rows = reader.rows()
    matched = RowMatcher(organization, problems, timezone.now(), may_label=may_label).match(rows)
    problems.describe_rows({row.line: row.text for row in rows if row.line in problems.lines})
    add_notes(matched, reader.notes)
    return CheckedFile(matched, problems, table.ignored, reader.notes)


class RowMatcher:
    """Finds the contacts of rows, and stores the rows."""

    def __init__(
        self, organization: Organization, problems: ImportProblems, now: datetime, *, may_label: bool, by: User | None = None
    ) -> None:
        self.organization, self.problems, self.now, self.may_label, self.by = organization, problems, now, may_label, by
        self.before: dict[int, tuple[str, str, bool]] = {}
        """The alias, the profile and `marketing_stopped` that existing contacts had, by their ids."""
        self.by_phone: dict[tuple[str, str], list[Contact]] = defaultdict(list)
        self.by_user_id: dict[tuple[str, str], Contact] = {}

    def match(self, rows: Sequence[ImportRow]) -> list[tuple[ImportRow, Contact]]:
        """Returns the contact of each valid row, a new one if there is none. Collects the problems of the others. Stores and locks
        nothing."""
        self._load(rows, is_locked=False)
        matched = self._match(rows)
        self._unknown_labels(rows)
        return matched

    def store(self, rows: Sequence[ImportRow]) -> ImportCounts:
        """Stores rows that `match` found valid. Must run in a transaction. Raises FileRefused if a row is no longer valid."""
        self._load(rows, is_locked=True)
        matched = self._match(rows)
        unknown = self._unknown_labels(rows)
        if self.problems.count:
            raise FileRefused(self.problems)
        labels = self._add_labels(unknown)
        new = [contact for _row, contact in matched if contact.pk is None]
        changed = {id(contact) for row, contact in matched if _change(contact, row.values)}
        existing = [contact for _row, contact in matched if contact.pk is not None]
        for contact in new:
            contact.owner = chosen_owner(contact).value
        Contact.objects.insert(new)
        raise_if_moved(row.number for row, _contact in matched)
        update_rows([contact for contact in existing if id(contact) in changed], ["alias", *FLAGS])
        follow_choice([contact for contact in existing if self.before[contact.pk][1] != contact.profile], self.now)
        for part in _parts([contact for _row, contact in matched]):
            update_rows(index_names(part), ["search_name"])
        decided = record_decisions(matched, by=self.by, now=self.now)
        given = insert_given_labels([(contact.pk, labels[label_key(name)]) for row, contact in matched for name in row.labels])
        record_events(created_events(new, self.now))
        self._record_changes(existing, given)
        publish_revisions([self.organization.pk])
        touched = decided | {pk for pk, _label in given}
        updated = sum(id(contact) in changed or contact.pk in touched for contact in existing)
        return ImportCounts(len(new), updated, len(existing) - updated)

    def _load(self, rows: Sequence[ImportRow], *, is_locked: bool) -> None:
        """Reads the contacts that the rows may mean. Locks them if they are to be changed."""
        phone_keys: dict[str, set[str]] = defaultdict(set)
        user_ids: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            phone_keys[row.number.phone_number_id].update(map(same_person_key, row.wa_ids[:1]))
            user_ids[row.number.phone_number_id].update([row.user_id] if row.user_id else [])
        own_contacts = Contact.objects.filter(organization=self.organization)
        ids: set[int] = set()
        for column, values_by_number in (("phone_key", phone_keys), ("bsuid", user_ids)):
            for number, values in values_by_number.items():
                for part in _parts(sorted(values)):
                    found = own_contacts.filter(**{"create_for_phone_number": number, f"{column}__in": part})
                    ids.update(found.values_list("pk", flat=True))
        # Locks are taken in the order of ids, as by webhooks: docs/decisions/0012.
        for some_ids in _parts(sorted(ids)):
            contacts = own_contacts.filter(pk__in=some_ids).order_by("pk")
            for contact in contacts.select_for_update() if is_locked else contacts:
                self.before[contact.pk] = contact.alias, contact.profile, contact.marketing_stopped
                self._index(contact)

    def _index(self, contact: Contact) -> None:
        number = contact.create_for_phone_number_id
        if contact.wa_id:
            self.by_phone[number, contact.phone_key].append(contact)
        if contact.bsuid:
            self.by_user_id[number, contact.bsuid] = contact

    def _match(self, rows: Sequence[ImportRow]) -> list[tuple[ImportRow, Contact]]:
        """Returns the contact of each row, a new one if there is none. Two rows with the same contact are a problem."""
        matched: list[tuple[ImportRow, Contact]] = []
        lines: dict[int, int] = {}
        for row in rows:
            contact = self._find(row)
            if contact is None and row.phone_problem:
                self.problems.add(row.line, row.phone_problem)
                continue
            if contact is None:
                contact = self._new(row)
            if (first := lines.setdefault(id(contact), row.line)) != row.line:
                self.problems.add(row.line, gettext("The same person as in line %(line)s. Leave one of them.") % {"line": first})
                continue
            matched.append((row, contact))
        return matched

    def _record_changes(self, existing: Sequence[Contact], given: Collection[tuple[int, int]]) -> None:
        """Records changes of contacts that existed before. `given`: pairs of contact id and label id."""
        aliases = alias_changes([(contact, self.before[contact.pk][0]) for contact in existing])
        profiles = [
            (contact.pk, {"from": before, "to": contact.profile})
            for contact in existing
            if (before := self.before[contact.pk][1]) != contact.profile
        ]
        names = {label.pk: label.name for label in Label.objects.filter(organization=self.organization)} if given else {}
        labels = [(pk, {"label": names[label]}) for pk, label in sorted(given) if pk in self.before]
        for kind, changed in ((Kind.ALIAS, aliases), (Kind.WHO_ANSWERS, profiles), (Kind.LABEL_GIVEN, labels)):
            record_changes(changed, kind=kind, by=self.by, now=self.now)
        decided = sorted(contact.pk for contact in existing if contact.marketing_stopped != self.before[contact.pk][2])
        record_changed(decided, ["marketing_stopped"], self.now)

    def _find(self, row: ImportRow) -> Contact | None:
        number = row.number.phone_number_id
        if row.wa_ids:
            same = self.by_phone.get((number, same_person_key(row.wa_ids[0])), [])
            # An exact match first.
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
        contact.phone_key, contact.reversed_phone = search_phones(contact.wa_id)
        self._index(contact)
        return contact

    def _unknown_labels(self, rows: Sequence[ImportRow]) -> dict[str, str]:
        """Returns the names of labels in the rows that the organization does not have, by their keys. They are a problem if they
        may not be added."""
        known = self._label_ids()
        unknown: dict[str, str] = {}
        for row in rows:
            missing = {label_key(name): name for name in row.labels if label_key(name) not in known}
            if missing and not self.may_label:
                words = gettext("There is no label “%(name)s”. Ask an administrator to make it, or leave it out.")
                self.problems.add(row.line, words % {"name": next(iter(missing.values()))})
            unknown |= {key: name for key, name in missing.items() if key not in unknown}
        try:
            check_label_count(len(known) + len(unknown) if self.may_label else 0)
        except InvalidInput as refusal:
            self.problems.add(0, refusal)
        return unknown

    def _label_ids(self) -> dict[str, int]:
        """Returns the ids of the organization's labels by their keys."""
        return {label_key(label.name): label.pk for label in Label.objects.filter(organization=self.organization)}

    def _add_labels(self, unknown: Mapping[str, str]) -> dict[str, int]:
        """Adds labels, and returns the ids of all labels by their keys."""
        insert_rows([Label(organization=self.organization, name=name) for name in unknown.values()])
        return self._label_ids()


def would_change(contact: Contact, row: ImportRow) -> bool:
    """Returns whether the row would change columns of the contact. Labels are not compared."""
    return is_decision(contact, row) or any(getattr(contact, column) != value for column, value in row.values.items())


def _change(contact: Contact, values: Mapping[str, Any]) -> bool:
    """Sets the columns of the contact. Returns whether one of them changed."""
    changed = [column for column, value in values.items() if getattr(contact, column) != value]
    for column in changed:
        setattr(contact, column, values[column])
    return bool(changed)


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), CHUNK_SIZE):
        yield items[start : start + CHUNK_SIZE]
