"""Events about conversations and their messages, for other systems (`organizations.events`). All functions that record must run in
the transaction of the change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from chats.models import Message, MessageStatus, Origin
from contacts.contact_events import changed_event, contact_event
from contacts.models import Contact
from organizations.events.kinds import EventKind
from organizations.events.outbox import NewEvent, record_events
from organizations.models import PhoneNumber
from organizations.numbers.inbound_items import ReceivedWebhook

MessageKey = tuple[str, str]
"""The phone_number_id and the wamid of a message."""
RECEIVED_FROM = (Origin.LIVE, Origin.STANDBY)
NOT_REPORTED = (MessageStatus.RECEIVED, MessageStatus.SENDING)
"""Statuses that are not reported: of inbound messages, and of those that may be queued again in a moment."""


@dataclass(frozen=True, slots=True)
class ContactState:
    """What events compare of a contact. `session_id` is that of its running session, None if none runs."""

    session_id: UUID | None
    names: tuple[str, str]
    marketing_stopped: bool
    is_new: bool

    @classmethod
    def of(cls, contact: Contact) -> Self:
        return cls(
            session_id=contact.session_id if contact.session_is_active else None,
            names=(contact.name, contact.username),
            marketing_stopped=contact.marketing_stopped,
            is_new=contact._state.adding,  # it was inserted in this transaction
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachedStatus:
    """A status that an outbound message has reached, and when."""

    phone_number_id: str
    contact_id: int
    callback_data: str | None
    wamid: str | None
    status: MessageStatus
    at: datetime

    @classmethod
    def of(cls, message: Message, at: datetime) -> Self:
        return cls(
            phone_number_id=message.phone_number_id,
            contact_id=message.contact_id,
            callback_data=message.callback_data,
            wamid=message.wamid,
            status=MessageStatus(message.message_status),
            at=at,
        )


def contact_states(contacts: Iterable[Contact]) -> dict[int, ContactState]:
    """Returns the present states of these contacts, by their ids."""
    return {contact.pk: ContactState.of(contact) for contact in contacts}


def record_received(received: Sequence[tuple[Message, ReceivedWebhook]], before: Mapping[int, ContactState], now: datetime) -> None:
    """Records the events of messages that have just been stored, and of their contacts, which had the states `before`."""
    latest: dict[int, tuple[Contact, ReceivedWebhook]] = {}
    for row, webhook in received:
        _contact, known = latest.get(row.contact_id, (row.contact, webhook))
        latest[row.contact_id] = row.contact, max(known, webhook, key=lambda each: each.id)
    events: list[NewEvent] = []
    for contact, webhook in latest.values():
        events += changed_names(contact, before[contact.pk], webhook, now)
        events += _session_events(contact, before[contact.pk], now, webhook)
    for row, webhook in sorted(received, key=lambda pair: pair[0].create_in):
        events += _message_events(row, webhook)
    record_events(events)


def record_sent(rows: Sequence[Message], before: Mapping[int, ContactState], now: datetime) -> None:
    """Records the events of messages that the hub has just queued, and of sessions that they opened."""
    events: list[NewEvent] = []
    for contact in {row.contact_id: row.contact for row in rows}.values():
        events += _session_events(contact, before[contact.pk], now)
    events += [_status_event(ReachedStatus.of(row, row.create_in), row.contact.organization_id or 0) for row in rows]
    record_events(events)


def record_expired(contacts: Iterable[Contact], now: datetime) -> None:
    """Records that the sessions of these contacts have expired."""
    closed = [(each, each.session_id) for each in contacts if each.session_id]
    record_events([_session_event(EventKind.CONVERSATION_CLOSED, contact, session, now) for contact, session in closed])


def record_statuses(reached: Sequence[ReachedStatus], webhooks: Mapping[MessageKey, ReceivedWebhook] | None = None) -> None:
    """Records statuses of outbound messages. `webhooks` are those that reported them, by the wamids of the messages."""
    reported = [each for each in reached if each.status not in NOT_REPORTED]
    if not reported:
        return
    numbers = PhoneNumber.objects.filter(
        phone_number_id__in={each.phone_number_id for each in reported}, organization__event_kinds__isnull=False
    )
    owners = dict(numbers.values_list("phone_number_id", "organization_id"))
    record_events(
        [
            _status_event(each, owner, (webhooks or {}).get((each.phone_number_id, each.wamid or "")))
            for each in reported
            if (owner := owners.get(each.phone_number_id))
        ]
    )


def changed_names(contact: Contact, before: ContactState, webhook: ReceivedWebhook, now: datetime) -> list[NewEvent]:
    """Returns the event of a contact whose names or choice about marketing this webhook changed. A new contact is reported as
    such."""
    after = ContactState.of(contact)
    fields = [*(["profile_name"] if after.names != before.names else [])]
    fields += ["marketing_stopped"] if after.marketing_stopped != before.marketing_stopped else []
    return [changed_event(contact, fields, now, webhook=webhook)] if fields and not before.is_new else []


def _session_events(
    contact: Contact, before: ContactState, now: datetime, webhook: ReceivedWebhook | None = None
) -> list[NewEvent]:
    """Returns that the former session has ended, and that another one runs."""
    after = ContactState.of(contact).session_id
    if after == before.session_id:
        return []
    kinds = ((EventKind.CONVERSATION_CLOSED, before.session_id), (EventKind.CONVERSATION_OPENED, after))
    return [_session_event(kind, contact, session, now, webhook) for kind, session in kinds if session]


def _session_event(
    kind: EventKind, contact: Contact, session_id: UUID, now: datetime, webhook: ReceivedWebhook | None = None
) -> NewEvent:
    key = f"{contact.create_for_phone_number_id} {session_id}"
    return contact_event(kind, contact, now, key=key, webhook=webhook, facts={"session": str(session_id)})


def _message_events(row: Message, webhook: ReceivedWebhook) -> list[NewEvent]:
    if row.kind == "system" or row.origin == Origin.HISTORY:
        return []
    if not row.is_user_message:
        return [_status_event(ReachedStatus.of(row, row.create_in), row.contact.organization_id or 0, webhook)]
    if row.origin not in RECEIVED_FROM:
        return []
    key = f"{row.phone_number_id} {row.wamid}"
    event = contact_event(
        EventKind.MESSAGE_RECEIVED, row.contact, row.create_in, key=key, webhook=webhook, facts={"wamid": row.wamid}
    )
    return [event]


def _status_event(reached: ReachedStatus, organization_id: int, webhook: ReceivedWebhook | None = None) -> NewEvent:
    name = {"callback_data": reached.callback_data} if reached.callback_data else {"wamid": reached.wamid}
    return NewEvent(
        kind=EventKind.MESSAGE_STATUS,
        organization_id=organization_id,
        phone_number_id=reached.phone_number_id,
        contact_id=reached.contact_id,
        occurred_at=reached.at,
        key=f"{reached.phone_number_id} {reached.callback_data or reached.wamid} {reached.status}",
        webhook_id=webhook.id if webhook else 0,
        received_at=webhook.received_at if webhook else None,
        facts={**name, "status": reached.status.value},
    )
