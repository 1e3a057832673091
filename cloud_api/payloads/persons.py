"""The persons whom an item names, and items of persons who were erased.

`cloud_api.payloads.erasure` replaces the values of a person in a body by marks. An item with a mark among its ids is never applied.
"""

import re
from collections.abc import Iterator
from typing import Any

from cloud_api.payloads.items import (
    AddressBookEntry,
    IdentityUpdate,
    Item,
    MarketingPreference,
    Message,
    Person,
    Status,
    Unreadable,
)

MARK = "erased"
"""Stands for a value of an erased person. In place of an id, a full stop and a digest follow it, the same in the whole erasure."""
_MARK = re.compile(rf"{MARK}(?:\.[0-9a-f]{{20}})?")


def persons_of(item: Item) -> list[Person]:
    """Returns the persons whose item this is: the other side of a message, the recipient of a status, both sides of a change."""
    match item:
        case Message():
            change = item.identity_change
            shared = [Person(wa_id=item.shared_wa_id)] if item.shared_wa_id else []
            return [item.person, *shared, *([change.old, change.new] if change else [])]
        case Status():
            return [item.recipient, Person(wa_id=item.participant), Person(bsuid=item.participant)]
        case IdentityUpdate():
            return [item.change.old, item.change.new]
        case AddressBookEntry() | MarketingPreference():
            return [item.person]
        case _:
            return []


def is_mark(value: Any) -> bool:
    """Returns whether the value stands for a value of an erased person."""
    return isinstance(value, str) and _MARK.fullmatch(value) is not None


def is_erased(item: Item) -> bool:
    """Returns whether the item belonged to a person who was erased."""
    if isinstance(item, Unreadable):
        return any(map(is_mark, _own_ids(item.raw)))
    ids = [getattr(item, "wamid", None), *(each for person in persons_of(item) for each in (person.wa_id, person.bsuid))]
    return any(map(is_mark, ids))


def _own_ids(raw: Any) -> list[Any]:
    """Returns the values of an unreadable object among which its ids are. A text further inside may be what somebody wrote, or the
    quoted message of an erased person."""
    if not isinstance(raw, dict):
        return []
    contact = raw.get("contact")  # of the address book
    return [*raw.values(), *([contact.get("phone_number"), contact.get("user_id")] if isinstance(contact, dict) else [])]


def texts_in(value: Any) -> Iterator[str]:
    """Yields all texts in a JSON value, without the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
