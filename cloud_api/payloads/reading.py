"""Small, tolerant readers that all parts of the parser share: identifiers, times, persons."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud_api.payloads.contents import mapping, objects, text
from cloud_api.payloads.items import Item, Person, Unreadable
from cloud_api.wa_ids import same_person_key

LONGEST_WAMID = 255
LONGEST_BSUID = 160
LONGEST_ID = 64
EARLIEST, LATEST = 1_230_768_000, 4_102_444_800
"""2009, when WhatsApp began, and 2100."""

_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]+")
_DIGITS = re.compile(r"\d{1,15}(?:\.0+)?")


class Refused(ValueError):
    """One thing cannot be applied; the message says why, in a sentence for operators."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the body a reader stands, and what holds for all that it finds there."""

    position: str
    field: str
    phone_number_id: str | None = None
    waba_id: str | None = None
    time: int | None = None
    people: tuple[Person, ...] = ()
    own_number: str = ""
    """The number's digits as Meta shows them, in Brazil often without the ninth."""

    def at(self, *steps: object) -> "Place":
        """A place further in."""
        return replace(self, position=".".join([self.position, *map(str, steps)]))

    def common(self, raw: Any) -> dict[str, Any]:
        """What every Item of this place says."""
        return {
            "position": self.position,
            "field": self.field,
            "phone_number_id": self.phone_number_id,
            "waba_id": self.waba_id,
            "raw": raw,
        }

    def unreadable(self, reason: str, raw: Any) -> Item:
        return Unreadable(reason=reason, **self.common(raw))


def identifier(value: Mapping[str, Any], key: str, longest: int = LONGEST_ID) -> str | None:
    """The id at the key; None where it is missing, empty or no id at all. Refused if it is too long to be one."""
    found = value.get(key)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    found = str(found).strip()
    if len(found) > longest:
        raise Refused(f"An id is too long: {key} has more than {longest} characters.")
    return found or None


def seconds(value: Any) -> int | None:
    """Unix seconds of a timestamp, a number or digits; milliseconds are understood, anything absurd is None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    written = str(value).strip()
    if not _DIGITS.fullmatch(written):
        return None
    moment = int(float(written))
    if moment > LATEST:
        moment //= 1000
    return moment if EARLIEST <= moment <= LATEST else None


def person(value: Mapping[str, Any], *, wa_id: str, bsuid: str, parent: str = "") -> Person:
    """The person whose identifiers stand at these keys. A BSUID may stand where a phone belongs, and a phone have its plus."""
    phone, known = identifier(value, wa_id, LONGEST_BSUID), identifier(value, bsuid, LONGEST_BSUID)
    if phone and is_bsuid(phone):
        phone, known = None, known or phone
    if phone and len(phone) > LONGEST_ID:
        raise Refused(f"An id is too long: {wa_id} has more than {LONGEST_ID} characters.")
    return Person(
        wa_id=digits(phone) or phone if phone and phone.startswith("+") else phone,
        bsuid=known,
        parent_bsuid=identifier(value, parent, LONGEST_BSUID) if parent else None,
    )


def is_bsuid(written: str) -> bool:
    """Whether this is a business-scoped user id, e.g. BR.1874209365510427 (reference 5.1)."""
    return _BSUID.fullmatch(written) is not None


def digits(written: str) -> str:
    """The digits of a number as people write it."""
    return "".join(filter(str.isdigit, written))


def people(value: Mapping[str, Any]) -> tuple[Person, ...]:
    """Those in `contacts[]`; an entry with an absurd identifier is left out, the others say enough."""
    found = []
    for contact in objects(value, "contacts"):
        profile = mapping(contact, "profile")
        try:
            known = person(contact, wa_id="wa_id", bsuid="user_id", parent="parent_user_id")
        except Refused:
            continue
        found.append(replace(known, name=text(profile, "name")[:255] or None, username=_username(profile)))
    return tuple(found)


def _username(profile: Mapping[str, Any]) -> str | None:
    name = text(profile, "username").removeprefix("@")
    return name if 0 < len(name) <= LONGEST_ID else None


def completed(sender: Person, known: tuple[Person, ...]) -> Person:
    """The sender with what `contacts[]` says of them: paired by id, never by position (reference 2)."""
    match = next((each for each in known if sender.bsuid and each.bsuid == sender.bsuid), None)
    match = match or next((each for each in known if sender.wa_id and each.wa_id == sender.wa_id), None)
    match = match or next((each for each in known if _is_same(each, sender)), None)
    if match is None and len(known) == 1 and _may_be(known[0], sender):
        match = known[0]
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
    """Whether the sender's phone is the contact's, written otherwise: `from` and `wa_id` may differ in Brazil's ninth digit."""
    if not (known.wa_id and sender.wa_id) or (known.bsuid and sender.bsuid and known.bsuid != sender.bsuid):
        return False
    return same_person_key(known.wa_id) == same_person_key(sender.wa_id)


def _may_be(only: Person, sender: Person) -> bool:
    """Whether the only contact named is the sender: one of them has no id by which to tell."""
    return not (only.wa_id or only.bsuid) or not (sender.wa_id or sender.bsuid)
