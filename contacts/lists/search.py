"""Search for contacts: by the beginning of any word of their names, and by the phone in any way of writing.

A rare word is looked up in the index of words. A common word is looked for in the list of contacts, from the latest one on: there
it is found soon, and its index entries are in no useful order. A word is rare if it has at most `RARE_WORD_LIMIT` index entries.
No more of them are counted.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import connections, router
from django.db.models import Q

from cloud_api.wa_ids import BRAZIL, beginnings
from contacts.lists.text_folding import fold_text
from contacts.models import Contact, ContactWord
from jobs.bulk_writes import insert_rows
from organizations.models import Organization

MAX_WORDS = 12
"""Indexed words of one contact, and words of one search."""
MAX_FOUND = 200
"""Contacts that one search by phone returns."""
RARE_WORD_LIMIT = 300
MIN_DIGITS = 3
MAX_WORD_LENGTH = 40
MAX_TEXT_LENGTH = 1_000
LAST_LETTER = "\U0010ffff"
"""Sorts after every letter that can continue a word."""


def fold_limited(text: str) -> str:
    """Returns the beginning of the text folded: see `contacts.lists.text_folding`."""
    return fold_text(text[:MAX_TEXT_LENGTH])


def search_name(*, alias: str = "", name: str, username: str) -> str:
    """Returns a contact's names as they are searched, folded: its column `search_name`."""
    return fold_limited(f"{alias} {name} {username}")[:500]


def index_names(contacts: Collection[Contact]) -> list[Contact]:
    """Updates the index of words to the contacts' current names. Returns the contacts whose `search_name` changed, for the caller
    to save. Must run in a transaction that has the contacts locked."""
    names = {id(each): search_name(alias=each.alias, name=each.name, username=each.username) for each in contacts}
    changed = [contact for contact in contacts if contact.search_name != names[id(contact)]]
    if not changed:
        return []
    ContactWord.objects.filter(contact__in=[contact.pk for contact in changed if contact.search_name]).delete()
    rows = []
    for contact in changed:
        contact.search_name = names[id(contact)]
        rows += [
            ContactWord(contact=contact, organization_id=contact.organization_id or 0, word=word)
            for word in search_words_of(contact.search_name)
        ]
    insert_rows(rows)
    return changed


def search_words_of(search_name: str) -> list[str]:
    """Returns the words that are indexed for a contact with this `search_name`, each once."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in search_name.split()))[:MAX_WORDS]


def matches_words(search_name: str, words: Iterable[str]) -> bool:
    """Returns whether each of the words is the beginning of an indexed word of a contact with this `search_name`."""
    name = f" {search_name}"
    # This rejects almost all names. The rest takes ten times as long.
    if not all(f" {word}" in name for word in words):
        return False
    own = search_words_of(search_name)
    return all(any(each.startswith(word) for each in own) for word in words)


def read_search_words(typed: str) -> list[str]:
    """Returns the words of a search, folded, each once."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in fold_limited(typed).split()[:MAX_WORDS]))


@dataclass(frozen=True)
class FoundContacts:
    """The ids of contacts that a search found. `is_cut`: there are more."""

    ids: Sequence[int]
    is_cut: bool = False


def find_contacts(organization_id: int, typed: str) -> FoundContacts | None:
    """Finds contacts of the organization by phone (if the text looks like one), by user id and by names. Returns None if all words
    are common. The caller then looks for them in the list of contacts, with `matches_words`."""
    typed = typed.strip()
    is_phone = len(_digits(typed)) >= MIN_DIGITS and not re.search(r"[^\W\d_]", typed)
    by_phone = _find_by_phone(organization_id, typed) if is_phone else []
    by_user_id = _find_by_user_id(organization_id, typed)
    words = read_search_words(typed)
    by_words = _find_by_words(organization_id, words) if words and (len(words) == 1 or not is_phone) else []
    if by_words is None and not (is_phone or by_user_id):
        return None
    found = list(dict.fromkeys([*by_phone, *by_user_id, *(by_words or [])]))
    return FoundContacts(found, is_cut=by_words is None or len(by_phone) >= MAX_FOUND)


def _find_by_phone(organization_id: int, typed: str) -> list[int]:
    contacts = Contact.objects.filter(organization=organization_id).values_list("pk", flat=True)
    country = Organization.objects.filter(pk=organization_id).values_list("country", flat=True).first()
    first_digits = beginnings(typed, country=country or BRAZIL)
    found = list(contacts.filter(_begins_with("phone_key", first_digits)).order_by("phone_key")[:MAX_FOUND])
    if len(found) < MAX_FOUND:
        last_digits = [digits[::-1] for digits in _last_digits(typed)]
        rows = contacts.filter(_begins_with("reversed_phone", last_digits)).order_by("reversed_phone")
        found += rows[: MAX_FOUND - len(found)]
    return found


def _find_by_user_id(organization_id: int, typed: str) -> list[int]:
    country, dot, rest = typed.partition(".")
    if not dot:
        return []
    contacts = Contact.objects.filter(organization=organization_id, bsuid=f"{country.upper()}.{rest}")
    return list(contacts.values_list("pk", flat=True)[:MAX_FOUND])


def _digits(typed: str) -> str:
    return re.sub(r"[^0-9]", "", typed)


def _last_digits(typed: str) -> list[str]:
    """Returns the digits with which the phone may end."""
    digits = _digits(typed)
    # People who leave out the area code still write Brazil's optional ninth digit.
    return [digits, digits[1:]] if re.fullmatch(r"9[6-9]\d{7}", digits) else [digits]


def _begins_with(column: str, beginnings_of_value: Iterable[str]) -> Q:
    """Returns a condition on the column as ranges. Neither SQLite nor MySQL uses an index for what Django makes of `startswith`
    (LIKE and LIKE BINARY)."""
    condition = Q(pk__in=[])
    for beginning in beginnings_of_value:
        condition |= Q(**{f"{column}__gte": beginning, f"{column}__lt": beginning + LAST_LETTER})
    return condition


def _find_by_words(organization_id: int, words: Sequence[str]) -> list[int] | None:
    """Finds the contacts that have all the words, by the index entries of the rarest one. Returns None if no word is rare."""
    rarest, count = _rarest_word(organization_id, words)
    if count > RARE_WORD_LIMIT:
        return None
    rows = ContactWord.objects.filter(_begins_with("word", [rarest]), organization_id=organization_id).order_by("word", "contact")
    if len(words) == 1:
        return list(rows.values_list("contact", flat=True))
    return [pk for pk, name in rows.values_list("contact", "contact__search_name") if matches_words(name, words)]


def _rarest_word(organization_id: int, words: Sequence[str]) -> tuple[str, int]:
    """Returns the word with the fewest index entries, and their number. Counts at most `RARE_WORD_LIMIT` + 1 entries of a word."""
    connection = connections[router.db_for_read(ContactWord)]
    table = connection.ops.quote_name(ContactWord._meta.db_table)
    rows = f"SELECT 1 FROM {table} WHERE organization_id = %s AND word >= %s AND word < %s LIMIT {RARE_WORD_LIMIT + 1}"  # noqa: S608
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({rows}) AS few)" for _ in words)  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [value for word in words for value in (organization_id, word, word + LAST_LETTER)])
        found = cursor.fetchone()
    return min(zip(words, found, strict=True), key=lambda each: each[1])
