"""The content of Meta's webhooks: `parse(body)` returns the items of a body (docs/meta-platform.md 2, 3, 4, 5). Uses no database
and no clock.

Other packages also use these modules:

    erasure       erases a person in a body: ErasedPerson, Period, decoded_wamid, erase_person, erased_value, phone_of
    persons       the persons whom an item names: MARK, is_mark, persons_of, texts_in
    fields        values of a body: is_bsuid, seconds
    json_values   values that every database accepts: clean; strict JSON: decode
    texts         the readable text of a message and its parts: card_name, chosen_reply, content_of, file_name, form_files,
                  is_missed_call, is_visible, mapping, objects, text
"""

from cloud_api.payloads.items import (
    AccountEvent,
    AddressBookEntry,
    Channel,
    EmptyItem,
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
from cloud_api.payloads.parser import iterate, parse

__all__ = [
    "AccountEvent",
    "AddressBookEntry",
    "Channel",
    "EmptyItem",
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
