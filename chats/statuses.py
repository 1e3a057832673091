"""What became of the messages we sent: every event is kept, and the message moves forward only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from chats import actions
from chats.models import Message, MessageStatus, StatusEvent
from cloud_api.errors import MARKETING_STOPPED, WINDOW_CLOSED
from cloud_api.payloads import Status
from contacts.models import Contact
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
    named = _name_messages(arrivals, now)
    # A message stored by another transaction at this moment is either seen here, because a locking read waits for it, or its
    # transaction sees these events: each stores its own before it looks for the other's.
    messages = Message.objects.select_for_update().named(event.key for event in fresh)
    _advance(messages.filter(is_user_message=False), fresh, now)
    catch_up(named, now)
    _heed(fresh, now)


def catch_up(messages: Iterable[Message], now: datetime) -> None:
    """Move messages that were just stored, or whose wamid just became known, to what is already known of them."""
    sent = [message.key for message in messages if not message.is_user_message]
    if not sent:
        return
    waiting = list(StatusEvent.objects.select_for_update().named(sent).order_by("pk"))
    _advance(Message.objects.named(event.key for event in waiting).filter(is_user_message=False), waiting, now)
    _heed(waiting, now)


def _name_messages(arrivals: Iterable[StatusArrival], now: datetime) -> list[Message]:
    """Messages that the hub sent and whose wamid it never heard, by the hub's own ID, which comes back in their statuses."""
    telling = [each for each in arrivals if each.told.callback_data]
    wamids = {(each.number.phone_number_id, each.told.callback_data or ""): each.told.wamid for each in telling}
    if not wamids:
        return []
    nameless = Message.objects.select_for_update().named(wamids, column="callback_data").filter(wamid=None)
    found = list(nameless.order_by("pk"))
    for message in found:
        message.wamid = wamids[message.phone_number_id, message.name]
        Message.objects.filter(pk=message.pk).update(wamid=message.wamid, updated_at=now)
    if found:
        actions.act_on_targets(found, now)
    return found


def _heed(events: Iterable[StatusEvent], now: datetime) -> None:
    """What refusals say beyond the message itself."""
    refusals = {event.key: event for event in events if event.status == MessageStatus.FAILED}
    if not refusals:
        return
    refused = list(Message.objects.named(refusals).filter(is_user_message=False))
    note_refusals([(message, refusals[message.key].errors or []) for message in refused])
    actions.act_on_targets([message for message in refused if message.kind in actions.ACTIONS], now)


def note_refusals(refused: Iterable[tuple[Message, Iterable[Any]]]) -> None:
    """What Meta's errors about these messages tell of their contacts: that the window is closed, whatever our times say, until the
    customer writes again; that the person stopped marketing."""
    for message, errors in refused:
        codes = {error.get("code") for error in errors if isinstance(error, dict)}
        contact, at = Contact.objects.filter(pk=message.contact_id), message.create_in
        if WINDOW_CLOSED in codes:
            contact.filter(Q(window_refused_at=None) | Q(window_refused_at__lt=at)).update(window_refused_at=at)
        if MARKETING_STOPPED in codes:
            contact.filter(Q(marketing_at=None) | Q(marketing_at__lt=at)).update(marketing_stopped=True, marketing_at=at)


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
