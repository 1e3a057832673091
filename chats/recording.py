"""Messages into the database, many at a time: each once, in its session, with the contact's row brought up to date."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chats import actions, filing, statuses
from chats.models import Message, MessageStatus, Origin
from chats.sessions import Role
from cloud_api.payloads import Message as Told
from cloud_api.payloads import Person
from contacts.models import Contact
from jobs.inserting import insert_rows, update_rows
from organizations.models import PhoneNumber

CONTACT_COLUMNS = [
    "name",
    "name_at",
    "wa_id_at",
    "username",
    "parent_bsuid",
    "create_in",
    "last_message_timestamp",
    "last_customer_message_at",
    "session_id",
    "session_expires_at",
    "session_is_active",
]

ORIGINS = Origin.values
"""By how much each says: what came live is more than a copy of it."""


AFTER_SENDING = (MessageStatus.FAILED, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a webhook told, the contact it belongs to (locked), and when it was sent."""

    told: Told
    number: PhoneNumber
    contact: Contact
    at: datetime
    webhook_id: int


def record_messages(arrivals: Sequence[Arrival], now: datetime) -> list[Message]:
    """Store these messages; returns the rows that were not there before.

    A message told again changes nothing, but one known only from imported history or standby becomes a live one. Must run in
    a transaction; IntegrityError if somebody else just stored the same.
    """
    arrivals = _best_of_each(arrivals)
    known = {row.key: row for row in Message.objects.named(map(_key, arrivals))}
    fresh: list[Message] = []
    promoted: list[Message] = []
    for arrival in arrivals:
        row = known.get(_key(arrival))
        if row is None:
            fresh.append(_row(arrival, now))
        elif _says_more(arrival.told.channel, row.origin):
            promoted.append(_promote(row, arrival, now))
    contacts = {arrival.contact.pk: arrival.contact for arrival in arrivals}
    for row in promoted:
        row.contact = contacts.get(row.contact_id) or row.contact
        contacts[row.contact_id] = row.contact
    filing.file_rows(fresh, promoted, contacts, now)
    insert_rows(fresh)
    for row in promoted:
        row.save()
    _update_contacts(arrivals, contacts)
    statuses.catch_up(fresh, now)
    actions.act_on_targets(fresh, now)
    return fresh


def _best_of_each(arrivals: Iterable[Arrival]) -> list[Arrival]:
    best: dict[tuple[str, str], Arrival] = {}
    for arrival in arrivals:
        other = best.setdefault(_key(arrival), arrival)
        if _says_more(arrival.told.channel, other.told.channel):
            best[_key(arrival)] = arrival
    return list(best.values())


def _key(arrival: Arrival) -> tuple[str, str]:
    return arrival.number.phone_number_id, arrival.told.wamid


def _says_more(origin: str, other: str) -> bool:
    return ORIGINS.index(origin) < ORIGINS.index(other)


def _row(arrival: Arrival, now: datetime) -> Message:
    told, number = arrival.told, arrival.number
    them = told.person.wa_id or told.person.bsuid or arrival.contact.address
    sender, receiver = (them, number.wa_id) if told.from_customer else (number.wa_id, them)
    return Message(
        phone_number=number,
        contact=arrival.contact,
        wamid=told.wamid,
        wa_id=sender,
        wa_id_received=receiver,
        is_user_message=told.from_customer,
        origin=told.channel.value,
        kind=told.kind,
        content=told.content,
        payload=told.raw,
        message_status=_first_status(told),
        group_id=told.group_id or "",
        quoted_wamid=told.quoted_wamid or "",
        target_wamid=told.target_wamid,
        create_in=arrival.at,
        updated_at=now,
        webhook_id=arrival.webhook_id,
    )


def _first_status(told: Told) -> str:
    if told.from_customer:
        return MessageStatus.RECEIVED
    came_to = {"error": MessageStatus.FAILED}.get(told.status or "", told.status)
    return came_to if came_to in AFTER_SENDING else MessageStatus.SENT


def _promote(row: Message, arrival: Arrival, now: datetime) -> Message:
    row.origin = arrival.told.channel.value
    row.content, row.payload, row.kind = arrival.told.content, arrival.told.raw, arrival.told.kind
    row.updated_at = now
    return row


def move_conversation(kept: Contact, absorbed: Contact, now: datetime) -> None:
    """Give a contact the messages of another who turned out to be the same person, and delete that one."""
    of_absorbed = Message.objects.filter(contact=absorbed)
    moved = list(of_absorbed.only("phone_number", "wamid", "target_wamid", "create_in"))
    of_absorbed.update(contact=kept, updated_at=now)
    if moved:
        filing.refile(kept, [], now, since=min(row.create_in for row in moved))
        actions.act_on_targets(moved, now)
    kept.create_in = min(kept.create_in, absorbed.create_in)
    kept.last_message_timestamp = _later(kept.last_message_timestamp, absorbed.last_message_timestamp)
    kept.last_customer_message_at = _later(kept.last_customer_message_at, absorbed.last_customer_message_at)
    if absorbed.name_at:
        known = Person(name=absorbed.name, username=absorbed.username, parent_bsuid=absorbed.parent_bsuid)
        kept.note_profile(known, absorbed.name_at)
    kept.save(update_fields=CONTACT_COLUMNS)
    absorbed.delete()


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)


def _update_contacts(arrivals: Iterable[Arrival], contacts: dict[int, Contact]) -> None:
    for arrival in arrivals:
        _note(arrival.contact, arrival)
    update_rows(sorted(contacts.values(), key=lambda contact: contact.pk), CONTACT_COLUMNS)


def _note(contact: Contact, arrival: Arrival) -> None:
    told, at = arrival.told, arrival.at
    contact.create_in = min(contact.create_in, at)
    contact.last_message_timestamp = max(contact.last_message_timestamp or at, at)
    if filing.role(told.channel, told.from_customer, told.kind) is Role.CUSTOMER and not told.group_id:  # a group has its own
        contact.last_customer_message_at = max(contact.last_customer_message_at or at, at)
    contact.note_profile(told.person, at)
