"""What Meta's webhooks say: `parse(body)` gives the items of a body as values (reference 2 to 5). Pure: no database, no clock."""

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
from cloud_api.payloads.parsing import parse

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
    "parse",
]
