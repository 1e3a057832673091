"""Tolerant readers that all parts of the parser share: identifiers, times, persons."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cloud_api.payloads.items import Item, Person, Unreadable
from cloud_api.payloads.texts import is_visible, mapping, objects, text
from cloud_api.wa_ids import same_person_key

MAX_WAMID = 255
MAX_BSUID = 160
MAX_ID = 64
EARLIEST, LATEST = 1_230_768_000, 4_102_444_800
"""Unix seconds of 2009, when WhatsApp began, and of 2100."""

_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]+")
_DIGITS = re.compile(r"\d{1,15}(?:\.0+)?")


class InvalidObject(ValueError):
    """An object cannot be applied. The message is a sentence for operators."""


class People:
    """The persons in a body's `contacts[]`. Each lookup costs the same however many there are: a body may name 100,000."""

    def __init__(self, members: Iterable[Person] = ()) -> None:
        self._members = tuple(members)

    def __bool__(self) -> bool:
        return bool(self._members)

    @property
    def only(self) -> Person | None:
        """The person, if there is exactly one."""
        return self._members[0] if len(self._members) == 1 else None

    def find(self, sender: Person) -> Person | None:
        """Returns the first person with the sender's user id, else with their phone, else with another form of their phone."""
        match = self._by_bsuid.get(sender.bsuid) if sender.bsuid else None
        match = match or (self._by_wa_id.get(sender.wa_id) if sender.wa_id else None)
        if match or not sender.wa_id:
            return match
        return self._by_key.get((same_person_key(sender.wa_id), bool(sender.bsuid)))

    @cached_property
    def _by_bsuid(self) -> dict[str, Person]:
        return {each.bsuid: each for each in reversed(self._members) if each.bsuid}

    @cached_property
    def _by_wa_id(self) -> dict[str, Person]:
        return {each.wa_id: each for each in reversed(self._members) if each.wa_id}

    @cached_property
    def _by_key(self) -> dict[tuple[str, bool], Person]:
        """By comparable phone, for senders without and with a user id. A sender with a user id cannot be a person with another
        one."""
        known = [(same_person_key(each.wa_id), each) for each in reversed(self._members) if each.wa_id]
        return {(key, False): each for key, each in known} | {(key, True): each for key, each in known if not each.bsuid}


NOBODY = People()


@dataclass(frozen=True, slots=True)
class BodyContext:
    """A position in the body, and what applies to everything there."""

    position: str
    field: str
    phone_number_id: str | None = None
    waba_id: str | None = None
    time: int | None = None
    people: People = NOBODY
    own_number: str = ""
    """The number's digits as Meta shows them, in Brazil often without the ninth digit."""

    def at(self, *steps: object) -> "BodyContext":
        """Returns a position further inside. All fields by hand, because `replace` takes three times as long."""
        position = ".".join([self.position, *map(str, steps)])
        return BodyContext(position, self.field, self.phone_number_id, self.waba_id, self.time, self.people, self.own_number)

    def common(self, raw: Any) -> dict[str, Any]:
        """Returns the fields that every Item at this position has."""
        return {
            "position": self.position,
            "field": self.field,
            "phone_number_id": self.phone_number_id,
            "waba_id": self.waba_id,
            "raw": raw,
        }

    def unreadable(self, reason: str, raw: Any) -> Item:
        return Unreadable(reason=reason, **self.common(raw))


def identifier(value: Mapping[str, Any], key: str, longest: int = MAX_ID) -> str | None:
    """Returns the id at the key, None if it is missing, empty or not an id. Raises InvalidObject if it is too
    long."""
    found = value.get(key)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    found = str(found).strip()
    if len(found) > longest:
        raise InvalidObject(f"An id is too long: {key} has more than {longest} characters.")
    return found or None


def seconds(value: Any) -> int | None:
    """Returns the unix seconds of a timestamp, which is a number or digits. Milliseconds are converted, and absurd values are
    None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = str(value).strip()
    if not _DIGITS.fullmatch(written):
        return None
    timestamp = int(float(written))
    if timestamp > LATEST:
        timestamp //= 1000
    return timestamp if EARLIEST <= timestamp <= LATEST else None


def person(value: Mapping[str, Any], *, wa_id: str, bsuid: str, parent: str = "") -> Person:
    """Returns the person with the identifiers at these keys. A BSUID may be in the place of a phone, and a phone may have a
    plus."""
    phone, known = identifier(value, wa_id, MAX_BSUID), identifier(value, bsuid, MAX_BSUID)
    if phone and is_bsuid(phone):
        phone, known = None, known or phone
    if phone and len(phone) > MAX_ID:
        raise InvalidObject(f"An id is too long: {wa_id} has more than {MAX_ID} characters.")
    return Person(
        wa_id=digits(phone) or phone if phone and phone.startswith("+") else phone,
        bsuid=known,
        parent_bsuid=identifier(value, parent, MAX_BSUID) if parent else None,
    )


def is_bsuid(written: str) -> bool:
    """Returns whether this is a business-scoped user id, such as BR.1874209365510427 (docs/meta-platform.md 5.1)."""
    return _BSUID.fullmatch(written) is not None


def digits(written: str) -> str:
    """Returns the digits of a number as people write it."""
    return "".join(filter(str.isdigit, written))


def people(value: Mapping[str, Any]) -> People:
    """Returns the persons in `contacts[]`. An entry with an absurd identifier is left out."""
    found = []
    for contact in objects(value, "contacts"):
        profile = mapping(contact, "profile")
        try:
            known = person(contact, wa_id="wa_id", bsuid="user_id", parent="parent_user_id")
        except InvalidObject:
            continue
        found.append(Person(known.wa_id, known.bsuid, known.parent_bsuid, _username(profile), _profile_name(profile)))
    return People(found)


def _profile_name(profile: Mapping[str, Any]) -> str | None:
    """Returns None for a name that shows nothing: some people use spaces and invisible marks."""
    name = text(profile, "name")[:255]
    return name if is_visible(name) else None


def _username(profile: Mapping[str, Any]) -> str | None:
    name = text(profile, "username").removeprefix("@")
    return name if 0 < len(name) <= MAX_ID else None


def completed(sender: Person, known: People) -> Person:
    """Returns the sender with the data from `contacts[]`, paired by id, never by position (docs/meta-platform.md 2)."""
    match = known.find(sender)
    if match is None and known.only and _may_be(known.only, sender):
        match = known.only
    if match is None:
        return sender
    return Person(
        wa_id=match.wa_id if _is_same(match, sender) else sender.wa_id or match.wa_id,
        bsuid=sender.bsuid or match.bsuid,
        parent_bsuid=sender.parent_bsuid or match.parent_bsuid,
        username=match.username,
        name=match.name,
    )


def _is_same(known: Person, sender: Person) -> bool:
    """Returns whether the sender's phone is another form of the contact's: `from` and `wa_id` may differ in Brazil's ninth
    digit."""
    if not (known.wa_id and sender.wa_id) or (known.bsuid and sender.bsuid and known.bsuid != sender.bsuid):
        return False
    return same_person_key(known.wa_id) == same_person_key(sender.wa_id)


def _may_be(only: Person, sender: Person) -> bool:
    """Returns whether the only contact named is the sender: one of them has no identifier to compare."""
    return not (only.wa_id or only.bsuid) or not (sender.wa_id or sender.bsuid)
