"""Stores outbound messages and queues them. Staff, bots and the API use `queue_message`.

A queued message is part of its conversation at once, with the status `queued`. The outbox sends it (`chats.outbox.sender`).
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chats.conversations import reactions_and_edits, session_assignment
from chats.media.attachments import attach_again
from chats.media.submitted_files import SubmittedFile, attach_file
from chats.models import Message, MessageStatus, Origin, QueuedMessage, SendQueue, StatusEvent
from cloud_api.errors import can_be_resent, codes_of
from cloud_api.payloads.texts import content_of
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from jobs.wakeups import wake_after_commit
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
    quoted: Message | None = None,
    content: str = "",
    file: SubmittedFile | None = None,
    resends: Message | None = None,
) -> Message:
    """Stores a message to the contact and queues it for sending. Returns the message.

    `message` is an API object of `cloud_api.messages`, without a media ID if `file` is sent with it. `content` is the readable text
    if it differs from the text of `message`. The caller makes `token`: a second call with the same token stores nothing and returns
    the message of the first. `quoted` is a message of the same conversation. Raises WindowClosed, and InvalidMessage if the file
    cannot be stored.
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
        "resends": resends,
    }
    return run_in_transaction(lambda: _queue_message(Message(**columns), file, now))


def _queue_message(message: Message, file: SubmittedFile | None, now: datetime) -> Message:
    found = Message.objects.filter(phone_number=message.phone_number_id, callback_data=message.callback_data).first()
    if found:
        return found
    contact = Contact.objects.select_for_update().get(pk=message.contact_id)
    if message.kind != "template" and not contact.is_window_open(now, margin=WINDOW_MARGIN):
        raise WindowClosed
    SendQueue.objects.schedule(contact)  # before messages are locked
    _add_to_conversation(message, contact, now)
    message.save(force_insert=True)
    if file:
        attach_file(message, file)
    elif message.resends:
        attach_again(message, message.resends)
    QueuedMessage.objects.create(message=message, contact=contact)
    wake_after_commit(SendQueue)
    reactions_and_edits.apply_to_targets([message], now)
    publish_revisions([contact.organization_id or 0])
    return message


def _add_to_conversation(message: Message, contact: Contact, now: datetime) -> None:
    """Sets the message's number, time and session, and updates the contact. The message is not saved, the contact is."""
    number = PhoneNumber.objects.only("wa_id", "phone_number_id").get(phone_number_id=contact.create_for_phone_number_id)
    last = contact.last_message_timestamp
    message.contact = contact
    message.phone_number_id = number.phone_number_id  # as it is now: a number may move to another row at the same time
    message.wa_id, message.wa_id_received = number.wa_id, contact.address
    # After all stored messages, even if Meta's clock is ahead: an answer must stand below the message that it answers.
    message.create_in = max(now, min(last + MIN_GAP, now + MAX_CLOCK_SKEW)) if last else now
    message.updated_at = now
    session_assignment.assign_rows([message], [], {contact.pk: contact}, now)
    contact.last_message_timestamp = max(last or message.create_in, message.create_in)
    contact.record_message(message.create_in, from_customer=False)
    contact.save(update_fields=CONTACT_COLUMNS)


def resend_message(*, message: Message, by: User, token: uuid.UUID, now: datetime) -> Message:
    """Queues a copy of a message that failed or is uncertain. Returns the copy; the original stays as it is. A second call with the
    same token queues nothing and returns the first copy. Raises CannotResend and WindowClosed."""
    events = StatusEvent.objects.named([message.key]).exclude(errors=None)
    if not can_resend(message, [error for event in events for error in event.errors or ()]):
        raise CannotResend
    if Message.objects.filter(resends=message).exclude(callback_data=str(token)).exists():
        raise CannotResend
    return queue_message(
        contact=message.contact,
        message={key: value for key, value in message.payload.items() if key != "context"},
        token=token,
        origin=Origin.STAFF,
        now=now,
        by=by,
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


def mark_as_sent(*, message: Message, by: User, now: datetime) -> None:
    """Marks an uncertain message as sent, because a person knows that it arrived. Later statuses of Meta still apply."""

    def update() -> None:
        uncertain = Message.objects.filter(pk=message.pk, message_status=MessageStatus.UNCERTAIN)
        if uncertain.update(message_status=MessageStatus.SENT, updated_at=now):
            publish_revisions([message.contact.organization_id or 0])

    run_in_transaction(update)
