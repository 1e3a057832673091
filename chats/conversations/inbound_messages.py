"""Stores received messages, many at a time: each once, in its session, and updates their contacts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from chats.conversations import (
    bot_turns,
    conversation_events,
    ownership,
    reactions_and_edits,
    read_state,
    statuses,
)
from chats.conversations.contact_columns import CONTACT_COLUMNS, correct_name_times, correct_phone_times, recompute_times
from chats.conversations.sessions import session_assignment
from chats.conversations.sessions.session_rules import SessionEffect
from chats.media.download_queue import queue_downloads
from chats.models import ChangedText, Message, MessageStatus, Origin
from cloud_api.payloads import Message as ParsedMessage
from cloud_api.payloads.texts import is_missed_call
from contacts.consent.messages import WordMessage, store_word_decisions
from contacts.consent.words import WORD_KINDS, decision_of_text, words_of
from contacts.identities.profile_names import ProfileNames
from contacts.identities.resolution import flag_conflicts
from contacts.lists.search import index_names
from contacts.models import Contact
from jobs.bulk_writes import insert_rows, update_rows
from organizations.events.outbox import reports_events
from organizations.numbers.inbound_items import InboundItem

ORIGINS = Origin.values
"""In increasing order of authority: a live message replaces a copy of it."""
PLACEHOLDER = "media_placeholder"
"""The kind of a message in imported history whose media arrive separately, under the same id."""
CONTENT_COLUMNS = ("kind", "content", "payload")
FRAME_COLUMNS = ("is_user_message", "wa_id", "wa_id_received", "message_status")
UPDATED_COLUMNS = ("origin", "webhook_id", *CONTENT_COLUMNS, *FRAME_COLUMNS, "updated_at")
SESSION_COLUMNS = ("session_id", "expires_at", "is_active", "create_in")
COMPARED_COLUMNS = ("phone_number", "wamid", "callback_data", "contact", "origin", "kind", "create_in", "webhook_id")
STATUSES_AFTER_SENT = (MessageStatus.FAILED, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED)
MessageKey = tuple[str, str]
"""The phone_number_id and the wamid of a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage(InboundItem[ParsedMessage]):
    """An inbound item that is a message, with its contact, which is locked."""

    contact: Contact

    @classmethod
    def of(cls, message: InboundItem[ParsedMessage], contact: Contact) -> Self:
        return cls(message.item, message.webhook, message.time, message.has_own_time, message.numbers, contact=contact)

    @property
    def may_move(self) -> bool:
        """Whether the earlier of two times counts. The start and the end of a call are one message."""
        return not self.has_own_time or self.item.kind == "call"


class UnknownMessage(LookupError):
    """Messages that name no person and are not stored (yet). The text has their wamids."""


def message_key(message: InboundItem[ParsedMessage]) -> MessageKey:
    return message.number.phone_number_id, message.item.wamid


def find_contacts_of_messages(keys: Collection[MessageKey], locked: Iterable[Contact]) -> dict[MessageKey, Contact]:
    """Returns the contacts of these stored messages, locked. Raises UnknownMessage if one of the messages is not stored.

    A contact of `locked` is returned as the same object, because two copies of one contact would overwrite each other.
    """
    contact_ids = {row.key: row.contact_id for row in Message.objects.named(keys).only("phone_number", "wamid", "contact")}
    if missing := set(keys) - set(contact_ids):
        wamids = ", ".join(wamid for _, wamid in sorted(missing))
        raise UnknownMessage(f"{wamids}.")
    contacts = {contact.pk: contact for contact in locked}
    _lock_missing(contact_ids.values(), contacts)
    return {key: contacts[contact_id] for key, contact_id in contact_ids.items()}


def stored_message_times(keys: Collection[MessageKey]) -> dict[MessageKey, datetime]:
    """Returns the times of the stored ones of these messages. Messages that the hub sent are left out."""
    rows = Message.objects.named(keys).filter(callback_data=None)
    return {row.key: row.create_in for row in rows.only("phone_number", "wamid", "create_in")}


def store_messages(messages: Sequence[InboundMessage], now: datetime, *, is_rebuilding: Callable[[], bool]) -> None:
    """Stores these messages. Must run in a transaction. Raises IntegrityError if another transaction has just stored one of them.

    A repeated message changes nothing, unless it contains more than the stored row (see `_columns_to_update`).
    """
    stored = {row.key: row for row in Message.objects.named(map(message_key, messages)).only(*COMPARED_COLUMNS)}
    contacts = {message.contact.pk: message.contact for message in messages}
    messages = _with_stored_contacts(messages, stored, contacts)
    best = _best_of_each(messages)
    received = [(_row(message, now), message) for message in best]
    new = [row for row, _ in received if row.key not in stored]
    repeated = [RepeatedMessage(stored[row.key], row, message) for row, message in received if row.key in stored]
    updates = _update_stored(repeated, contacts, now)
    reassigned = [each.row for each in updates if each.changes_session]
    old_times = {each.row.pk: each.old_time for each in updates if each.old_time}
    reported = [(row, message) for row, message in received if row.key not in stored and reports_events(message.number)]
    before = conversation_events.contact_states(message.contact for _, message in reported)

    session_assignment.assign_rows(new, reassigned, contacts, now, old_times=old_times)
    had_turn = bot_turns.restore_answers(new)
    insert_rows(new)
    update_rows(reassigned, (*UPDATED_COLUMNS, *SESSION_COLUMNS))
    # `assign_rows` may have stored another session of the other rows. These objects were read before, so it is not written again.
    update_rows([each.row for each in updates if not each.changes_session], UPDATED_COLUMNS)

    read_state.count_unread(new, is_rebuilding=is_rebuilding)
    read_state.recount_unread([contacts[pk] for pk in {each.row.contact_id for each in updates}])
    times = {message_key(message): _first_time(message, stored.get(message_key(message))) for message in best}
    _correct_times(messages, updates, times)
    _update_contacts(messages, contacts, times)
    _store_word_decisions([*new, *(each.row for each in updates)], messages, contacts, now)

    queue_downloads([*new, *(each.row for each in updates)], now)
    conversation_events.record_received([(row, message.webhook) for row, message in reported], before, now)
    statuses.apply_stored_statuses(new, now, webhooks={row.key: message.webhook for row, message in reported})
    reactions_and_edits.apply_to_targets([*new, *(each.row for each in updates if each.old_time)], now)
    ownership.follow_messages(new, contacts, now)
    bot_turns.start_turns(new, had_turn, contacts, now)


def _with_stored_contacts(
    messages: Sequence[InboundMessage], stored: Mapping[MessageKey, Message], contacts: dict[int, Contact]
) -> Sequence[InboundMessage]:
    """Returns the messages with the contacts of their stored rows, and adds these, locked, to `contacts`. A repeated message may
    name other identifiers, and so another contact. The two contacts are flagged as a conflict."""
    owners = {key: row.contact_id for key, row in stored.items()}
    others = [each for each in messages if owners.get(message_key(each), each.contact.pk) != each.contact.pk]
    if not others:
        return messages
    _lock_missing([owners[message_key(each)] for each in others], contacts)
    known = [replace(each, contact=contacts[owners.get(message_key(each), each.contact.pk)]) for each in messages]
    flag_conflicts(
        (one.contact, other.contact) for one, other in zip(known, messages, strict=True) if one.contact is not other.contact
    )
    return known


def _first_time(message: InboundMessage, stored: Message | None) -> datetime:
    """Returns when the message was sent, according to the stored row and the received message."""
    return message.time if stored is None or stored.callback_data else min(message.time, stored.create_in)


# ---- several deliveries of one message in a group


def _best_of_each(messages: Iterable[InboundMessage]) -> list[InboundMessage]:
    best: dict[MessageKey, InboundMessage] = {}
    for message in messages:
        other = best.setdefault(message_key(message), message)
        if other is not message:
            best[message_key(message)] = _join(other, message)
    return list(best.values())


def _join(one: InboundMessage, other: InboundMessage) -> InboundMessage:
    """Joins two deliveries of one message: the better one, or a placeholder with the content that arrived separately. Of two
    equally good ones, the earlier webhook counts."""
    joined = _better(one, other)
    has_own_time = one.has_own_time and other.has_own_time
    time = min(one.time, other.time) if one.may_move or other.may_move else joined.time
    return replace(joined, time=time, has_own_time=has_own_time)


def _better(one: InboundMessage, other: InboundMessage) -> InboundMessage:
    if one.item.channel != other.item.channel:
        return other if _has_more_authority(other.item.channel, one.item.channel) else one
    webhook = min(one.webhook, other.webhook, key=lambda webhook: webhook.id)
    frame, content = (one, other) if one.item.kind == PLACEHOLDER or _is_missed_call(other.item) else (other, one)
    if not _is_missed_call(content.item) and (frame.item.kind != PLACEHOLDER or content.item.kind == PLACEHOLDER):
        return replace(one, webhook=webhook)
    kind, text, payload = content.item.kind, content.item.content, content.item.payload
    item = replace(frame.item, kind=kind, content=text, payload=payload)
    return replace(frame, item=item, webhook=webhook)


def _is_missed_call(item: ParsedMessage) -> bool:
    return item.kind == "call" and is_missed_call(item.payload)


def _has_more_authority(origin: str, other: str) -> bool:
    return ORIGINS.index(origin) < ORIGINS.index(other)


def _row(message: InboundMessage, now: datetime) -> Message:
    item, number = message.item, message.number
    customer = item.person.wa_id or item.person.bsuid or message.contact.address
    sender, receiver = (customer, number.wa_id) if item.from_customer else (number.wa_id, customer)
    return Message(
        phone_number=number,
        contact=message.contact,
        wamid=item.wamid,
        wa_id=sender,
        wa_id_received=receiver,
        is_user_message=item.from_customer,
        origin=item.channel.value,
        kind=item.kind,
        content=item.content,
        payload=item.payload,
        message_status=_first_status(item),
        group_id=item.group_id or "",
        quoted_wamid=item.quoted_wamid or "",
        target_wamid=item.target_wamid,
        create_in=message.time,
        updated_at=now,
        webhook_id=message.webhook.id,
    )


def _first_status(item: ParsedMessage) -> str:
    if item.from_customer:
        return MessageStatus.RECEIVED
    status = {"error": MessageStatus.FAILED}.get(item.status or "", item.status)
    return status if status in STATUSES_AFTER_SENT else MessageStatus.SENT


# ---- messages that are stored already


@dataclass(frozen=True, slots=True)
class RepeatedMessage:
    """A stored message that arrived again: the row as it was read, the row that would be stored now, and the received message."""

    stored: Message
    received: Message
    message: InboundMessage


@dataclass(frozen=True, slots=True)
class MessageUpdate:
    """A changed row of a stored message. The row and its contact are locked. `old_time` is the time that it had, if it has an
    earlier one now."""

    row: Message
    has_other_effect: bool
    old_time: datetime | None

    @property
    def changes_session(self) -> bool:
        return self.has_other_effect or self.old_time is not None


def _update_stored(repeated: Sequence[RepeatedMessage], contacts: dict[int, Contact], now: datetime) -> list[MessageUpdate]:
    """Sets columns of stored messages that arrived again with more. Does not save them. Adds their contacts, locked, to
    `contacts`."""
    with_more = {each.stored.pk: each for each in repeated if _columns_to_update(each.stored, each.received, each.message)}
    if not with_more:
        return []
    _lock_missing([each.stored.contact_id for each in with_more.values()], contacts)
    rows = list(Message.objects.select_for_update().filter(pk__in=with_more).order_by("pk"))
    # Another transaction may have moved the conversation to another contact since the rows were read.
    _lock_missing([row.contact_id for row in rows], contacts)
    updates = []
    for row in rows:
        row.contact = contacts[row.contact_id]
        effect, time = session_assignment.effect_of(row), row.create_in
        if _update_row(row, with_more[row.pk], now):
            has_other_effect = session_assignment.effect_of(row) is not effect
            updates.append(MessageUpdate(row, has_other_effect, time if row.create_in != time else None))
    insert_rows([ChangedText(message_id=each.row.pk) for each in updates])
    return updates


def _columns_to_update(stored: Message, received: Message, message: InboundMessage) -> tuple[str, ...]:
    """Returns the columns in which the received message has more than the stored row.

    It may be live while the row is history or standby. It may have the media of a placeholder, or be the placeholder that knows
    whose the media are. It may say that a call was missed. It may be earlier, without a time of its own, or from an earlier
    webhook.
    """
    moved = ("create_in",) if message.may_move and not stored.callback_data and received.create_in < stored.create_in else ()
    if _has_more_authority(received.origin, stored.origin):
        return ("origin", "webhook_id", *CONTENT_COLUMNS, *moved)
    columns: tuple[str, ...] = moved
    if stored.kind == PLACEHOLDER != received.kind or _is_missed_call(message.item):
        columns = (*moved, *CONTENT_COLUMNS)
    elif received.kind == PLACEHOLDER != stored.kind and received.origin == stored.origin:
        columns = (*moved, *FRAME_COLUMNS)
    is_earlier = received.origin == stored.origin and (received.webhook_id or 0) < (stored.webhook_id or 0)
    return (*columns, "webhook_id") if is_earlier else columns


def _update_row(row: Message, repeated: RepeatedMessage, now: datetime) -> bool:
    """Copies what the received message has more into the locked row. Returns whether the row changed."""
    received = repeated.received
    columns = _columns_to_update(row, received, repeated.message)
    if "message_status" in columns and not received.is_user_message:
        statuses_of_both = (received.message_status, row.message_status)
        received.message_status = max(statuses_of_both, key=lambda status: MessageStatus(status).rank)
    changed = [column for column in columns if getattr(row, column) != getattr(received, column)]
    for column in changed:
        setattr(row, column, getattr(received, column))
    if changed:
        row.updated_at = now
    return bool(changed)


# ---- contacts


def _correct_times(
    messages: Iterable[InboundMessage], updates: Iterable[MessageUpdate], times: Mapping[MessageKey, datetime]
) -> None:
    """Corrects what contacts have from times that messages do not have, or no longer have. The contacts are not saved."""
    old_times = [(each.row.contact, each.old_time) for each in updates if each.old_time]
    later_times = [(each.contact, each.time) for each in messages if each.time > times[message_key(each)]]
    if old_times:
        recompute_times(contact for contact, _ in old_times)
        correct_name_times(old_times)
    if old_times or later_times:
        correct_phone_times((*old_times, *later_times))


def _update_contacts(
    messages: Iterable[InboundMessage], contacts: dict[int, Contact], times: Mapping[MessageKey, datetime]
) -> None:
    """Updates and saves the contacts. `times` are the times of the messages."""
    names = ProfileNames()
    for message in messages:
        item, contact, sent_at = message.item, message.contact, times[message_key(message)]
        contact.create_in = min(contact.create_in, sent_at)
        contact.last_message_timestamp = max(contact.last_message_timestamp or sent_at, sent_at)
        effect = session_assignment.effect_of_kind(item.channel, item.from_customer, item.kind)
        if effect in session_assignment.LIVE_EFFECTS and not item.group_id:  # a group has its own window
            is_action = item.kind in reactions_and_edits.ACTION_KINDS
            contact.record_message(sent_at, from_customer=effect is SessionEffect.CUSTOMER, is_action=is_action)
        names.add(contact, item.person, sent_at)
    names.save()
    index_names(contacts.values())
    update_rows(sorted(contacts.values(), key=lambda contact: contact.pk), CONTACT_COLUMNS)


def _store_word_decisions(
    rows: Iterable[Message], messages: Iterable[InboundMessage], contacts: Mapping[int, Contact], now: datetime
) -> None:
    """Stores what customers decided about marketing messages by a word such as PARAR. A message to a group is none to the number.
    `rows` are rows of `messages`."""
    numbers = {message.number.phone_number_id: message.number for message in messages}
    words = [
        WordMessage(contact=contacts[row.contact_id], wamid=row.wamid or "", stops=stops, sent_at=row.create_in)
        for row in rows
        if row.is_user_message and row.kind in WORD_KINDS and not row.group_id
        if (stops := decision_of_text(row.content, words_of(numbers[row.phone_number_id].marketing_words, row.create_in)))
        is not None
    ]
    if words:
        store_word_decisions(words, now)


def _lock_missing(ids: Iterable[int], contacts: dict[int, Contact]) -> None:
    """Adds the missing ones of these contacts to `contacts`, locked: an old copy of a contact must not be written."""
    if missing := set(ids) - contacts.keys():
        contacts |= Contact.objects.select_for_update().filter(pk__in=missing).order_by("pk").in_bulk()
