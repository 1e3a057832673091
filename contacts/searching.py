"""How a person is found: by the beginning of any word of their names, and by the number however it is typed."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from django.db.models import Q, QuerySet

from cloud_api.wa_ids import beginnings
from contacts.models import Contact, ContactWord
from jobs.inserting import insert_rows

MOST_WORDS = 12
"""Words of one contact that are looked at."""
MOST_FOUND = 200
"""People that one search looks at; whoever wants another types more."""
FEWEST_DIGITS = 3
LONGEST_WORD = 40


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
            ContactWord(contact=contact, organization_id=contact.organization_id or 0, word=word) for word in list(words)[:MOST_WORDS]
        ]
    insert_rows(rows)
    return changed


def find_contacts(organization_id: int, typed: str) -> list[int]:
    """The ids of up to `MOST_FOUND` contacts of the organization that the text may mean; by number if it looks like one, else by
    names, exact words first; a BSUID finds its person too."""
    found: dict[int, None] = {}
    for rows in _queries(organization_id, typed.strip()):
        found |= dict.fromkeys(rows[: MOST_FOUND - len(found)])
        if len(found) >= MOST_FOUND:
            break
    return list(found)


def _queries(organization_id: int, typed: str) -> "Iterable[QuerySet[Contact, int]]":
    contacts = Contact.objects.filter(organization=organization_id)
    digits = re.sub(r"\D", "", typed)
    if len(digits) >= FEWEST_DIGITS and not re.search(r"[^\W\d_]", typed):
        keys = beginnings(typed)
        yield contacts.filter(phone_key__in=keys).order_by().values_list("pk", flat=True)
        yield contacts.filter(_begins("phone_key", keys)).order_by("phone_key").values_list("pk", flat=True)
        yield contacts.filter(reversed_phone__startswith=digits[::-1]).order_by("reversed_phone").values_list("pk", flat=True)
        return
    words = [word[:LONGEST_WORD] for word in normalized(typed).split()][:MOST_WORDS]
    if words:
        yield _by_words(organization_id, words)
    if "." in typed:
        yield contacts.filter(bsuid=typed).values_list("pk", flat=True)


def _begins(column: str, beginnings: Sequence[str]) -> Q:
    which = Q(pk__in=[])
    for beginning in beginnings:
        which |= Q(**{f"{column}__startswith": beginning})
    return which


def _by_words(organization_id: int, words: Sequence[str]) -> "QuerySet[Contact, int]":
    """Of several words the longest leads, since it is likely to be the rarest; the others are looked up among those it finds."""
    longest, *others = sorted(words, key=len, reverse=True)
    rows = ContactWord.objects.filter(organization_id=organization_id, word__startswith=longest)
    for word in others:
        rows = rows.filter(contact__words__word__startswith=word)
    return rows.order_by("word").values_list("contact", flat=True)  # type: ignore[return-value]
