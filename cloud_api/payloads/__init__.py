"""The content of Meta's webhooks: `parse(body)` returns the items of a body (docs/meta-platform.md 2, 3, 4, 5). Uses no database
and no clock."""

from cloud_api.payloads.items import (
    AccountEvent,
    AddressBookEntry,
    Channel,
    IdentityChange,
    IdentityUpdate,
    Item,
    MarketingPreference,
    Message,
    Person,
    Status,
    Unreadable,
    UnreadableBody,
)
from cloud_api.payloads.parsing import iterate, parse

__all__ = [
    "AccountEvent",
    "AddressBookEntry",
    "Channel",
    "IdentityChange",
    "IdentityUpdate",
    "Item",
    "MarketingPreference",
    "Message",
    "Person",
    "Status",
    "Unreadable",
    "UnreadableBody",
    "iterate",
    "parse",
]
