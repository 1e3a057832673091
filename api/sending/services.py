"""Queues a message of a request."""

from datetime import datetime
from functools import partial

from api.access.access import ApiAccess
from api.sending.idempotency import AlreadyRecorded, IdempotentRequest, KeyReused, check_recorded, record_request
from api.sending.message_kinds import OutboundMessage
from chats.conversations import ownership
from chats.models import Message, Origin
from chats.outbox.message_queue import queue_message
from contacts.models import Contact
from contacts.owners import OwnerReason


def find_sent(*, contact: Contact, request: IdempotentRequest) -> Message | None:
    """Returns the message that the same request has queued before. None if there is none. Raises KeyReused if another request has
    this token."""
    if request.recorded is None:
        return None
    if request.recorded != request.hash:
        raise KeyReused
    key = (contact.create_for_phone_number_id, str(request.token))
    return Message.objects.named([key], column="callback_data").select_related("written_by").first()


def send_message(
    *, access: ApiAccess, contact: Contact, outbound: OutboundMessage, request: IdempotentRequest, now: datetime
) -> Message:
    """Queues the message, and returns it. Two equal requests at the same time return the same message. Only with `take_over`, the
    owner of the conversation changes, in the transaction that queues the message. Raises WindowClosed, MarketingRefused and
    KeyReused."""

    def prepare(locked: Contact) -> None:
        if request.recorded is None:
            record_request(request, now)
        if outbound.take_over:
            ownership.person_answers(locked, by=access.user, reason=OwnerReason.TAKEN_OVER, now=now)

    queue = partial(
        queue_message,
        contact=contact,
        message=outbound.message,
        token=request.token,
        origin=Origin.API,
        now=now,
        by=None if access.key else access.user,
        api_key_name=access.key_name,
        quoted=outbound.quoted,
        content=outbound.content,
        file=outbound.file,
    )
    try:
        message = queue(first=prepare)
    except AlreadyRecorded:
        check_recorded(request)
        message = queue()
    # The hash of a very old request is deleted, its message is not.
    kind = outbound.message["type"]
    if (message.contact_id, message.kind, message.payload.get(kind)) != (contact.pk, kind, outbound.message[kind]):
        raise KeyReused
    return message
