"""What a webhook of Meta's says, as values. `parse` in this package makes them; nothing here touches a database.

A body holds entries, an entry changes, a change lists of things. Each thing becomes one Item. Times are unix seconds, UTC, or
None where Meta's is missing or absurd. Identifiers are text even where Meta sends a number. Every value is safe to store: no NUL,
no lone surrogate, no NaN, no nesting deeper than a database's JSON takes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Channel(StrEnum):
    """How a message came to be known."""

    LIVE = "live"
    """A customer's message to the number, in `messages`."""
    PHONE_APP = "phone_app"
    """The business wrote it in the WhatsApp Business app, in `smb_message_echoes` or `message_echoes`."""
    HISTORY = "history"
    """Old chats handed over when a phone app number was connected, in `history`; of either side."""
    STANDBY = "standby"
    """The same things while Meta Business Agent holds the conversation, in `standby`; of either side."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever is on the other side, as one webhook names them. At least one of `wa_id` and `bsuid` is there in an item that
    was accepted; missing and empty are both None (reference 5.3)."""

    wa_id: str | None = None
    bsuid: str | None = None
    parent_bsuid: str | None = None
    username: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing a webhook says. `position` names its place in the body and is the same each time the body is parsed."""

    position: str
    field: str
    phone_number_id: str | None = None
    waba_id: str | None = None
    raw: Any = None


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """The person `old` is from now on `new` (reference 5.4). Either may lack the phone or the BSUID."""

    old: Person
    new: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Item):
    """One message of either side. `raw` is the API object as Meta gave it."""

    wamid: str
    timestamp: int | None
    kind: str
    """Meta's `type`, e.g. text, image, reaction, system; an unknown one is kept as it is. A call is of kind call."""
    content: str
    """What a person reads in a list: the text, caption, place, button title …; never empty."""
    person: Person
    from_customer: bool
    channel: Channel
    status: str | None = None
    """Only history tells it: sent, delivered, read, played, failed or pending, in lower case."""
    group_id: str | None = None
    quoted_wamid: str | None = None
    """The message this one answers (`context.id`)."""
    target_wamid: str | None = None
    """The message this reaction, edit or revoke acts on."""
    shared_wa_id: str | None = None
    """The person's own phone, given by tapping the button that asks for it (`origin: contact_request`)."""
    identity_change: IdentityChange | None = None
    """Of kind system: the person's new identifiers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Item):
    """What became of a message we sent (reference 4). `status` is as Meta wrote it, lower case, known or not."""

    wamid: str
    status: str
    timestamp: int | None
    participant: str = ""
    """In a group, whose receipt it is: the BSUID, else the phone; empty otherwise."""
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
    """The phone app's address book gained or lost a person (`smb_app_state_sync`)."""

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
    """Something about a number, an account, a template … or a field nobody knows yet. `raw` is the change's value, or the one
    thing in it that is not a message (an error, a call's status, a handover, declined history)."""

    event: str
    """Meta's own word for what happened (`event`, `decision`, `status`, `type` …), lower case; empty where there is none."""
    timestamp: int | None
    display_phone_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Item):
    """A thing that cannot be applied, ever; `raw` keeps it and `reason` says why, in a sentence for operators."""

    reason: str


class UnreadableBody(ValueError):
    """A body that is not a WhatsApp webhook at all; the message says why, in a sentence for operators."""
