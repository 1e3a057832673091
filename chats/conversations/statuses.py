"""Stores the statuses of outbound messages: every event is kept, and a message only moves forward."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from chats.conversations import contact_columns, reactions_and_edits
from chats.conversations.conversation_events import MessageKey, ReachedStatus, record_statuses
from chats.conversations.unmatched_statuses import store_unmatched
from chats.models import Message, MessageStatus, StatusEvent, UnmatchedStatus
from cloud_api.errors import MARKETING_STOPPED, WINDOW_CLOSED, codes_of
from cloud_api.payloads import Status
from contacts.consent.ledger import MARKETING_COLUMNS
from contacts.consent.messages import RefusedMessage, record_refusals
from contacts.contact_events import record_changed
from contacts.models import Contact
from jobs.bulk_writes import insert_rows, update_columns
from organizations.events.outbox import reports_events
from organizations.numbers.inbound_items import InboundItem, ReceivedWebhook

REFUSAL_COLUMNS = ("window_refused_at", "marketing_refused_at", *MARKETING_COLUMNS)
STATUSES = {status.value: status for status in MessageStatus}


def store_statuses(items: Sequence[InboundItem[Status]], now: datetime) -> None:
    """Stores these statuses and moves their messages. A status of an unknown message stays in its event until the message is stored
    (see `apply_stored_statuses`).

    Must run in a transaction. Raises IntegrityError if another transaction has just stored the same event.
    """
    _lock_messages_of_hub(items)
    events = _events(items)
    stored = StatusEvent.objects.named(event.key for event in events.values())
    earlier: dict[int, tuple[datetime]] = {}
    for pk, occurred_at, *key in stored.values_list("pk", "occurred_at", "phone_number", "wamid", "status", "participant"):
        repeated = events.pop(tuple(key), None)
        if repeated and repeated.is_time_of_arrival and repeated.occurred_at < occurred_at:
            earlier[pk] = (repeated.occurred_at,)
    update_columns(StatusEvent, ["occurred_at"], earlier)
    new = list(events.values())
    insert_rows(new)
    named = _set_wamids(items, now)
    # Each transaction stores its own rows before it reads the other's. So a message that another transaction stores concurrently is
    # either found here, because a locking read waits for it, or the other transaction finds these events.
    messages = Message.objects.select_for_update().named(event.key for event in new)
    matched, reached = _advance(messages.filter(is_user_message=False), new, now)
    if any(reports_events(each.number) for each in items):
        record_statuses(reached, _webhooks(items))
    received_at = {each.webhook.id: each.webhook.received_at for each in items}
    store_unmatched([event for event in new if event.key not in matched], received_at, now)
    apply_stored_statuses(named, now)
    _apply_refused_events(new, now)


def apply_stored_statuses(
    messages: Iterable[Message], now: datetime, *, webhooks: Mapping[MessageKey, ReceivedWebhook] | None = None
) -> None:
    """Moves messages that were just stored, or whose wamid just became known, to the statuses that arrived before. `webhooks` are
    those that contained the messages. None: the hub sent them."""
    sent = [message.key for message in messages if not message.is_user_message]
    if not sent:
        return
    stored = list(StatusEvent.objects.select_for_update().named(sent).order_by("pk"))
    if stored:
        UnmatchedStatus.objects.named({event.key for event in stored}).delete()
    _, reached = _advance(Message.objects.named(event.key for event in stored).filter(is_user_message=False), stored, now)
    if webhooks is None or webhooks:
        record_statuses(reached, webhooks)
    _apply_refused_events(stored, now)


def apply_refusals(refused: Iterable[tuple[Message, Iterable[Any]]], now: datetime) -> None:
    """Applies Meta's errors about these messages to their contacts. The window may be closed, whatever the times of messages say,
    until the customer writes again. The person may have stopped marketing. The latest message counts. Must run in a transaction."""
    latest: dict[int, dict[int, datetime]] = {WINDOW_CLOSED: {}, MARKETING_STOPPED: {}}
    stopped: list[Message] = []
    for message, errors in refused:
        for code in latest.keys() & set(codes_of(errors)):
            stopped += [message] if code == MARKETING_STOPPED else []
            known = latest[code].get(message.contact_id)
            latest[code][message.contact_id] = max(known or message.create_in, message.create_in)
    contact_ids = {contact_id for times in latest.values() for contact_id in times}
    if not contact_ids:
        return
    changed: dict[int, tuple[Any, ...]] = {}
    newly_stopped: list[int] = []
    locked = Contact.objects.select_for_update().filter(pk__in=contact_ids).order_by("pk")
    contacts = locked.only("create_for_phone_number", *REFUSAL_COLUMNS).in_bulk()
    for contact in contacts.values():
        before, stopped_before = [getattr(contact, column) for column in REFUSAL_COLUMNS], contact.marketing_stopped
        contact.record_refusal(latest[WINDOW_CLOSED].get(contact.pk), marketing_at=latest[MARKETING_STOPPED].get(contact.pk))
        after = [getattr(contact, column) for column in REFUSAL_COLUMNS]
        if after != before:
            changed[contact.pk] = tuple(after)
        if contact.marketing_stopped != stopped_before:
            newly_stopped.append(contact.pk)
    update_columns(Contact, REFUSAL_COLUMNS, changed)
    record_changed(newly_stopped, ["marketing_stopped"], now)
    record_refusals([(contacts[each.contact_id], _refused_message(each)) for each in stopped if each.contact_id in contacts], now)


def _refused_message(message: Message) -> RefusedMessage:
    return RefusedMessage(name=message.name, wamid=message.wamid or "", sent_at=message.create_in)


def _lock_messages_of_hub(items: Sequence[InboundItem[Status]]) -> None:
    """Locks what these statuses may change of the messages that the outbox sent, before anything is written: the contacts of
    refused ones and of those that had failed and may have arrived, then messages. That is the order of the outbox
    (docs/decisions/0012)."""
    # The callback data is stored before a message is sent, so no message is missed because it is stored concurrently.
    refused = [each for each in items if each.item.status == MessageStatus.FAILED]
    by_wamid = Message.objects.named((each.number.phone_number_id, each.item.wamid) for each in refused)
    by_callback_data = Message.objects.named(_callback_keys(refused), column="callback_data")
    contacts = {contact for rows in (by_wamid, by_callback_data) for contact in rows.values_list("contact", flat=True)}
    own = list(Message.objects.named(_callback_keys(items), column="callback_data").values_list("pk", "contact", "message_status"))
    contacts |= {contact for _, contact, status in own if status == MessageStatus.FAILED}  # they may have arrived
    if contacts:
        list(Contact.objects.select_for_update().filter(pk__in=contacts).order_by("pk").values_list("pk"))
    if ids := [pk for pk, _, _ in own]:
        list(Message.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))


def _callback_keys(items: Iterable[InboundItem[Status]]) -> list[tuple[str, str | None]]:
    return [(each.number.phone_number_id, each.item.callback_data) for each in items]


def _events(items: Iterable[InboundItem[Status]]) -> dict[tuple[str, ...], StatusEvent]:
    """Returns the events of these items, each once, by their unique columns."""
    events: dict[tuple[str, ...], StatusEvent] = {}
    for each in items:
        event = _event(each)
        first = events.setdefault((event.phone_number_id, event.wamid, event.status, event.participant), event)
        if event.is_time_of_arrival or first.is_time_of_arrival:
            first.occurred_at = min(first.occurred_at, event.occurred_at)
            first.is_time_of_arrival = True
    return events


def _event(each: InboundItem[Status]) -> StatusEvent:
    status = each.item
    event = StatusEvent(
        phone_number=each.number,
        wamid=status.wamid,
        status=status.status[:32],
        participant=status.participant,
        occurred_at=each.time,
        pricing=status.pricing,
        conversation=status.conversation,
        errors=status.errors or None,
        webhook_id=each.webhook.id,
    )
    event.is_time_of_arrival = not each.has_own_time
    return event


def _set_wamids(items: Iterable[InboundItem[Status]], now: datetime) -> list[Message]:
    """Sets the wamid of messages that the hub sent without receiving it. Their statuses contain the callback data. Returns them."""
    wamids = {(each.number.phone_number_id, each.item.callback_data): each.item.wamid for each in items if each.item.callback_data}
    if not wamids:
        return []
    unnamed = Message.objects.select_for_update().named(wamids, column="callback_data").filter(wamid=None)
    candidates = [(message, wamids[message.phone_number_id, message.callback_data]) for message in unnamed.order_by("pk")]
    taken = {row.key for row in Message.objects.named((message.phone_number_id, wamid) for message, wamid in candidates)}
    found = []
    for message, wamid in candidates:
        if (message.phone_number_id, wamid) not in taken:
            message.wamid = wamid
            found.append(message)
    update_columns(Message, ["wamid", "updated_at"], {message.pk: (message.wamid, now) for message in found})
    if found:
        reactions_and_edits.apply_to_targets(found, now)
    return found


def _apply_refused_events(events: Iterable[StatusEvent], now: datetime) -> None:
    """Applies what refusals change beyond the message itself."""
    refusals = {event.key: event for event in events if event.status == MessageStatus.FAILED}
    if not refusals:
        return
    refused = list(Message.objects.named(refusals).filter(is_user_message=False))
    apply_refusals([(message, refusals[message.key].errors or []) for message in refused], now)
    actions = [message for message in refused if message.kind in reactions_and_edits.ACTION_KINDS]
    reactions_and_edits.apply_to_targets(actions, now)


def _webhooks(items: Iterable[InboundItem[Status]]) -> dict[MessageKey, ReceivedWebhook]:
    """Returns the last webhook that names each message."""
    ordered = sorted(items, key=lambda each: each.webhook.id)
    return {(each.number.phone_number_id, each.item.wamid): each.webhook for each in ordered}


def _advance(
    messages: QuerySet[Message], events: Iterable[StatusEvent], now: datetime
) -> tuple[set[MessageKey], list[ReachedStatus]]:
    """Moves these messages to the furthest status of the events, with whether their contacts are answered. Returns the keys of the
    messages, and what was moved."""
    reported: dict[MessageKey, dict[MessageStatus, datetime]] = defaultdict(dict)
    for event in events:
        if event.status in STATUSES:
            reported[event.key].setdefault(STATUSES[event.status], event.occurred_at)
    moved: dict[MessageStatus, list[int]] = defaultdict(list)
    of_hub: list[tuple[int, datetime, MessageStatus, MessageStatus]] = []
    found: set[MessageKey] = set()
    reached: list[ReachedStatus] = []
    columns = ("pk", "phone_number", "wamid", "message_status", "contact", "callback_data", "create_in")
    for pk, number, wamid, status, contact, callback_data, sent_at in messages.order_by("pk").values_list(*columns):
        found.add((number, wamid))
        current, times = STATUSES[status], reported[number, wamid]
        furthest = max([current, *times], key=lambda status: status.rank)
        if furthest is not current:
            moved[furthest].append(pk)
            if callback_data:
                of_hub.append((contact, sent_at, current, furthest))
            reached.append(
                ReachedStatus(
                    phone_number_id=number,
                    contact_id=contact,
                    callback_data=callback_data,
                    wamid=wamid,
                    status=furthest,
                    at=times[furthest],
                )
            )
    for status, ids in moved.items():
        Message.objects.filter(pk__in=ids).update(message_status=status, updated_at=now)
    _update_answered(of_hub)
    return found, reached


def _update_answered(moved: Iterable[tuple[int, datetime, MessageStatus, MessageStatus]]) -> None:
    """Updates whether the contacts of messages that failed, or arrived although they had failed, are answered. Of each message that
    the hub sent: contact, time, earlier and present status."""
    failed: dict[int, set[datetime]] = defaultdict(set)
    arrived: set[int] = set()
    for contact, sent_at, before, status in moved:
        if status is MessageStatus.FAILED:
            failed[contact].add(sent_at)
        elif before is MessageStatus.FAILED:
            arrived.add(contact)
    if failed or arrived:
        contact_columns.update_answered(failed, arrived)
