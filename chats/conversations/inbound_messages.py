"""Messages into the database, many at a time: each once, in its session, with the contact's row brought up to date."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, Max, Min, Q, QuerySet

from chats.conversations import done_and_blocked, reactions_and_edits, read_state, session_assignment, statuses
from chats.conversations.sessions import SessionEffect
from chats.media.download_queue import queue_downloads
from chats.models import ChangedText, Message, MessageStatus, Origin, SendQueue
from cloud_api.payloads import Message as Told
from cloud_api.payloads.texts import is_missed_call
from contacts.identities.marketing_choices import merge_choices
from contacts.identities.profile_names import ProfileNames, withdraw_names
from contacts.lists.search import index_names
from contacts.models import Contact, MarketingChoice
from jobs.bulk_writes import insert_rows, update_rows
from organizations.models import PhoneNumber

CONTACT_COLUMNS = [
    "name",
    "name_at",
    "name_since",
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

OF_BOTH = ("read_webhook_id", "done_until", "window_refused_at", "marketing_refused_at", "marketing_stopped", "marketing_at")
"""What a contact takes over, besides, from another one that turned out to be the same person."""
STEP = 250
"""Contacts that are worked out anew together."""
ORIGINS = Origin.values
"""By how much each says: what came live is more than a copy of it."""


PLACEHOLDER = "media_placeholder"
"""The kind of a message in imported history whose media come apart from it, under the same id."""
CONTENT = ("kind", "content", "payload")
FRAME = ("is_user_message", "wa_id", "wa_id_received", "message_status")
FILED = ("session_id", "expires_at", "is_active")
IMPROVED = ("origin", "webhook_id", *CONTENT, *FRAME, "updated_at")
COMPARED = ("phone_number", "wamid", "callback_data", "contact", "origin", "kind", "create_in", "webhook_id")
TIMES = ("last_message_timestamp", "last_customer_message_at", "last_business_message_at", "waiting_since")
"""What a contact knows of the times of its messages."""

AFTER_SENDING = (MessageStatus.FAILED, MessageStatus.DELIVERED, MessageStatus.READ, MessageStatus.PLAYED)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message that a webhook told, the contact it belongs to (locked), and when it was sent.

    Without `has_own_time` Meta's time is missing or too far ahead, and `at` is when the webhook arrived. The earliest arrival
    counts, whichever is applied first, so that repetitions change nothing: a message that is stored with a later time is moved.
    """

    told: Told
    number: PhoneNumber
    contact: Contact
    at: datetime
    webhook_id: int
    has_own_time: bool = True

    @property
    def may_move(self) -> bool:
        """Whether the earlier of two times counts: of a call, the beginning and the end are one message."""
        return not self.has_own_time or self.told.kind == "call"


class UnknownMessage(LookupError):
    """Something is told of a message that names nobody, and the hub does not know the message (yet)."""


def find_contacts_of_messages(keys: Collection[tuple[str, str]], locked: Iterable[Contact]) -> dict[tuple[str, str], Contact]:
    """Whose conversation these (phone_number_id, wamid) are in, locked. One that is among the `locked` already is that very object,
    since two copies of one contact would overwrite each other. UnknownMessage if one of the messages is not stored."""
    owners = {row.key: row.contact_id for row in Message.objects.named(keys).only("phone_number", "wamid", "contact")}
    if missing := set(keys) - set(owners):
        raise UnknownMessage(f"It names nobody, and its message is not known: {', '.join(w for _, w in sorted(missing))}.")
    contacts = {contact.pk: contact for contact in locked}
    _lock(set(owners.values()), contacts)
    return {key: contacts[owner] for key, owner in owners.items()}


def stored_message_times(keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    """When these (phone_number_id, wamid) were sent: those that are stored, and that the hub did not send itself."""
    rows = Message.objects.named(keys).filter(callback_data=None)
    return {row.key: row.create_in for row in rows.only("phone_number", "wamid", "create_in")}


def _lock(ids: Iterable[int], contacts: dict[int, Contact]) -> None:
    """Add those of these contacts that are not there yet, locked: what is written of one must not come from an old copy."""
    if missing := set(ids) - contacts.keys():
        contacts |= Contact.objects.select_for_update().filter(pk__in=missing).order_by("pk").in_bulk()


def store_messages(arrivals: Sequence[InboundMessage], now: datetime) -> list[Message]:
    """Store these messages; returns the rows that were not there before.

    A message told again changes nothing, unless it says more: see `_improve`. Must run in a transaction; IntegrityError if somebody
    else just stored the same.
    """
    best = _best_of_each(arrivals)
    contacts = {arrival.contact.pk: arrival.contact for arrival in arrivals}
    known = {row.key: row for row in Message.objects.named(map(_key, best)).only(*COMPARED)}
    told = [(_row(arrival, now), arrival) for arrival in best]
    fresh = [row for row, _ in told if row.key not in known]
    repeated = [Repetition(known[row.key], row, arrival) for row, arrival in told if row.key in known]
    improved = _improve_known(repeated, contacts, now)
    refiled = [each for each in improved if each.is_refiled]
    vacated = {each.row.pk: each.moved_from for each in improved if each.moved_from}
    session_assignment.assign_rows(fresh, [each.row for each in refiled], contacts, now, vacated=vacated)
    insert_rows(fresh)
    update_rows([each.row for each in refiled], (*IMPROVED, *FILED, "create_in"))
    # What moved the others to another session is stored already; the rows that were read before do not know it.
    update_rows([each.row for each in improved if not each.is_refiled], IMPROVED)
    read_state.count_unread(fresh)
    read_state.recount_unread([contacts[pk] for pk in {each.row.contact_id for each in improved}])
    moved = [each for each in improved if each.moved_from]
    times = {_key(arrival): _first_time(arrival, known.get(_key(arrival))) for arrival in best}
    _forget_times(moved)
    _correct_sightings([(each.contact, each.at) for each in arrivals if each.at > times[_key(each)]], moved)
    _update_contacts(arrivals, contacts, times)
    queue_downloads([*fresh, *(each.row for each in improved)], now)
    statuses.apply_stored_statuses(fresh, now)
    reactions_and_edits.apply_to_targets([*fresh, *(each.row for each in moved)], now)
    return fresh


def _first_time(arrival: InboundMessage, row: Message | None) -> datetime:
    """When the message was sent, as far as the row and what is told now say."""
    return arrival.at if row is None or row.callback_data else min(arrival.at, row.create_in)


@dataclass(frozen=True, slots=True)
class Repetition:
    """A stored message that is told again: the row as it was read, the row that would be stored now, and what it comes from."""

    known: Message
    told: Message
    arrival: InboundMessage


@dataclass(frozen=True, slots=True)
class Improvement:
    """A stored message of which more is known now. Its row and its contact are locked. `moved_from`: the time that it had, if it
    has an earlier one now."""

    row: Message
    has_another_role: bool
    moved_from: datetime | None

    @property
    def is_refiled(self) -> bool:
        return self.has_another_role or self.moved_from is not None


def _improve_known(repeated: Sequence[Repetition], contacts: dict[int, Contact], now: datetime) -> list[Improvement]:
    """Of stored messages that are told again, those that say more now; not saved. `contacts`, which are locked, gain theirs."""
    telling = {each.known.pk: each for each in repeated if _improvable(each.known, each.told, each.arrival)}
    if not telling:
        return []
    _lock([each.known.contact_id for each in telling.values()], contacts)
    rows = list(Message.objects.select_for_update().filter(pk__in=telling).order_by("pk"))
    _lock([row.contact_id for row in rows], contacts)  # of conversations that were moved to another contact until a moment ago
    improved = []
    for row in rows:
        row.contact = contacts[row.contact_id]
        role, at = session_assignment.effect_of(row), row.create_in
        if _improve(row, telling[row.pk], now):
            improved.append(Improvement(row, session_assignment.effect_of(row) is not role, at if row.create_in != at else None))
    insert_rows([ChangedText(message_id=each.row.pk) for each in improved])
    return improved


def _forget_times(moved: Iterable[Improvement]) -> None:
    """Work out anew what the contacts of messages that have another time now know of times. The contacts are locked, and not
    saved."""
    contacts = {each.row.contact_id: each.row.contact for each in moved}
    if not contacts:
        return
    for contact in contacts.values():
        for column in TIMES:
            setattr(contact, column, None)
    _note_times(contacts)


def _correct_sightings(late: Iterable[tuple[Contact, datetime]], moved: Iterable[Improvement]) -> None:
    """Take back what contacts were told of their names and phones with a time that a message does not have, or no longer has: the
    latest of their messages counts. `late` are contacts with such times. The contacts are locked, and not saved."""
    given_up = [(each.row.contact, each.moved_from) for each in moved]
    _correct_names({contact.pk: contact for contact, at in given_up if at and contact.name_at == at})
    correct_phone_times((contact, at) for contact, at in (*given_up, *late) if at)


def correct_phone_times(given_up: Iterable[tuple[Contact, datetime]], *, at: datetime | None = None) -> None:
    """Contacts were told of their phones with times that turned out to be wrong: the latest of their messages and choices counts,
    and `at`, if given, when they were seen too. The contacts are locked, and not saved."""
    seen = {contact.pk: contact for contact, wrong in given_up if contact.wa_id_at == wrong}
    if not seen:
        return
    with_phone = Q(wa_id=F("contact__wa_id")) | Q(wa_id_received=F("contact__wa_id"))
    messages = _latest(Message.objects.filter(with_phone, contact__in=seen, callback_data=None))
    choices = MarketingChoice.objects.filter(contact__in=seen, wa_id=F("contact__wa_id")).order_by()
    chosen = dict(choices.values_list("contact").annotate(Max("told_at")))
    for pk, contact in seen.items():
        if latest := max(filter(None, (messages.get(pk), chosen.get(pk), at)), default=None):
            contact.wa_id_at = latest


def _correct_names(contacts: Mapping[int, Contact]) -> None:
    """The same for names: one that a moved message told gives way to the one that came up after it."""
    told = Message.objects.filter(contact__in=contacts, is_user_message=True).exclude(origin=Origin.HISTORY).exclude(kind="system")
    latest = _latest(told if contacts else None)
    withdraw_names({contact: latest.get(pk) for pk, contact in contacts.items() if latest.get(pk) != contact.name_at})


def _latest(messages: QuerySet[Message] | None) -> dict[int, datetime]:
    """The time of the last of these messages, by contact."""
    if messages is None:
        return {}
    return dict(messages.order_by().values_list("contact").annotate(Max("create_in")))


def _best_of_each(arrivals: Iterable[InboundMessage]) -> list[InboundMessage]:
    best: dict[tuple[str, str], InboundMessage] = {}
    for arrival in arrivals:
        other = best.setdefault(_key(arrival), arrival)
        if other is not arrival:
            best[_key(arrival)] = _joined(other, arrival)
    return list(best.values())


def _joined(one: InboundMessage, other: InboundMessage) -> InboundMessage:
    """Two tellings of one message: the better, or a placeholder with the content that came apart from it. Of two that are as good,
    the earlier webhook told it."""
    joined = _better(one, other)
    has_own_time = one.has_own_time and other.has_own_time
    at = min(one.at, other.at) if one.may_move or other.may_move else joined.at
    return replace(joined, at=at, has_own_time=has_own_time)


def _better(one: InboundMessage, other: InboundMessage) -> InboundMessage:
    if one.told.channel != other.told.channel:
        return other if _says_more(other.told.channel, one.told.channel) else one
    webhook_id = min(one.webhook_id, other.webhook_id)
    frame, content = (one, other) if one.told.kind == PLACEHOLDER or _tells_missed(other.told) else (other, one)
    if not _tells_missed(content.told) and (frame.told.kind != PLACEHOLDER or content.told.kind == PLACEHOLDER):
        return replace(one, webhook_id=webhook_id)
    told = replace(frame.told, kind=content.told.kind, content=content.told.content, raw=content.told.raw)
    return replace(frame, told=told, webhook_id=webhook_id)


def _tells_missed(told: Told) -> bool:
    return told.kind == "call" and isinstance(told.raw, dict) and is_missed_call(told.raw)


def _key(arrival: InboundMessage) -> tuple[str, str]:
    return arrival.number.phone_number_id, arrival.told.wamid


def _says_more(origin: str, other: str) -> bool:
    return ORIGINS.index(origin) < ORIGINS.index(other)


def _row(arrival: InboundMessage, now: datetime) -> Message:
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


def _improvable(row: Message, told: Message, arrival: InboundMessage) -> tuple[str, ...]:
    """The columns of which the message, told again, says more than the row: it is live and was known as history or standby, or it
    has the media of a placeholder, or is the placeholder that knows whose the media are, or tells that a call was missed, or came
    earlier and has no time of its own, or an earlier webhook told it."""
    moved = ("create_in",) if arrival.may_move and not row.callback_data and told.create_in < row.create_in else ()
    if _says_more(told.origin, row.origin):
        return ("origin", "webhook_id", *CONTENT, *moved)
    columns: tuple[str, ...] = moved
    if row.kind == PLACEHOLDER != told.kind or _tells_missed(arrival.told):
        columns = (*moved, *CONTENT)
    elif told.kind == PLACEHOLDER != row.kind and told.origin == row.origin:
        columns = (*moved, *FRAME)
    is_earlier = told.origin == row.origin and (told.webhook_id or 0) < (row.webhook_id or 0)
    return (*columns, "webhook_id") if is_earlier else columns


def _improve(row: Message, repetition: Repetition, now: datetime) -> bool:
    """Whether the message, told again, says more than the row, which has it now."""
    told = repetition.told
    columns = _improvable(row, told, repetition.arrival)
    if "message_status" in columns and not told.is_user_message:
        told.message_status = max(told.message_status, row.message_status, key=lambda status: MessageStatus(status).rank)
    changed = [column for column in columns if getattr(row, column) != getattr(told, column)]
    for column in changed:
        setattr(row, column, getattr(told, column))
    if changed:
        row.updated_at = now
    return bool(changed)


def merge_conversations(kept: Contact, absorbed: Contact, now: datetime) -> None:
    """Give a contact the messages of another who turned out to be the same person, and delete that one."""
    kept.read_webhook_id, kept.done_until = (
        read_state.merged_read_mark(kept, absorbed),
        done_and_blocked.merged_done_until(kept, absorbed),
    )
    of_absorbed = Message.objects.filter(contact=absorbed)
    moved = list(of_absorbed.only("phone_number", "wamid", "target_wamid", "create_in"))
    SendQueue.objects.merge(kept=kept, absorbed=absorbed)
    of_absorbed.update(contact=kept, updated_at=now)
    if moved:
        times = [row.create_in for row in moved]
        session_assignment.reassign([session_assignment.ReassignedSpan(kept, min(times), max(times))], now)
        reactions_and_edits.apply_to_targets(moved, now)
    kept.create_in = min(kept.create_in, absorbed.create_in)
    kept.last_message_timestamp = _later(kept.last_message_timestamp, absorbed.last_message_timestamp)
    for at, from_customer in ((absorbed.last_customer_message_at, True), (absorbed.last_business_message_at, False)):
        if at:
            kept.record_message(at, from_customer=from_customer)
    kept.update_waiting()  # who was absorbed may have been blocked, and have no message
    names = ProfileNames()
    names.take_over(kept, absorbed)
    names.save()
    merge_choices(kept, absorbed)
    read_state.recount_unread([kept])
    index_names([kept])
    kept.save(update_fields=[*CONTACT_COLUMNS, *OF_BOTH])
    absorbed.delete()


def recompute_contacts(contacts: QuerySet[Contact], now: datetime) -> int:
    """Work out anew what these contacts know of their messages, after other messages were deleted; returns how many contacts have
    some. In a transaction."""
    locked = contacts.select_for_update().order_by("pk").in_bulk()
    ids = sorted(locked)
    return sum(_remember({pk: locked[pk] for pk in ids[start : start + STEP]}, now) for start in range(0, len(ids), STEP))


def _remember(contacts: dict[int, Contact], now: datetime) -> int:
    first = _note_times(contacts)
    stretches = [session_assignment.ReassignedSpan(contacts[pk], *times) for pk, times in first.items()]
    session_assignment.reassign(stretches, now)
    found = [contacts[pk] for pk in first]
    read_state.recount_unread(found)
    update_rows(found, CONTACT_COLUMNS)
    return len(found)


def _note_times(contacts: dict[int, Contact]) -> dict[int, tuple[datetime, datetime]]:
    """Let these contacts, by their ids, know the times of their messages. Returns of each that has some the first and the last."""
    said = done_and_blocked.COUNTS_AS_ANSWER
    times = (
        Message.objects.filter(contact__in=contacts)
        .order_by()
        .values("contact")
        .annotate(
            first=Min("create_in"),
            last=Max("create_in"),
            customer=Max("create_in", filter=said & Q(is_user_message=True)),
            business=Max("create_in", filter=said & Q(is_user_message=False)),
        )
    )
    found = {}
    for each in times:
        contact = contacts[each["contact"]]
        contact.last_message_timestamp = _later(contact.last_message_timestamp, each["last"])
        for at, from_customer in ((each["customer"], True), (each["business"], False)):
            if at:
                contact.record_message(at, from_customer=from_customer)
        found[contact.pk] = (each["first"], each["last"])
    return found


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)


def _update_contacts(
    arrivals: Iterable[InboundMessage], contacts: dict[int, Contact], times: Mapping[tuple[str, str], datetime]
) -> None:
    """`times`: when each message was sent, by its key."""
    names = ProfileNames()
    for arrival in arrivals:
        _note(arrival.contact, arrival, times[_key(arrival)], names)
    names.save()
    index_names(contacts.values())
    update_rows(sorted(contacts.values(), key=lambda contact: contact.pk), CONTACT_COLUMNS)


def _note(contact: Contact, arrival: InboundMessage, at: datetime, names: ProfileNames) -> None:
    told = arrival.told
    contact.create_in = min(contact.create_in, at)
    contact.last_message_timestamp = max(contact.last_message_timestamp or at, at)
    role = session_assignment.effect_of_kind(told.channel, told.from_customer, told.kind)
    if role in (SessionEffect.CUSTOMER, SessionEffect.BUSINESS) and not told.group_id:  # a group has its own window
        contact.record_message(at, from_customer=role is SessionEffect.CUSTOMER)
    names.note(contact, told.person, at)
