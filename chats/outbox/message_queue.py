"""Stores outbound messages and queues them. Staff, bots and the API use `queue_message`.

A queued message is part of its conversation at once, with the status `queued`. The outbox sends it (`chats.outbox.sender`).
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Subquery

from chats.conversations import conversation_events, ownership, reactions_and_edits
from chats.conversations.sessions import session_assignment
from chats.media.attachments import SharedFile, attach_again
from chats.media.submitted_files import SubmittedFile, attach_file
from chats.message_templates.filled_templates import build_preview, values_of_parameters, with_definition
from chats.models import Attachment, Message, MessageStatus, MessageTemplate, Origin, QueuedMessage, SendQueue, StatusEvent
from chats.outbox.marketing import check_marketing
from cloud_api.errors import can_be_resent, codes_of
from cloud_api.messages import template_name
from cloud_api.payloads.texts import content_of, objects
from contacts.models import Contact
from contacts.owners import OwnerReason
from jobs.bulk_writes import insert_rows, update_groups
from jobs.tracing import trace
from jobs.transactions import run_in_transaction
from jobs.wakeups import wake_after_commit
from organizations.events.outbox import reports_events
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber, User

WINDOW_MARGIN = timedelta(minutes=1)
"""Free text is refused so long before the window closes, because it might reach Meta too late."""
MIN_GAP = timedelta(milliseconds=1)
"""Between the times of two messages of a conversation."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How far Meta's clock may be ahead of the hub's."""
CONTACT_COLUMNS = [
    *("last_message_timestamp", "last_business_message_at", "waiting_since"),
    *("session_id", "session_expires_at", "session_is_active"),
]


class WindowClosed(Exception):
    """Only a message template may be sent: the customer's last message is older than 24 hours, or Meta has refused free text."""


class CannotResend(Exception):
    """The message was sent again already, would fail again, or has not failed."""


def queue_message(
    *,
    contact: Contact,
    message: Mapping[str, Any],
    token: uuid.UUID,
    origin: Origin,
    now: datetime,
    by: User | None = None,
    api_key_name: str = "",
    quoted: Message | None = None,
    content: str = "",
    file: SubmittedFile | SharedFile | None = None,
    resends: Message | None = None,
    first: Callable[[Contact], None] | None = None,
) -> Message:
    """Stores a message to the contact and queues it for sending. Returns the message.

    `message` is an API object of `cloud_api.messages`, without a media ID if `file` is sent with it. `content` is the readable text
    if it differs from the text of `message`. The caller makes `token`: a second call with the same token stores nothing and returns
    the message of the first. `quoted` is a message of the same conversation. `first` gets the contact, locked, and runs in the
    transaction before the message is stored. Raises WindowClosed, MarketingRefused for a marketing template to a contact who has
    stopped them, and InvalidMessage if the file cannot be stored.
    """
    columns = {
        "phone_number_id": contact.create_for_phone_number_id,
        "contact": contact,
        "is_user_message": False,
        "origin": origin,
        "kind": message["type"],
        "content": content or content_of(message["type"], message),
        "payload": dict(message) | ({"context": {"message_id": quoted.wamid}} if quoted else {}),
        "message_status": MessageStatus.QUEUED,
        "quoted_wamid": (quoted.wamid or "") if quoted else "",
        "target_wamid": message["reaction"]["message_id"] if message["type"] == "reaction" else None,
        "callback_data": str(token),
        "written_by": by,
        "api_key_name": api_key_name,
        "resends": resends,
    }
    return run_in_transaction(lambda: _queue_message(Message(**columns), file, now, first))


@dataclass(frozen=True, slots=True, kw_only=True)
class BotMessage:
    """A message of a bot, or an automatic one, that is to be queued. `content` is the readable text if it differs from the text of
    `message`. `trace` says why it is sent (`Message.bot_trace`), and
    `flow_state` where its flow is then. `file` is sent with it: its API object has no media ID."""

    contact: Contact
    message: Mapping[str, Any]
    token: uuid.UUID
    origin: Origin
    content: str = ""
    trace: Mapping[str, Any] | None = None
    flow_state: Mapping[str, Any] | None = None
    file: SharedFile | None = None

    def as_row(self) -> Message:
        kind = self.message["type"]
        return Message(
            contact=self.contact,
            is_user_message=False,
            origin=self.origin.value,
            kind=kind,
            content=self.content or content_of(kind, self.message),
            payload=dict(self.message),
            message_status=MessageStatus.QUEUED.value,
            callback_data=str(self.token),
            bot_trace=self.trace,
            flow_state=self.flow_state,
            written_by=None,
        )


def queue_bot_messages(queued: Sequence[BotMessage], numbers: Mapping[str, PhoneNumber], now: datetime) -> list[Message]:
    """Stores and queues messages of many conversations, in few statements. Returns the rows, without their ids.

    The contacts are locked, with open windows (or the messages are templates that they accept), and are saved. Those of one
    contact are in order. `numbers` are theirs, by phone_number_id. The tokens are new. Must run in a transaction, before messages
    are locked.
    """
    if not queued:
        return []
    contacts = {each.contact.pk: each.contact for each in queued}
    states = conversation_events.contact_states(contacts.values())
    before = {pk: _contact_values(contact) for pk, contact in contacts.items()}
    SendQueue.objects.schedule_all(list(contacts.values()))
    rows = []
    for each in _with_definitions(queued, numbers):
        row = each.as_row()
        _set_number_and_time(row, each.contact, numbers[each.contact.create_for_phone_number_id], now)
        session_assignment.assign_rows([row], [], {each.contact.pk: each.contact}, now)
        _record_sent(each.contact, row)
        rows.append(row)
    insert_rows(rows)
    Attachment.objects.bulk_create(each.file.attachment_of(row) for each, row in zip(queued, rows, strict=True) if each.file)
    stored = _stored_ids(rows)
    insert_rows([QueuedMessage(message_id=pk, contact_id=contact_id) for pk, contact_id in stored])
    for pk, contact_id in stored:
        trace("message queued", message_id=pk, contact_id=contact_id, origin="bot")
    reported = {number for number, row in numbers.items() if reports_events(row)}
    conversation_events.record_sent([row for row in rows if row.phone_number_id in reported], states, now)
    update_groups(Contact, CONTACT_COLUMNS, {pk: _contact_values(contact) for pk, contact in contacts.items()}, before)
    wake_after_commit(SendQueue)
    return rows


def _with_definitions(queued: Sequence[BotMessage], numbers: Mapping[str, PhoneNumber]) -> list[BotMessage]:
    """Returns the messages, templates with their texts and definitions, like those of staff. Costs a query only if there are
    templates."""
    names = {template_name(each.message) for each in queued if each.message["type"] == "template"}
    if not names:
        return list(queued)
    templates = MessageTemplate.objects.of_numbers(numbers.values()).filter(name__in={name for name, _ in names})
    stored = {(each.organization_id, each.waba_id, each.name, each.language): each for each in templates.order_by()}

    def with_text(queued: BotMessage) -> BotMessage:
        if queued.message["type"] != "template":
            return queued
        number = numbers[queued.contact.create_for_phone_number_id]
        template = stored.get((number.organization_id, number.waba_id, *template_name(queued.message)))
        if template is None:
            return queued
        values = values_of_parameters(template, objects(queued.message["template"], "components"))
        return replace(queued, message=with_definition(queued.message, template), content=build_preview(template, values).content)

    return [with_text(each) for each in queued]


def _contact_values(contact: Contact) -> tuple[Any, ...]:
    return tuple(getattr(contact, column) for column in CONTACT_COLUMNS)


def _stored_ids(rows: Sequence[Message]) -> list[tuple[int, int]]:
    """Returns the ids of these rows and of their contacts, in the order of the ids. MySQL returns none from an INSERT."""
    stored = Message.objects.named([(row.phone_number_id, row.callback_data) for row in rows], column="callback_data")
    return list(stored.order_by("pk").values_list("pk", "contact_id"))


def _queue_message(
    message: Message, file: SubmittedFile | SharedFile | None, now: datetime, first: Callable[[Contact], None] | None
) -> Message:
    contact, stored_id = _lock_contact(message)
    if stored_id:
        return Message.objects.get(pk=stored_id)
    if first:
        first(contact)
    if message.kind != "template" and not contact.is_window_open(now, margin=WINDOW_MARGIN):
        raise WindowClosed
    check_marketing(contact, message.payload)
    SendQueue.objects.schedule(contact)  # before messages are locked
    if message.origin == Origin.STAFF and message.kind != "reaction":
        ownership.person_answers(contact, by=message.written_by, reason=OwnerReason.ANSWERED, now=now)
    states = conversation_events.contact_states([contact])
    _add_to_conversation(message, contact, now)
    message.save(force_insert=True)
    if reports_events(contact.create_for_phone_number):
        conversation_events.record_sent([message], states, now)
    _store_file(message, file)
    QueuedMessage.objects.create(message=message, contact=contact)
    trace("message queued", message_id=message.pk, contact_id=contact.pk, origin=message.origin)
    wake_after_commit(SendQueue)
    reactions_and_edits.apply_to_targets([message], now)
    publish_revisions([contact.organization_id or 0])
    return message


def _lock_contact(message: Message) -> tuple[Contact, int | None]:
    """Returns the message's contact, locked and with its number, and the id of the message that is stored with the same token."""
    given = message.contact
    stored = Message.objects.filter(phone_number=message.phone_number_id, callback_data=message.callback_data).values("pk")
    contact = Contact.objects.select_for_update().annotate(stored_id=Subquery(stored)).get(pk=given.pk)
    number = given.create_for_phone_number if Contact.create_for_phone_number.is_cached(given) else None
    if number is None or number.phone_number_id != contact.create_for_phone_number_id:  # it may move to another row at any time
        numbers = PhoneNumber.objects.select_related("organization").defer(*PhoneNumber.SECRETS)
        number = numbers.get(phone_number_id=contact.create_for_phone_number_id)
    contact.create_for_phone_number = number
    return contact, contact.stored_id


def _store_file(message: Message, file: SubmittedFile | SharedFile | None) -> None:
    if isinstance(file, SharedFile):
        file.attachment_of(message).save(force_insert=True)
    elif file:
        attach_file(message, file)
    elif message.resends:
        attach_again(message, message.resends)


def _add_to_conversation(message: Message, contact: Contact, now: datetime) -> None:
    """Sets the message's number, time and session, and updates the contact. The message is not saved, the contact is."""
    _set_number_and_time(message, contact, contact.create_for_phone_number, now)
    session_assignment.assign_rows([message], [], {contact.pk: contact}, now)
    _record_sent(contact, message)
    contact.save(update_fields=CONTACT_COLUMNS)


def _set_number_and_time(message: Message, contact: Contact, number: PhoneNumber, now: datetime) -> None:
    """Sets the message's number, addresses and time."""
    last = contact.last_message_timestamp
    message.contact = contact
    message.phone_number_id = number.phone_number_id  # as it is now: a number may move to another row at the same time
    message.wa_id, message.wa_id_received = number.wa_id, contact.address
    # After all stored messages, even if Meta's clock is ahead: an answer must stand below the message that it answers.
    message.create_in = max(now, min(last + MIN_GAP, now + MAX_CLOCK_SKEW)) if last else now
    message.updated_at = now


def _record_sent(contact: Contact, message: Message) -> None:
    """Updates the contact's times for a message of the business."""
    contact.last_message_timestamp = max(contact.last_message_timestamp or message.create_in, message.create_in)
    if message.origin != Origin.AUTOMATIC and message.kind not in reactions_and_edits.ACTION_KINDS:  # these are no answer
        contact.record_message(message.create_in, from_customer=False)


def resend_message(
    *, message: Message, by: User | None, token: uuid.UUID, now: datetime, origin: Origin = Origin.STAFF, api_key_name: str = ""
) -> Message:
    """Queues a copy of a message that failed or is uncertain. Returns the copy; the original stays as it is. A second call with the
    same token queues nothing and returns the first copy. Raises CannotResend, WindowClosed and MarketingRefused."""
    events = StatusEvent.objects.named([message.key]).exclude(errors=None)
    if not can_resend(message, [error for event in events for error in event.errors or ()]):
        raise CannotResend
    if Message.objects.filter(resends=message).exclude(callback_data=str(token)).exists():
        raise CannotResend
    return queue_message(
        contact=message.contact,
        message={key: value for key, value in message.payload.items() if key != "context"},
        token=token,
        origin=origin,
        now=now,
        by=by,
        api_key_name=api_key_name,
        quoted=Message.objects.named([(message.phone_number_id, message.quoted_wamid)]).first(),
        content=message.content,
        resends=message,
    )


def can_resend(message: Message, status_errors: Iterable[Any]) -> bool:
    """Returns whether sending the message once more can succeed. `status_errors` are the errors of its status events. Does not
    check whether it was sent again already."""
    # A message that was deleted on a phone has arrived, and is not wanted any more.
    if message.is_user_message or not message.callback_data or message.revoked_at:
        return False
    if message.message_status == MessageStatus.UNCERTAIN:
        return True
    codes = codes_of([*(message.errors or ()), *status_errors])
    return message.message_status == MessageStatus.FAILED and all(map(can_be_resent, codes))


def mark_as_sent(*, message: Message, by: User | None, now: datetime) -> None:
    """Marks an uncertain message as sent, because a person knows that it arrived. Later statuses of Meta still apply."""

    def update() -> None:
        uncertain = Message.objects.filter(pk=message.pk, message_status=MessageStatus.UNCERTAIN)
        if uncertain.update(message_status=MessageStatus.SENT, updated_at=now):
            sent = conversation_events.ReachedStatus.of(message, now)
            conversation_events.record_statuses([replace(sent, status=MessageStatus.SENT)])
            publish_revisions([message.contact.organization_id or 0])

    run_in_transaction(update)
