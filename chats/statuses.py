"""What became of the messages we sent: every event is kept, and the message moves forward only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from chats.models import Message, MessageStatus, StatusEvent
from cloud_api.payloads import Status
from jobs.inserting import insert_rows
from organizations.models import PhoneNumber

KNOWN = {status.value: status for status in MessageStatus}


@dataclass(frozen=True, slots=True)
class StatusArrival:
    """A status that a webhook told, and when it happened."""

    told: Status
    number: PhoneNumber
    at: datetime
    webhook_id: int


def record_statuses(arrivals: Sequence[StatusArrival], now: datetime) -> None:
    """Keep these events and move their messages. One whose message is not known yet waits in its event: see `catch_up`.

    Must run in a transaction; IntegrityError if somebody else just stored the same.
    """
    events = {_key(event): event for event in map(_event, arrivals)}
    known = StatusEvent.objects.named(event.key for event in events.values())
    for key in known.values_list("phone_number", "wamid", "status", "participant"):
        events.pop(key, None)
    fresh = list(events.values())
    insert_rows(fresh)
    # A message stored by another transaction at this moment is either seen here, because a locking read waits for it, or its
    # transaction sees these events: each stores its own before it looks for the other's.
    messages = Message.objects.select_for_update().named(event.key for event in fresh)
    _advance(messages.filter(is_user_message=False), fresh, now)


def catch_up(messages: Iterable[Message], now: datetime) -> None:
    """Move messages that were just stored to what is already known of them."""
    sent = [message.key for message in messages if not message.is_user_message]
    waiting = list(StatusEvent.objects.select_for_update().named(sent).order_by("pk"))
    _advance(Message.objects.named(event.key for event in waiting).filter(is_user_message=False), waiting, now)


def _event(arrival: StatusArrival) -> StatusEvent:
    told = arrival.told
    return StatusEvent(
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


def _key(event: StatusEvent) -> tuple[str, str, str, str]:
    return event.phone_number_id, event.wamid, event.status, event.participant


def _advance(messages: QuerySet[Message], events: Iterable[StatusEvent], now: datetime) -> None:
    told: dict[tuple[str, str], list[MessageStatus]] = defaultdict(list)
    for event in events:
        if event.status in KNOWN:
            told[event.key].append(KNOWN[event.status])
    moved: dict[MessageStatus, list[int]] = defaultdict(list)
    columns = ("pk", "phone_number", "wamid", "message_status")
    for pk, number, wamid, status in messages.order_by("pk").values_list(*columns):
        current = KNOWN[status]
        furthest = max([current, *told[number, wamid]], key=lambda status: status.rank)
        if furthest is not current:
            moved[furthest].append(pk)
    for status, ids in moved.items():
        Message.objects.filter(pk__in=ids).update(message_status=status, updated_at=now)
