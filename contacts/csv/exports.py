"""CSV files with contacts for download. Only a few contacts are in memory at a time."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from contacts.csv.columns import COLUMNS, LANGUAGES, PHONE, PROFILES, delimiter_of, guard_cell
from contacts.lists.contact_list import ContactFilters
from contacts.lists.search import find_contacts
from contacts.models import Contact
from contacts.selectors import numbers_of
from contacts.services import CONTROL_CHARACTERS, GivenLabel
from organizations.models import Organization, PhoneNumber, Profile

CHUNK_SIZE = 2_000
BOM = "\ufeff"
"""Without it Excel reads UTF-8 as Windows-1252."""


def export_contacts(
    *, organization: Organization, filters: ContactFilters, now: datetime, language: str, zone: tzinfo
) -> Iterator[str]:
    """Yields the file in pieces of `CHUNK_SIZE` contacts, with two queries each."""
    yield contact_headers(language)
    numbers = number_names(numbers_of(organization))
    contacts = filters.matching(organization.pk, now)
    if filters.search:
        found = find_contacts(organization.pk, filters.search)
        contacts = contacts.filter(pk__in=found.ids) if found else contacts.none()
    last = 0
    # In the order of ids, because the order of the lists changes meanwhile.
    while part := list(contacts.filter(pk__gt=last).order_by("pk")[:CHUNK_SIZE]):
        last = part[-1].pk
        yield csv_text(contact_cells(part, numbers, language, zone), language)


def example_file(language: str) -> str:
    """Returns a file to fill in, with one example."""
    columns = [PHONE, *(each for each in COLUMNS if each.key in ("name", "profile", "labels"))]
    example = ["(61) 98150-0586", "Maria da Silva", PROFILES[Profile.HUMAN][LANGUAGES.index(language)], ""]
    return BOM + csv_text([[each.header(language) for each in columns], example], language)


def contact_headers(language: str) -> str:
    """Returns the beginning of a file with contacts."""
    return BOM + csv_text([[column.header(language) for column in COLUMNS]], language)


def csv_text(rows: Iterable[Iterable[str]], language: str) -> str:
    """Returns the rows as lines of a CSV file. No cell is read as a formula by a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter_of(language))
    writer.writerows([guard_cell(CONTROL_CHARACTERS.sub("", cell)) for cell in row] for row in rows)
    return text.getvalue()


def contact_cells(contacts: Sequence[Contact], numbers: Mapping[str, str], language: str, zone: tzinfo) -> Iterator[list[str]]:
    """Yields the cells of each contact in the order of COLUMNS. `numbers` are the names of `number_names`. One query."""
    labels = label_names(contacts)
    for each in contacts:
        yield _cells(each, numbers, labels[each.pk], language, zone)


def label_names(contacts: Sequence[Contact]) -> dict[int, list[str]]:
    """Returns the names of the labels of each contact, by the contact's id."""
    given = GivenLabel.objects.filter(contact__in=[each.pk for each in contacts]).order_by("label__name")
    labels: dict[int, list[str]] = defaultdict(list)
    for pk, name in given.values_list("contact_id", "label__name"):
        labels[pk].append(name)
    return labels


def _cells(contact: Contact, numbers: Mapping[str, str], labels: Iterable[str], language: str, zone: tzinfo) -> list[str]:
    """Returns the contact's cells in the order of COLUMNS."""
    return [
        contact.wa_id or "",
        contact.name,
        contact.alias,
        contact.username,
        contact.bsuid or "",
        numbers.get(contact.create_for_phone_number_id, contact.create_for_phone_number_id),
        PROFILES[Profile(contact.profile)][LANGUAGES.index(language)],
        ", ".join(labels),
        time_cell(contact.create_in, zone),
        time_cell(contact.last_message_timestamp, zone),
    ]


def time_cell(time: datetime | None, zone: tzinfo) -> str:
    """Returns the time in ISO 8601 with the offset of the zone. Empty for none."""
    return time.astimezone(zone).isoformat(timespec="seconds") if time else ""


def number_names(numbers: Sequence[PhoneNumber]) -> dict[str, str]:
    """Returns how files name each of the organization's numbers, by phone number ID: its digits or, if two numbers have the same
    digits, the phone number ID."""
    digits = [each.wa_id for each in numbers]
    return {each.phone_number_id: each.wa_id if digits.count(each.wa_id) == 1 else each.phone_number_id for each in numbers}
