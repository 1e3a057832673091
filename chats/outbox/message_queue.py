"""The one way by which anything is written to a customer: by staff, bots and the API alike. What is written is a message of the
conversation at once, `queued`; the outbox sends it (see `chats.outbox.sender`)."""

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
"""What is written so shortly before the window closes might reach Meta too late."""
NEXT = timedelta(milliseconds=1)
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""How much Meta's clock may be ahead of ours."""
CONTACT_COLUMNS = [
    *("last_message_timestamp", "last_business_message_at", "waiting_since"),
    *("session_id", "session_expires_at", "session_is_active"),
]


class WindowClosed(Exception):
    """Only a message template may be written: the customer has not written for 24 hours, or Meta says so."""


class CannotResend(Exception):
    """It was sent again already, or it would only fail again, or it did not fail."""


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
    """Write a message to the contact; it is sent as soon as it is its turn.

    `message` is an API object of `cloud_api.messages`, without a media id where `file` is to be sent with it; `content` is what
    people read of it where that is more than it says. `token` is made by whoever writes: with the same one, the message that is
    there is returned, and nothing is written. `quoted` is a message of the same conversation. Raises WindowClosed.
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
    return run_in_transaction(lambda: _queue(Message(**columns), file, now))


def _queue(draft: Message, file: SubmittedFile | None, now: datetime) -> Message:
    known = Message.objects.filter(phone_number=draft.phone_number_id, callback_data=draft.callback_data).first()
    if known:
        return known
    contact = Contact.objects.select_for_update().get(pk=draft.contact_id)
    if draft.kind != "template" and not contact.is_window_open(now, margin=WINDOW_MARGIN):
        raise WindowClosed
    SendQueue.objects.schedule(contact)  # before messages are locked
    _place(draft, contact, now)
    draft.save(force_insert=True)
    if file:
        attach_file(draft, file)
    elif draft.resends:
        attach_again(draft, draft.resends)
    QueuedMessage.objects.create(message=draft, contact=contact)
    wake_after_commit(SendQueue)
    reactions_and_edits.apply_to_targets([draft], now)
    publish_revisions([contact.organization_id or 0])
    return draft


def _place(draft: Message, contact: Contact, now: datetime) -> None:
    """Into the conversation, after all that is in it: an answer stands below its question, whatever our clock says."""
    number = PhoneNumber.objects.only("wa_id", "phone_number_id").get(phone_number_id=contact.create_for_phone_number_id)
    last = contact.last_message_timestamp
    draft.contact = contact
    draft.phone_number_id = number.phone_number_id  # as it is now: a number may move while somebody writes
    draft.wa_id, draft.wa_id_received = number.wa_id, contact.address
    draft.create_in = max(now, min(last + NEXT, now + MAX_CLOCK_SKEW)) if last else now
    draft.updated_at = now
    session_assignment.assign_rows([draft], [], {contact.pk: contact}, now)
    contact.last_message_timestamp = max(last or draft.create_in, draft.create_in)
    contact.record_message(draft.create_in, from_customer=False)
    contact.save(update_fields=CONTACT_COLUMNS)


def resend_message(*, message: Message, by: User, token: uuid.UUID, now: datetime) -> Message:
    """Write a message once more that failed for a reason that may have passed, or of which nobody knows whether it arrived; the old
    one stays as it is. Raises CannotResend and WindowClosed."""
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


def can_resend(message: Message, told: Iterable[Any]) -> bool:
    """Whether sending it once more can help, if that was not done already. `told` are the errors that its statuses told. What was
    deleted on a phone has arrived, and is not wanted any more."""
    if message.is_user_message or not message.callback_data or message.revoked_at:
        return False
    if message.message_status == MessageStatus.UNCERTAIN:
        return True
    return message.message_status == MessageStatus.FAILED and all(map(can_be_resent, codes_of([*(message.errors or ()), *told])))


def mark_as_sent(*, message: Message, by: User, now: datetime) -> None:
    """A person says that an uncertain message has arrived. What Meta tells of it later still counts."""

    def count_as_sent() -> None:
        uncertain = Message.objects.filter(pk=message.pk, message_status=MessageStatus.UNCERTAIN)
        if uncertain.update(message_status=MessageStatus.SENT, updated_at=now):
            publish_revisions([message.contact.organization_id or 0])

    run_in_transaction(count_as_sent)
