"""Contacts as a CSV file. Only a few are in memory at a time, however many there are."""

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
"""Without it Excel takes UTF-8 for Windows-1252."""


def export_contacts(*, organization: Organization, filters: ContactFilters, now: datetime, language: str, zone: tzinfo) -> Iterator[str]:
    """The file, piece by piece: two queries for each `CHUNK_SIZE` of contacts, however many there are. By id, because the order of the
    lists changes while they are read."""
    place = LANGUAGES.index(language)
    yield BOM + _csv([[column.headers[place] for column in COLUMNS]], language)
    numbers = number_names(numbers_of(organization))
    contacts = filters.matching(organization.pk, now)
    if filters.search:
        found = find_contacts(organization.pk, filters.search)
        contacts = contacts.filter(pk__in=found.ids) if found else contacts.none()
    last = 0
    while part := list(contacts.filter(pk__gt=last).order_by("pk")[:CHUNK_SIZE]):
        last = part[-1].pk
        labels = _labels_of(part)
        yield _csv((_cells(each, numbers, labels[each.pk], place, zone) for each in part), language)


def example_file(language: str) -> str:
    """A file to fill in, with one example."""
    place = LANGUAGES.index(language)
    columns = [PHONE, *(each for each in COLUMNS if each.key in ("name", "profile", "labels"))]
    example = ["(61) 98150-0586", "Maria da Silva", PROFILES[Profile.HUMAN][place], ""]
    return BOM + _csv([[each.headers[place] for each in columns], example], language)


def _csv(rows: Iterable[Iterable[str]], language: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter_of(language))
    writer.writerows([guard_cell(CONTROL_CHARACTERS.sub("", cell)) for cell in row] for row in rows)
    return text.getvalue()


def _labels_of(contacts: Sequence[Contact]) -> dict[int, list[str]]:
    given = GivenLabel.objects.filter(contact__in=[each.pk for each in contacts]).order_by("label__name")
    labels: dict[int, list[str]] = defaultdict(list)
    for pk, name in given.values_list("contact_id", "label__name"):
        labels[pk].append(name)
    return labels


def _cells(contact: Contact, numbers: Mapping[str, str], labels: Iterable[str], place: int, zone: tzinfo) -> list[str]:
    """In the order of COLUMNS."""
    return [
        contact.wa_id or "",
        contact.name,
        contact.alias,
        contact.username,
        contact.bsuid or "",
        numbers.get(contact.create_for_phone_number_id, contact.create_for_phone_number_id),
        PROFILES[Profile(contact.profile)][place],
        ", ".join(labels),
        _time(contact.create_in, zone),
        _time(contact.last_message_timestamp, zone),
    ]


def _time(moment: datetime | None, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def number_names(numbers: Sequence[PhoneNumber]) -> dict[str, str]:
    """How a file names each of the organization's numbers: by its digits, or Meta's id where two have the same digits."""
    digits = [each.wa_id for each in numbers]
    return {each.phone_number_id: each.wa_id if digits.count(each.wa_id) == 1 else each.phone_number_id for each in numbers}
