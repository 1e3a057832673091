"""How a person is found: by the beginning of any word of their names, and by the number however it is typed.

A word that few contacts have is looked up in its index. A common one is looked for along the list, from the latest contact on:
there it is found soon, while its index entries are in no useful order. To decide, `RARE_WORD_LIMIT` entries of each word are counted at most.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from cloud_api.wa_ids import BRAZIL, beginnings
from contacts.lists.text_folding import fold_text
from contacts.models import Contact, ContactWord
from jobs.bulk_writes import insert_rows
from organizations.models import Organization

MAX_WORDS = 12
"""Words of one contact that are looked at."""
MAX_FOUND = 200
"""People that one search by number gives; whoever wants another types more."""
RARE_WORD_LIMIT = 300
"""Index entries of a word, up to which it is rare."""
MIN_DIGITS = 3
MAX_WORD_LENGTH = 40
MAX_TEXT_LENGTH = 1_000
LAST_LETTER = "\U0010ffff"
"""Comes after all that a word may go on with."""


def fold_limited(text: str) -> str:
    """The beginning of the text in lower case, without accents: see `contacts.lists.text_folding`."""
    return fold_text(text[:MAX_TEXT_LENGTH])


def search_name_of(contact: Contact) -> str:
    """All that people may call the contact, normalized."""
    return fold_limited(f"{contact.alias} {contact.name} {contact.username}")[:500]


def index_names(contacts: Collection[Contact]) -> list[Contact]:
    """Make these contacts findable by the names they have now; returns those whose `search_name` changed, for the caller to save.
    Must run in a transaction that has them locked."""
    names = {id(contact): search_name_of(contact) for contact in contacts}
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
    """The words by which whoever has this name is found, each once."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in search_name.split()))[:MAX_WORDS]


def matches_words(search_name: str, words: Iterable[str]) -> bool:
    """Whether each of the words is the beginning of one by which whoever has this name is found."""
    name = f" {search_name}"
    if not all(f" {word}" in name for word in words):  # of almost all names; the rest costs ten times as much
        return False
    own = search_words_of(search_name)
    return all(any(each.startswith(word) for each in own) for word in words)


def read_search_words(typed: str) -> list[str]:
    """The words of what somebody searches for, each once."""
    return list(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in fold_limited(typed).split()[:MAX_WORDS]))


@dataclass(frozen=True)
class FoundContacts:
    """The ids of contacts that a text may mean. `is_cut`: there are more."""

    ids: Sequence[int]
    is_cut: bool = False


def find_contacts(organization_id: int, typed: str) -> FoundContacts | None:
    """The contacts of the organization that the text may mean, by number if it looks like one, by user ID, and by names. None if it
    is made of common words: then look for them along the list, with `matches_words`."""
    typed = typed.strip()
    is_number = _is_like_a_number(typed)
    numbered = _by_number(organization_id, typed) if is_number else []
    known = _by_user_id(organization_id, typed)
    words = read_search_words(typed)
    named = _by_words(organization_id, words) if words and (len(words) == 1 or not is_number) else []
    if named is None and not (is_number or known):
        return None
    found = list(dict.fromkeys([*numbered, *known, *(named or [])]))
    return FoundContacts(found, is_cut=named is None or len(numbered) >= MAX_FOUND)


def _by_number(organization_id: int, typed: str) -> list[int]:
    contacts = Contact.objects.filter(organization=organization_id).values_list("pk", flat=True)
    country = Organization.objects.filter(pk=organization_id).values_list("country", flat=True).first()
    openings = beginnings(typed, country=country or BRAZIL)
    found = list(contacts.filter(_begins("phone_key", openings)).order_by("phone_key")[:MAX_FOUND])
    if len(found) < MAX_FOUND:
        endings = [end[::-1] for end in _endings(typed)]
        found += contacts.filter(_begins("reversed_phone", endings)).order_by("reversed_phone")[: MAX_FOUND - len(found)]
    return found


def _by_user_id(organization_id: int, typed: str) -> list[int]:
    country, dot, rest = typed.partition(".")
    if not dot:
        return []
    contacts = Contact.objects.filter(organization=organization_id, bsuid=f"{country.upper()}.{rest}")
    return list(contacts.values_list("pk", flat=True)[:MAX_FOUND])


def _is_like_a_number(typed: str) -> bool:
    return len(_digits(typed)) >= MIN_DIGITS and not re.search(r"[^\W\d_]", typed)


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


def _by_words(organization_id: int, words: Sequence[str]) -> list[int] | None:
    """The contacts that have all the words, looked up by the rarest of them; None if none of the words is rare."""
    rarest, count = _rarest(organization_id, words)
    if count > RARE_WORD_LIMIT:
        return None
    rows = ContactWord.objects.filter(_begins("word", [rarest]), organization_id=organization_id).order_by("word", "contact")
    if len(words) == 1:
        return list(rows.values_list("contact", flat=True))
    return [pk for pk, name in rows.values_list("contact", "contact__search_name") if matches_words(name, words)]


def _rarest(organization_id: int, words: Sequence[str]) -> tuple[str, int]:
    """The word that the fewest contacts have, and how many index entries it has: `RARE_WORD_LIMIT` and one at most are counted of each."""
    table = connection.ops.quote_name(ContactWord._meta.db_table)
    rows = f"SELECT 1 FROM {table} WHERE organization_id = %s AND word >= %s AND word < %s LIMIT {RARE_WORD_LIMIT + 1}"  # noqa: S608
    counts = ", ".join(f"(SELECT COUNT(*) FROM ({rows}) AS few)" for _ in words)  # noqa: S608  no input in it
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}", [value for word in words for value in (organization_id, word, word + LAST_LETTER)])
        found = cursor.fetchone()
    return min(zip(words, found, strict=True), key=lambda each: each[1])
