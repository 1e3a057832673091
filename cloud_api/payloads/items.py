"""The content of a webhook as values. `parse` in this package returns them. Nothing here uses a database.

A body has entries, an entry has changes, and a change has lists of objects. Each object becomes one Item. Times are unix seconds
in UTC, or None if Meta's value is missing or absurd. Identifiers are strings even if Meta sends a number. Every value is safe to
store: no NUL, no lone surrogate, no NaN, no nesting deeper than a database allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Channel(StrEnum):
    """How a message reached the hub."""

    LIVE = "live"
    """A customer's message to the number, in `messages`."""
    PHONE_APP = "phone_app"
    """The business wrote it in the WhatsApp Business app; in `smb_message_echoes` or `message_echoes`."""
    HISTORY = "history"
    """From either side, in `history`: chats from before a number of the phone app was connected."""
    STANDBY = "standby"
    """From either side, in `standby`: Meta Business Agent has the conversation."""


@dataclass(frozen=True, slots=True)
class Person:
    """The person on the other side, as one webhook names them. An accepted item has `wa_id`, `bsuid` or both. Missing and empty
    values are both None (docs/meta-platform.md 5.3)."""

    wa_id: str | None = None
    bsuid: str | None = None
    parent_bsuid: str | None = None
    username: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One object of a webhook. `position` is where it is in the body, and is the same each time the body is parsed."""

    position: str
    field: str
    phone_number_id: str | None = None
    waba_id: str | None = None
    raw: Any = None


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """The person `old` has the identifiers of `new` from now on (docs/meta-platform.md 5.4). Either may lack the phone or the
    BSUID."""

    old: Person
    new: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Item):
    """One message of either side. `raw` is Meta's API object. `payload` is the same object with the content at its top level."""

    wamid: str
    timestamp: int | None
    kind: str
    """Meta's `type`, such as text, image, reaction or system. An unknown type is kept. A call has the kind call."""
    content: str
    """The readable text: text, caption, place, button title … Never empty."""
    person: Person
    from_customer: bool
    channel: Channel
    payload: Mapping[str, Any] = field(default_factory=dict)
    status: str | None = None
    """In history only: sent, delivered, read, played, failed or pending."""
    group_id: str | None = None
    quoted_wamid: str | None = None
    """The message that this one quotes (`context.id`)."""
    target_wamid: str | None = None
    """The message that this reaction, edit or revoke changes."""
    shared_wa_id: str | None = None
    """The person's own phone, shared with the button that asks for it (`origin: contact_request`)."""
    identity_change: IdentityChange | None = None
    """Of kind system: the person's new identifiers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Item):
    """A status of an outbound message (docs/meta-platform.md 4). `status` is Meta's word in lower case, known or not."""

    wamid: str
    status: str
    timestamp: int | None
    participant: str = ""
    """In a group, the member whose status it is: BSUID, else phone. Empty otherwise."""
    recipient: Person = field(default_factory=Person)
    callback_data: str | None = None
    pricing: dict[str, Any] | None = None
    conversation: dict[str, Any] | None = None
    errors: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityUpdate(Item):
    """The withdrawn field `user_id_update`: an identity change outside any message."""

    change: IdentityChange
    timestamp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBookEntry(Item):
    """A person was added to or removed from the phone app's address book (`smb_app_state_sync`)."""

    person: Person
    removed: bool
    timestamp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketingPreference(Item):
    """A person stopped or resumed marketing messages (`user_preferences`)."""

    person: Person
    stopped: bool
    timestamp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent(Item):
    """An event of a number, an account or a template, or an unknown field. `raw` is the change's value, or the object in it that
    is not a message (an error, a call's status, a handover, declined history)."""

    event: str
    """Meta's word for the event (`event`, `decision`, `status`, `type` …) in lower case. Empty if there is none."""
    timestamp: int | None
    display_phone_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Item):
    """An object that can never be applied. `raw` has it, and `reason` is a sentence for operators."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyItem(Item):
    """Something that names a number or an account, and has nothing to apply: a change without content, or the item of a person who
    was erased. It still says to whom a part of the body belongs."""


class UnreadableBody(ValueError):
    """A body that is not a WhatsApp webhook. The message is a sentence for operators."""
