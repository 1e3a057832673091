"""Finds and updates the contacts of the persons that items name: identity changes, senders, address books and marketing choices.

All functions must run in a transaction. The contacts that they return are locked until it ends.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.utils import timezone

from chats.conversations.contact_columns import correct_phone_times, merge_conversations
from chats.conversations.conversation_events import changed_names, contact_states
from chats.conversations.inbound_messages import (
    InboundMessage,
    find_contacts_of_messages,
    message_key,
    stored_message_times,
)
from cloud_api.payloads import AddressBookEntry, IdentityChange, IdentityUpdate, Item, MarketingPreference, Message, Person
from contacts.consent.preferences import ReceivedChoice, choice_key, store_choices, stored_choice_times
from contacts.identities.identifier_changes import apply_identity_change
from contacts.identities.profile_names import record_listed_name
from contacts.identities.resolution import Absorbed, NamedPerson, resolve_contacts
from contacts.lists.search import index_names
from contacts.models import Contact
from jobs.bulk_writes import update_rows
from organizations.events.outbox import record_events, reports_events
from organizations.numbers.inbound_items import InboundItem, Kind, items_of_kind

ContactKey = tuple[str, str]
"""The phone_number_id, and the wamid of a message or the key of a choice."""
PERSON_COLUMNS = ["name", "name_since", "search_name", "create_in", "wa_id_at", "marketing_stopped", "marketing_at"]


def identity_change_of(item: Item) -> IdentityChange | None:
    """Returns the change of identifiers that the item contains, if there is one."""
    if isinstance(item, Message):
        return item.identity_change
    return item.change if isinstance(item, IdentityUpdate) else None


def apply_identity_changes(items: Iterable[InboundItem[Item]], now: datetime) -> dict[tuple[int, str], Contact]:
    """Applies the identity changes among these items. Returns their contacts, by the keys of the items."""
    contacts = {}
    for each in items:
        if change := identity_change_of(each.item):
            contacts[each.key] = _apply_identity_change(each, change, now)
    return contacts


def with_contacts(
    messages: Sequence[InboundItem[Message]], known: Mapping[tuple[int, str], Contact], now: datetime
) -> list[InboundMessage]:
    """Finds or creates the contacts of these messages. `known` are contacts of messages with an identity change, by item key."""
    named = [each for each in messages if each.key not in known and _names_person(each.item)]
    times = _first_times(named, message_key, stored_message_times)
    resolved = _resolve(
        [NamedPerson(each.number, _sender(each.item), times.get(message_key(each), each.time)) for each in named], now
    )
    contacts = dict(known) | {each.key: contact for each, contact in zip(named, resolved, strict=True)}
    # A message may name nobody if it changes a stored message. Then it has the contact of that message.
    unnamed = {each.key: message_key(each) for each in messages if not _names_person(each.item)}
    stored = find_contacts_of_messages(unnamed.values(), contacts.values()) if unnamed else {}
    contacts |= {key: stored[unnamed[key]] for key in unnamed}
    return [InboundMessage.of(each, contacts[each.key]) for each in messages]


def store_persons(items: Sequence[InboundItem[AddressBookEntry | MarketingPreference]], now: datetime) -> None:
    """Stores the names of address books and the choices about marketing messages. Removed address book entries change nothing."""
    kept = [each for each in items if not (isinstance(each.item, AddressBookEntry) and each.item.removed)]
    choices = items_of_kind(kept, MarketingPreference)
    first = _first_times(choices, _choice_key, stored_choice_times)
    times = {each.key: first.get(_choice_key(each), each.time) for each in choices}
    named = [_named_person(each, times.get(each.key, each.time)) for each in kept]
    contacts = _resolve(named, now)
    before = contact_states(contacts) if any(reports_events(each.number) for each in kept) else {}
    received = []
    for each, person, contact in zip(kept, named, contacts, strict=True):
        contact.create_in = min(contact.create_in, person.time)
        if isinstance(each.item, MarketingPreference):
            received.append(ReceivedChoice(each.item, contact, person.time))
        else:
            record_listed_name(contact, person.person.name or "", person.time if person.is_dated else None)
    corrected = store_choices(received, now)
    correct_phone_times((each.contact, each.old_time) for each in corrected)
    changed = list({contact.pk: contact for contact in (*contacts, *(each.contact for each in corrected))}.values())
    index_names(changed)
    update_rows(changed, PERSON_COLUMNS)
    if before:
        sources = {contact.pk: (contact, each.webhook) for each, contact in zip(kept, contacts, strict=True)}
        found = [changed_names(contact, before[pk], webhook, timezone.now()) for pk, (contact, webhook) in sources.items()]
        record_events([event for events in found for event in events])


def _resolve(persons: Sequence[NamedPerson], now: datetime) -> list[Contact]:
    contacts, absorbed = resolve_contacts(persons)
    _merge(absorbed, now)
    return contacts


def _merge(absorbed: Sequence[Absorbed], now: datetime) -> None:
    for each in absorbed:
        merge_conversations(each.into, each.contact, now)


def _apply_identity_change(each: InboundItem[Item], change: IdentityChange, now: datetime) -> Contact:
    time = each.time
    if not each.has_own_time and isinstance(each.item, Message):
        key = each.number.phone_number_id, each.item.wamid
        time = min(time, stored_message_times([key]).get(key, time))
    result = apply_identity_change(each.number, change, time, is_dated=each.has_own_time)
    contact = result.contact
    _merge(result.absorbed, now)
    if result.old_time:
        correct_phone_times([(contact, result.old_time)], seen_at=result.time)
    contact.create_in = min(contact.create_in, result.time)
    contact.save(update_fields=["create_in", "wa_id_at"])
    return contact


def _first_times(
    items: Iterable[InboundItem[Kind]],
    key_of: Callable[[InboundItem[Kind]], ContactKey],
    stored_times: Callable[[Collection[ContactKey]], dict[ContactKey, datetime]],
) -> dict[ContactKey, datetime]:
    """Returns when those of the items that have no time of their own first arrived, by key, as far as that is stored.

    A repeated item must not give its person a phone that has another owner since.
    """
    first: dict[ContactKey, datetime] = {}
    for each in items:
        if not each.has_own_time:
            first[key_of(each)] = min(first.get(key_of(each), each.time), each.time)
    for key, time in stored_times(first).items() if first else ():
        first[key] = min(first[key], time)
    return first


def _named_person(each: InboundItem[AddressBookEntry | MarketingPreference], time: datetime) -> NamedPerson:
    person = each.item.person
    is_shown = person.bsuid is not None or isinstance(each.item, MarketingPreference)
    return NamedPerson(each.number, person, time, is_dated=_is_dated(each), is_exact=False, is_shown=is_shown)


def _is_dated(each: InboundItem[AddressBookEntry | MarketingPreference]) -> bool:
    """Whether the time of the item is known. A choice without a time was made when it first arrived."""
    return each.has_own_time or isinstance(each.item, MarketingPreference)


def _choice_key(each: InboundItem[MarketingPreference]) -> ContactKey:
    return each.number.phone_number_id, choice_key(each.item)


def _names_person(message: Message) -> bool:
    return bool(message.person.wa_id or message.person.bsuid)


def _sender(message: Message) -> Person:
    """Returns the person of a message, with the phone that they shared by tapping the button that asks for it."""
    return replace(message.person, wa_id=message.person.wa_id or message.shared_wa_id)
