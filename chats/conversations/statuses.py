"""What became of the messages we sent: every event is kept, and the message moves forward only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from chats.conversations import reactions_and_edits
from chats.conversations.unmatched_statuses import store_unmatched
from chats.models import Message, MessageStatus, StatusEvent, UnmatchedStatus
from cloud_api.errors import MARKETING_STOPPED, WINDOW_CLOSED, codes_of
from cloud_api.payloads import Status
from contacts.models import Contact
from jobs.bulk_writes import insert_rows, update_columns
from organizations.models import PhoneNumber

REFUSALS = ("window_refused_at", "marketing_refused_at", "marketing_stopped", "marketing_at")
KNOWN = {status.value: status for status in MessageStatus}


@dataclass(frozen=True, slots=True)
class StatusArrival:
    """A status that a webhook told, when it happened, and when the webhook arrived. Without `has_own_time` Meta's time is missing
    or too far ahead, and `at` is when the webhook arrived; then the earliest arrival counts."""

    told: Status
    number: PhoneNumber
    at: datetime
    webhook_id: int
    received_at: datetime
    has_own_time: bool = True


def store_statuses(arrivals: Sequence[StatusArrival], now: datetime) -> None:
    """Keep these events and move their messages. One whose message is not known yet waits in its event: see `apply_stored_statuses`.

    Must run in a transaction; IntegrityError if somebody else just stored the same.
    """
    _lock_own(arrivals)
    events = _events(arrivals)
    known = StatusEvent.objects.named(event.key for event in events.values())
    earlier: dict[int, tuple[datetime]] = {}
    for pk, at, *key in known.values_list("pk", "occurred_at", "phone_number", "wamid", "status", "participant"):
        repeated = events.pop(tuple(key), None)
        if repeated and repeated.is_time_of_arrival and repeated.occurred_at < at:
            earlier[pk] = (repeated.occurred_at,)
    update_columns(StatusEvent, ["occurred_at"], earlier)
    fresh = list(events.values())
    insert_rows(fresh)
    named = _name_messages(arrivals, now)
    # A message stored by another transaction at this moment is either seen here, because a locking read waits for it, or its
    # transaction sees these events: each stores its own before it looks for the other's.
    messages = Message.objects.select_for_update().named(event.key for event in fresh)
    matched = _advance(messages.filter(is_user_message=False), fresh, now)
    received_at = {arrival.webhook_id: arrival.received_at for arrival in arrivals}
    store_unmatched([event for event in fresh if event.key not in matched], received_at, now)
    apply_stored_statuses(named, now)
    _heed(fresh, now)


def apply_stored_statuses(messages: Iterable[Message], now: datetime) -> None:
    """Move messages that were just stored, or whose wamid just became known, to what is already known of them."""
    sent = [message.key for message in messages if not message.is_user_message]
    if not sent:
        return
    waiting = list(StatusEvent.objects.select_for_update().named(sent).order_by("pk"))
    if waiting:
        UnmatchedStatus.objects.named({event.key for event in waiting}).delete()
    _advance(Message.objects.named(event.key for event in waiting).filter(is_user_message=False), waiting, now)
    _heed(waiting, now)


def _events(arrivals: Iterable[StatusArrival]) -> dict[tuple[str, ...], StatusEvent]:
    """The events that these tell of, each once."""
    events: dict[tuple[str, ...], StatusEvent] = {}
    for arrival in arrivals:
        event = _event(arrival)
        first = events.setdefault(_key(event), event)
        if event.is_time_of_arrival or first.is_time_of_arrival:
            first.occurred_at = min(first.occurred_at, event.occurred_at)
            first.is_time_of_arrival = True
    return events


def _lock_own(arrivals: Sequence[StatusArrival]) -> None:
    """Lock what these statuses may change of what the outbox sent, before anything is written, in the outbox's own order: contacts,
    of which refusals tell something, then messages (docs/decisions/0012). The hub's own ID is stored before a message is sent, so
    none is missed for being stored at this moment."""
    refused = [each for each in arrivals if each.told.status == MessageStatus.FAILED]
    named = (Message.objects.named(_wamids(refused)), Message.objects.named(_own_ids(refused), column="callback_data"))
    contacts = {contact for rows in named for contact in rows.values_list("contact", flat=True)}
    if contacts:
        list(Contact.objects.select_for_update().filter(pk__in=contacts).order_by("pk").values_list("pk"))
    own = Message.objects.named(_own_ids(arrivals), column="callback_data")
    if ids := list(own.values_list("pk", flat=True)):
        list(Message.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))


def _wamids(arrivals: Iterable[StatusArrival]) -> list[tuple[str, str]]:
    return [(each.number.phone_number_id, each.told.wamid) for each in arrivals]


def _own_ids(arrivals: Iterable[StatusArrival]) -> list[tuple[str, str | None]]:
    return [(each.number.phone_number_id, each.told.callback_data) for each in arrivals]


def _name_messages(arrivals: Iterable[StatusArrival], now: datetime) -> list[Message]:
    """Messages that the hub sent and whose wamid it never heard, by the hub's own ID, which comes back in their statuses."""
    telling = [each for each in arrivals if each.told.callback_data]
    wamids = {(each.number.phone_number_id, each.told.callback_data or ""): each.told.wamid for each in telling}
    if not wamids:
        return []
    nameless = Message.objects.select_for_update().named(wamids, column="callback_data").filter(wamid=None)
    candidates = list(nameless.order_by("pk"))
    taken = {row.key for row in Message.objects.named((each.phone_number_id, wamids[_own_key(each)]) for each in candidates)}
    found = [each for each in candidates if (each.phone_number_id, wamids[_own_key(each)]) not in taken]
    for message in found:
        message.wamid = wamids[_own_key(message)]
    update_columns(Message, ["wamid", "updated_at"], {message.pk: (message.wamid, now) for message in found})
    if found:
        reactions_and_edits.apply_to_targets(found, now)
    return found


def _own_key(message: Message) -> tuple[str, str]:
    return message.phone_number_id, message.name


def _heed(events: Iterable[StatusEvent], now: datetime) -> None:
    """What refusals say beyond the message itself."""
    refusals = {event.key: event for event in events if event.status == MessageStatus.FAILED}
    if not refusals:
        return
    refused = list(Message.objects.named(refusals).filter(is_user_message=False))
    apply_refusals([(message, refusals[message.key].errors or []) for message in refused])
    reactions_and_edits.apply_to_targets([message for message in refused if message.kind in reactions_and_edits.ACTION_KINDS], now)


def apply_refusals(refused: Iterable[tuple[Message, Iterable[Any]]]) -> None:
    """What Meta's errors about these messages tell of their contacts: that the window is closed, whatever our times say, until the
    customer writes again; that the person stopped marketing. The latest message counts. In a transaction."""
    latest: dict[int, dict[int, datetime]] = {WINDOW_CLOSED: {}, MARKETING_STOPPED: {}}
    for message, errors in refused:
        for code in latest.keys() & set(codes_of(errors)):
            known = latest[code].get(message.contact_id)
            latest[code][message.contact_id] = max(known or message.create_in, message.create_in)
    concerned = {contact for times in latest.values() for contact in times}
    if not concerned:
        return
    changed: dict[int, tuple[Any, ...]] = {}
    for contact in Contact.objects.select_for_update().filter(pk__in=concerned).order_by("pk").only(*REFUSALS):
        before = [getattr(contact, column) for column in REFUSALS]
        contact.record_refusal(latest[WINDOW_CLOSED].get(contact.pk), marketing_at=latest[MARKETING_STOPPED].get(contact.pk))
        after = [getattr(contact, column) for column in REFUSALS]
        if after != before:
            changed[contact.pk] = tuple(after)
    update_columns(Contact, REFUSALS, changed)


def _event(arrival: StatusArrival) -> StatusEvent:
    told = arrival.told
    event = StatusEvent(
        phone_number=arrival.number,
        wamid=told.wamid,
        status=told.status[:32],
        participant=told.participant,
        occurred_at=arrival.at,
        pricing=told.pricing,
        conversation=told.conversation,
        errors=told.errors or None,
        webhook_id=arrival.webhook_id,
    )
    event.is_time_of_arrival = not arrival.has_own_time
    return event


def _key(event: StatusEvent) -> tuple[str, str, str, str]:
    return event.phone_number_id, event.wamid, event.status, event.participant


def _advance(messages: QuerySet[Message], events: Iterable[StatusEvent], now: datetime) -> set[tuple[str, str]]:
    """Move these messages to what the events tell of them; returns the keys of the messages."""
    told: dict[tuple[str, str], list[MessageStatus]] = defaultdict(list)
    for event in events:
        if event.status in KNOWN:
            told[event.key].append(KNOWN[event.status])
    moved: dict[MessageStatus, list[int]] = defaultdict(list)
    found: set[tuple[str, str]] = set()
    columns = ("pk", "phone_number", "wamid", "message_status")
    for pk, number, wamid, status in messages.order_by("pk").values_list(*columns):
        found.add((number, wamid))
        current = KNOWN[status]
        furthest = max([current, *told[number, wamid]], key=lambda status: status.rank)
        if furthest is not current:
            moved[furthest].append(pk)
    for status, ids in moved.items():
        Message.objects.filter(pk__in=ids).update(message_status=status, updated_at=now)
    return found
