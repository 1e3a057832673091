"""Messages into the database, many at a time: each once, in its session, with the contact's row brought up to date."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chats import actions, filing, statuses, turns
from chats.media.expecting import expect_files
from chats.models import Message, MessageStatus, Origin
from chats.sessions import Role
from cloud_api.payloads import Message as Told
from cloud_api.payloads import Person
from contacts.models import Contact
from contacts.searching import index_names
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
    "last_business_message_at",
    "waiting_since",
    "unread_count",
    "unread_at",
    "search_name",
    "session_id",
    "session_expires_at",
    "session_is_active",
]

ORIGINS = Origin.values
"""By how much each says: what came live is more than a copy of it."""


PLACEHOLDER = "media_placeholder"
"""The kind of a message in imported history whose media come apart from it, under the same id."""
CONTENT = ("kind", "content", "payload")
FRAME = ("is_user_message", "wa_id", "wa_id_received", "message_status")

AFTER_SENDING = (MessageStatus.FAILED, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a webhook told, the contact it belongs to (locked), and when it was sent."""

    told: Told
    number: PhoneNumber
    contact: Contact
    at: datetime
    webhook_id: int


class UnknownMessage(LookupError):
    """Something is told of a message that names nobody, and the hub does not know the message (yet)."""


def contacts_of(keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Contact]:
    """Whose conversation these (phone_number_id, wamid) are in, locked. UnknownMessage if one of them is not stored."""
    owners = {row.key: row.contact_id for row in Message.objects.named(keys).only("phone_number", "wamid", "contact")}
    if missing := set(keys) - set(owners):
        raise UnknownMessage(f"It names nobody, and its message is not known: {', '.join(w for _, w in sorted(missing))}.")
    locked = Contact.objects.select_for_update().filter(pk__in=set(owners.values())).order_by("pk").in_bulk()
    return {key: locked[owner] for key, owner in owners.items()}


def record_messages(arrivals: Sequence[Arrival], now: datetime) -> list[Message]:
    """Store these messages; returns the rows that were not there before.

    A message told again changes nothing, unless it says more: see `_improve`. Must run in a transaction; IntegrityError if somebody
    else just stored the same.
    """
    arrivals = _best_of_each(arrivals)
    known = {row.key: row for row in Message.objects.named(map(_key, arrivals))}
    fresh = [_row(arrival, now) for arrival in arrivals if _key(arrival) not in known]
    repeated = [(known[_key(arrival)], arrival) for arrival in arrivals if _key(arrival) in known]
    improved = [row for row, arrival in repeated if _improve(row, _row(arrival, now), now)]
    contacts = {arrival.contact.pk: arrival.contact for arrival in arrivals}
    for row in improved:
        row.contact = contacts.get(row.contact_id) or row.contact
        contacts[row.contact_id] = row.contact
    filing.file_rows(fresh, improved, contacts, now)
    insert_rows(fresh)
    for row in improved:
        row.save()
    _note_unread(fresh)
    _update_contacts(arrivals, contacts)
    expect_files([*fresh, *improved], now)
    statuses.catch_up(fresh, now)
    actions.act_on_targets(fresh, now)
    return fresh


def _best_of_each(arrivals: Iterable[Arrival]) -> list[Arrival]:
    best: dict[tuple[str, str], Arrival] = {}
    for arrival in arrivals:
        other = best.setdefault(_key(arrival), arrival)
        if other is not arrival:
            best[_key(arrival)] = _joined(other, arrival)
    return list(best.values())


def _joined(one: Arrival, other: Arrival) -> Arrival:
    """Two tellings of one message: the better, or a placeholder with the content that came apart from it."""
    if one.told.channel != other.told.channel:
        return other if _says_more(other.told.channel, one.told.channel) else one
    frame, content = (one, other) if one.told.kind == PLACEHOLDER else (other, one)
    if frame.told.kind != PLACEHOLDER or content.told.kind == PLACEHOLDER:
        return one
    told = replace(frame.told, kind=content.told.kind, content=content.told.content, raw=content.told.raw)
    return replace(frame, told=told)


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


def _improve(row: Message, told: Message, now: datetime) -> bool:
    """Whether the message, told again, says more than the row: it is live and was known as history or standby, or it has the media
    of a placeholder, or is the placeholder that knows whose the media are."""
    columns: tuple[str, ...] = ()
    if _says_more(told.origin, row.origin):
        columns = ("origin", *CONTENT)
    elif row.kind == PLACEHOLDER != told.kind:
        columns = CONTENT
    elif told.kind == PLACEHOLDER != row.kind and told.origin == row.origin:
        columns = FRAME
        if not told.is_user_message:
            told.message_status = max(told.message_status, row.message_status, key=lambda status: MessageStatus(status).rank)
    changed = [column for column in columns if getattr(row, column) != getattr(told, column)]
    for column in changed:
        setattr(row, column, getattr(told, column))
    if changed:
        row.updated_at = now
    return bool(changed)


def move_conversation(kept: Contact, absorbed: Contact, now: datetime) -> None:
    """Give a contact the messages of another who turned out to be the same person, and delete that one."""
    of_absorbed = Message.objects.filter(contact=absorbed)
    moved = list(of_absorbed.only("phone_number", "wamid", "target_wamid", "create_in"))
    of_absorbed.update(contact=kept, updated_at=now)
    turns.take_over(kept, absorbed)
    if moved:
        filing.refile(kept, [], now, since=min(row.create_in for row in moved))
        actions.act_on_targets(moved, now)
    kept.create_in = min(kept.create_in, absorbed.create_in)
    kept.last_message_timestamp = _later(kept.last_message_timestamp, absorbed.last_message_timestamp)
    for at, from_customer in ((absorbed.last_customer_message_at, True), (absorbed.last_business_message_at, False)):
        if at:
            kept.note_message(at, from_customer=from_customer)
    kept.unread_count += absorbed.unread_count
    kept.unread_at = _later(kept.unread_at, absorbed.unread_at)
    if absorbed.name_at:
        known = Person(name=absorbed.name, username=absorbed.username, parent_bsuid=absorbed.parent_bsuid)
        kept.note_profile(known, absorbed.name_at)
    index_names([kept])
    kept.save(update_fields=CONTACT_COLUMNS)
    absorbed.delete()


def remember_what_was_written(contacts: Iterable[Contact], now: datetime) -> int:
    """File anew what the hub itself wrote to these contacts, of whom all else was forgotten; returns how many they are. In a
    transaction."""
    done = 0
    for contact in contacts:
        times = list(Message.objects.filter(contact=contact, webhook_id=None).values_list("create_in", flat=True))
        filing.refile(contact, [], now, since=min(times))
        contact.last_message_timestamp = max(times)
        contact.note_message(max(times), from_customer=False)
        contact.save(update_fields=CONTACT_COLUMNS)
        done += 1
    return done


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)


def _update_contacts(arrivals: Iterable[Arrival], contacts: dict[int, Contact]) -> None:
    for arrival in arrivals:
        _note(arrival.contact, arrival)
    index_names(contacts.values())
    update_rows(sorted(contacts.values(), key=lambda contact: contact.pk), CONTACT_COLUMNS)


def _note(contact: Contact, arrival: Arrival) -> None:
    told, at = arrival.told, arrival.at
    contact.create_in = min(contact.create_in, at)
    contact.last_message_timestamp = max(contact.last_message_timestamp or at, at)
    role = filing.role(told.channel, told.from_customer, told.kind)
    if role in (Role.CUSTOMER, Role.BUSINESS) and not told.group_id:  # a group has its own window
        contact.note_message(at, from_customer=role is Role.CUSTOMER)
    contact.note_profile(told.person, at)


def _note_unread(fresh: Iterable[Message]) -> None:
    for row in fresh:
        if row.is_user_message and row.origin == Origin.LIVE and row.kind not in actions.ACTIONS:
            row.contact.note_unread(row.create_in, row.webhook_id or 0)
