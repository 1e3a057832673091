"""Erases one person in the body of a webhook. The body keeps its form: each value of the person is replaced by a mark of the same
JSON type. Other persons in the same body keep theirs.

An object that belongs to the person, such as a message, loses all its values. In other objects, only what names the person is
replaced: the entry in `contacts[]`, the heading of a thread, the quoted message.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloud_api.payloads.fields import digits, is_bsuid
from cloud_api.payloads.items import (
    AddressBookEntry,
    IdentityUpdate,
    Item,
    MarketingPreference,
    Message,
    Person,
    Status,
    UnreadableBody,
)
from cloud_api.payloads.json_values import decode
from cloud_api.payloads.parser import entries
from cloud_api.payloads.persons import MARK, is_erased, persons_of, texts_in
from cloud_api.wa_ids import formatted, same_person_key, variants

ITEMS_OF_PERSONS = (Message, Status, IdentityUpdate, AddressBookEntry, MarketingPreference)
ID_KEYS = {"id", "message_id", "original_message_id", "meta_msg_id"}
"""Keys of message ids. One id is replaced by one mark wherever it is, so that references stay references."""
WORD_KEYS = {"type", "status", "event", "field", "action", "direction", "messaging_product", "origin"}
"""Keys whose values are Meta's words and not the person's."""
TARGET_KEYS = {"reaction": "message_id", "edit": "original_message_id", "revoke": "original_message_id"}
UNREADABLE = b'"erased"'
"""Replaces a body that is no webhook and contains an identifier of the person."""

_PHONE = re.compile(r"\+?[\d\s().-]{1,40}", re.ASCII)
_WORD = re.compile(r"[a-z_]{1,40}")
_TIME = re.compile(r"\d{10}|\d{13}")


@dataclass(frozen=True, slots=True)
class Period:
    """In which time an identifier was the person's, in unix seconds. Outside of it, the identifier is somebody else's, or the
    person's after the erasure."""

    until: float
    since: float | None = None

    def covers(self, time: float) -> bool:
        return time <= self.until and (self.since is None or time >= self.since)


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """A person who is erased: what identifies them on the numbers of one organization."""

    phones: Mapping[str, Period]
    """By `same_person_key`."""
    bsuids: Mapping[str, Period]
    numbers: Collection[str] | None
    """The phone_number_ids on which the person is erased. None: the whole body is the organization's."""
    accounts: Collection[str]
    """The accounts whose changes name no number and are the organization's."""
    secret: bytes
    """The key of the marks of ids. It is forgotten with the erasure."""
    wamids: Collection[str] = ()
    """Messages that are known to be the person's."""

    def is_named(self, person: Person, time: float) -> bool:
        """Returns whether this is the person at that time."""
        return self._covers(self.bsuids, person.bsuid, time) or self._covers(self.phones, phone_of(person.wa_id), time)

    def is_identifier(self, value: str, time: float) -> bool:
        """Returns whether the text is an identifier of the person, or the id of a message with them."""
        if value.startswith("wamid."):
            return self.is_wamid(value, time)
        if is_bsuid(value):
            return self._covers(self.bsuids, value, time)
        return self._covers(self.phones, phone_of(value), time)

    def is_wamid(self, wamid: str, time: float) -> bool:
        """Returns whether the message id is known to be the person's, or contains their phone."""
        if wamid in self.wamids:
            return True
        decoded = decoded_wamid(wamid)
        covering = [key for key, period in self.phones.items() if period.covers(time)]
        return any(_contains_phone(decoded, each) for key in covering for each in variants(key))

    def owns(self, item: Item, time: float) -> bool:
        """Returns whether the item belongs to the person."""
        named = [each for each in persons_of(item) if each.wa_id or each.bsuid]
        if any(self.is_named(each, time) for each in named) or getattr(item, "wamid", None) in self.wamids:
            return True
        return not named and isinstance(item, Message) and self.is_wamid(item.wamid, time)

    def mark(self, key: str, value: str) -> str:
        """Returns the mark that replaces the value at this key."""
        if key not in ID_KEYS:
            return MARK
        return self.mark_of_id(value)

    def mark_of_id(self, value: str) -> str:
        return f"{MARK}.{hmac.new(self.secret, value.encode(), hashlib.sha256).hexdigest()[:20]}"

    @property
    def needles(self) -> list[str]:
        """Texts of which every body about the person has one."""
        found: list[str] = list(self.bsuids)
        for phone in [each for key in self.phones for each in variants(key)]:
            found += [phone, formatted(phone), *_base64_of(phone)]
        return found

    @staticmethod
    def _covers(periods: Mapping[str, Period], value: str | None, time: float) -> bool:
        period = periods.get(value) if value else None
        return period is not None and period.covers(time)


def phone_of(value: str | None) -> str:
    """Returns the comparable form of a phone, as it may stand in a body: with a plus, spaces or hyphens. Any other text is returned
    as it is, and None as an empty text."""
    text = value or ""
    return same_person_key(digits(text)) if _PHONE.fullmatch(text) else text


def decoded_wamid(wamid: str) -> bytes:
    """Returns the bytes of a message id, empty if it is none of Meta's."""
    text = wamid.removeprefix("wamid.").split(":")[0].encode(errors="ignore")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return b""


def erase_person(body: bytes, person: ErasedPerson, *, received_at: float) -> tuple[bytes, list[Item]]:
    """Returns the body without the person, and the items that were the person's. The body is the same one if it has nothing of the
    person. `received_at`: when the webhook arrived, in unix seconds."""
    try:
        root = decode(body)
        items = list(entries(root))
    except UnreadableBody:
        is_theirs = any(needle.encode() in body for needle in person.needles) and _covered(person, received_at)
        return (UNREADABLE if is_theirs else body), []
    erasing = _Erasing(person, received_at)
    changes: dict[tuple[str, ...], list[Item]] = defaultdict(list)
    for item in items:
        changes[tuple(item.position.split(".")[:2])].append(item)
    for position, of_change in changes.items():
        if _is_own(person, of_change):
            erasing.erase_change(_value_at(root, position), of_change)
    if not erasing.has_changed:
        return body, []
    return json.dumps(root, ensure_ascii=False, separators=(",", ":")).encode(), erasing.erased


class _Erasing:
    """The erasure of one body."""

    def __init__(self, person: ErasedPerson, received_at: float) -> None:
        self.person = person
        self.received_at = received_at
        self.erased: list[Item] = []
        self.has_changed = False

    def erase_change(self, value: Any, items: Iterable[Item]) -> None:
        """Erases the person's items in the value of one change, and what names the person around them."""
        own = [item for item in items if isinstance(item, ITEMS_OF_PERSONS) and not is_erased(item)]
        theirs = [item for item in own if self.person.owns(item, self._time_of(item))]
        others = [item for item in own if item not in theirs]
        for item in theirs:
            self._erase(item.raw)
        self.erased += theirs
        # The person may have written again after the erasure, or the phone may have another owner: their entry stays then.
        still_named = {each for item in others for who in persons_of(item) for each in (who.bsuid, phone_of(who.wa_id)) if each}
        time = self._latest_covered(theirs)
        for item in others:
            self._erase_references(item.raw, time)
        self._erase_frame(value, {id(item.raw) for item in others}, still_named, time)

    def _time_of(self, item: Item) -> float:
        timestamp = getattr(item, "timestamp", None)
        return self.received_at if timestamp is None else min(timestamp, self.received_at)

    def _latest_covered(self, items: Iterable[Item]) -> float:
        """Returns the time as of which what is around the items names the person."""
        return max(map(self._time_of, items), default=self.received_at)

    def _erase_frame(self, node: Any, kept: set[int], still_named: set[str], time: float) -> None:
        """Erases each object with an identifier of the person, outside the items of other persons."""
        if id(node) in kept:
            return
        if isinstance(node, dict):
            texts = [each for each in node.values() if isinstance(each, str)]
            if any(self.person.is_identifier(each, time) and not {each, phone_of(each)} & still_named for each in texts):
                self._erase(node, kept)
                return
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        for child in children:
            self._erase_frame(child, kept, still_named, time)

    def _erase_references(self, raw: Any, time: float) -> None:
        """Erases what another person's message says of a message of the person: they are in one group."""
        context = raw.get("context") if isinstance(raw, dict) else None
        if isinstance(context, dict) and any(self.person.is_identifier(each, time) for each in texts_in(context)):
            self._erase(context)
        for kind, key in TARGET_KEYS.items():
            target = raw.get(kind) if isinstance(raw, dict) else None
            if isinstance(target, dict) and isinstance(target.get(key), str) and self.person.is_wamid(target[key], time):
                target[key] = self.person.mark_of_id(target[key])
                self.has_changed = True

    def _erase(self, node: Any, kept: Collection[int] = ()) -> None:
        """Replaces all values in an object or list, except other persons' items in it."""
        if id(node) in kept:
            return
        self.has_changed = True
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(value, dict | list):
                self._erase(value, kept)
            else:
                node[key] = erased_value(self.person, str(key), value)


def erased_value(person: ErasedPerson, key: str, value: Any) -> Any:
    """Returns the mark of a single value of the person. Meta's words, times, truth values and null stay."""
    if isinstance(value, str):
        is_word = (key in WORD_KEYS and _WORD.fullmatch(value)) or (key == "timestamp" and _TIME.fullmatch(value))
        return value if is_word else person.mark(key, value)
    if value is None or isinstance(value, bool) or key == "timestamp":
        return value
    return type(value)(0)


def _is_own(person: ErasedPerson, items: Iterable[Item]) -> bool:
    if person.numbers is None:
        return True
    for item in items:
        if item.phone_number_id:
            return item.phone_number_id in person.numbers
        if item.waba_id:
            return item.waba_id in person.accounts
    return False


def _value_at(root: Any, position: tuple[str, ...]) -> Any:
    """Returns the value of a change, the entry if it has no changes, by the beginning of a position."""
    node = root["entry"][int(position[0])]
    if len(position) > 1 and isinstance(node, dict):
        node = node["changes"][int(position[1])]
        node = node.get("value") if isinstance(node, dict) else node
    return node


def _covered(person: ErasedPerson, time: float) -> bool:
    return any(period.covers(time) for period in (*person.phones.values(), *person.bsuids.values()))


def _contains_phone(decoded: bytes, phone: str) -> bool:
    """Whether these digits, and no further ones around them, are in the bytes of a message id."""
    return re.search(rb"(?<!\d)%s(?!\d)" % re.escape(phone.encode()), decoded) is not None


def _base64_of(phone: str) -> Iterator[str]:
    """Yields how the digits may stand in Base64, which depends on the bytes before them."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + phone.encode()).decode()
        yield encoded[-(-offset * 4 // 3) : (offset + len(phone)) * 4 // 3]
