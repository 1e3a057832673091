"""How a person is found: by the beginning of any word of their names, and by the number however it is typed."""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from cloud_api.wa_ids import beginnings
from contacts.models import Contact, ContactWord
from jobs.inserting import insert_rows

MOST_WORDS = 12
"""Words of one contact that are looked at."""
MOST_FOUND = 200
"""People that one search looks at; whoever wants another types more."""
FEWEST_DIGITS = 3
LONGEST_WORD = 40
ENOUGH_TO_COUNT = 10_000
LAST_LETTER = "\U0010ffff"
"""Comes after all that a word may go on with."""


def normalized(text: str) -> str:
    """The text in lower case, without accents, its words apart by one space: “José  DA Silva” is “jose da silva”."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[^\W_]+", plain.casefold()))


def names_of(contact: Contact) -> str:
    """All that people may call the contact, normalized."""
    return normalized(f"{contact.alias} {contact.name} {contact.username}")[:500]


def index_names(contacts: Iterable[Contact]) -> list[Contact]:
    """Make these contacts findable by the names they have now; returns those whose `search_name` changed, for the caller to save.
    Must run in a transaction that has them locked."""
    changed = [contact for contact in contacts if contact.search_name != names_of(contact)]
    if not changed:
        return []
    ContactWord.objects.filter(contact__in=[contact.pk for contact in changed if contact.search_name]).delete()
    rows = []
    for contact in changed:
        contact.search_name = names_of(contact)
        words = dict.fromkeys(word[:LONGEST_WORD] for word in contact.search_name.split())
        rows += [
            ContactWord(contact=contact, organization_id=contact.organization_id or 0, word=word)
            for word in list(words)[:MOST_WORDS]
        ]
    insert_rows(rows)
    return changed


def find_contacts(organization_id: int, typed: str) -> list[int]:
    """The ids of up to `MOST_FOUND` contacts of the organization that the text may mean: by number if it looks like one, then by
    names, exact words first; a BSUID finds its person too."""
    found: dict[int, None] = {}
    for rows in _queries(organization_id, typed.strip()):
        _collect(rows, found)
        if len(found) >= MOST_FOUND:
            break
    return list(found)[:MOST_FOUND]


def _collect(rows: "QuerySet[Any, int]", found: dict[int, None]) -> None:
    """Look at the rows until enough are found: a contact has a row for each of its words that begins so."""
    for start in itertools.count(step=MOST_FOUND):
        part = list(rows[start : start + MOST_FOUND])
        found |= dict.fromkeys(part)
        if len(part) < MOST_FOUND or len(found) >= MOST_FOUND:
            return


def _queries(organization_id: int, typed: str) -> "Iterator[QuerySet[Any, int]]":
    contacts = Contact.objects.filter(organization=organization_id).values_list("pk", flat=True)
    if _is_like_a_number(typed):
        yield contacts.filter(_begins("phone_key", beginnings(typed))).order_by("phone_key")
        yield contacts.filter(_begins("reversed_phone", [end[::-1] for end in _endings(typed)])).order_by("reversed_phone")
    words = {word[:LONGEST_WORD] for word in normalized(typed).split()[:MOST_WORDS]}
    if words and (len(words) == 1 or not _is_like_a_number(typed)):
        yield _by_words(organization_id, words)
    if "." in typed:
        country, _, rest = typed.partition(".")
        yield contacts.filter(bsuid=f"{country.upper()}.{rest}")


def _is_like_a_number(typed: str) -> bool:
    return len(_digits(typed)) >= FEWEST_DIGITS and not re.search(r"[^\W\d_]", typed)


def _digits(typed: str) -> str:
    return re.sub(r"[^0-9]", "", typed)


def _endings(typed: str) -> list[str]:
    """The last digits that the number may have: people who leave out the area code write the ninth digit all the same."""
    digits = _digits(typed)
    return [digits, digits[1:]] if re.fullmatch(r"9[6-9]\d{7}", digits) else [digits]


def _begins(column: str, openings: Iterable[str]) -> Q:
    """As a range: neither SQLite nor MySQL uses an index for what Django makes of `startswith` (LIKE, and LIKE BINARY)."""
    which = Q(pk__in=[])
    for opening in openings:
        which |= Q(**{f"{column}__gte": opening, f"{column}__lt": opening + LAST_LETTER})
    return which


def _by_words(organization_id: int, words: Iterable[str]) -> "QuerySet[Any, int]":
    """The rarest word leads; the others are looked up among the contacts that it finds."""
    rarest, *others = _rarest_first(organization_id, sorted(words, key=lambda word: (-len(word), word)))
    rows = ContactWord.objects.filter(_begins("word", [rarest]), organization_id=organization_id)
    for word in others:
        rows = rows.filter(Exists(ContactWord.objects.filter(_begins("word", [word]), contact=OuterRef("contact"))))
    return rows.order_by("word", "contact").values_list("contact", flat=True)


def _rarest_first(organization_id: int, words: list[str]) -> list[str]:
    """One query, which looks at no more than `ENOUGH_TO_COUNT` rows for each: beyond that a word is common."""
    if len(words) < 2:
        return words
    table = connection.ops.quote_name(ContactWord._meta.db_table)
    rows = f"SELECT 1 FROM {table} WHERE organization_id = %s AND word >= %s AND word < %s LIMIT {ENOUGH_TO_COUNT}"  # noqa: S608
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({rows}) AS few)" for _ in words)  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [value for word in words for value in (organization_id, word, word + LAST_LETTER)])
        found = cursor.fetchone()
    return [word for _, word in sorted(zip(found, words, strict=True), key=lambda each: each[0])]
