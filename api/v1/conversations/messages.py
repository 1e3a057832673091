"""Messages of a conversation, and one message."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, ClassVar

import django_filters
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.filters import filter_rows, query_with
from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import page_of, page_response, read_cursor
from api.endpoints.values import SealedId, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict, Problem
from api.sending.examples import MESSAGE_EXAMPLES
from api.sending.idempotency import IdempotentRequest, KeyReused, message_token, recorded_hash, request_hash
from api.sending.message_kinds import OUTBOUND_MESSAGE, OutboundMessage, read_outbound_message
from api.sending.services import find_sent, send_message
from api.v1.lookups import find_message, get_contact, get_message, message_id
from chats.conversations.timeline import ThreadPosition
from chats.inbox.selectors import failures_of, list_messages, messages_of
from chats.models import Message, MessageStatus, Origin
from chats.outbox.marketing import MarketingRefused
from chats.outbox.message_queue import WindowClosed
from contacts.consent.selectors import MarketingRefusal
from contacts.models import Contact

MAX_KEY_LENGTH = 200
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="Chosen by the client, such as a UUID or the id of an order. The same key sends the message once.",
)
REUSED = "This Idempotency-Key was used for another message. Use a new one for each message."


class MessageSerializer(serializers.Serializer):
    """One message of either side."""

    id = serializers.SerializerMethodField()
    conversation = SealedId(IdKind.CONTACT, source="contact_id")
    number = serializers.CharField(source="phone_number_id", help_text="The id of the number.")
    wamid = serializers.CharField(allow_null=True, help_text="Meta's id. Null until Meta has accepted the message.")
    kind = serializers.CharField(help_text="Meta's type: text, image, template, interactive …")
    origin = serializers.ChoiceField(choices=Origin.choices, help_text="Who wrote the message, or how it came to the hub.")
    from_customer = serializers.BooleanField(source="is_user_message")
    text = serializers.CharField(source="content", help_text="The readable text, as first written.")
    edited_text = serializers.CharField(source="edited_content", allow_null=True, help_text="The latest edit.")
    payload = serializers.DictField(help_text="Meta's API object.")
    status = serializers.ChoiceField(source="message_status", choices=MessageStatus.choices)
    errors = serializers.SerializerMethodField(help_text="Of a failed message: Meta's errors, or a `problem` of the hub.")
    session = serializers.UUIDField(source="session_id")
    quoted_wamid = serializers.CharField(help_text="The message that this one answers. May be empty.")
    target_wamid = serializers.CharField(allow_null=True, help_text="The message that a reaction, edit or deletion changes.")
    reactions = serializers.DictField(allow_null=True, help_text="The emoji of each sender who has a reaction on this message.")
    written_by = serializers.SerializerMethodField(help_text="The name or e-mail of the member who wrote it.")
    api_key = serializers.CharField(
        source="api_key_name", help_text="The name of the API key with which a program sent it. Empty if none did."
    )
    sent_at = serializers.DateTimeField(source="create_in", help_text="The time that Meta states, or when it was queued.")
    updated_at = serializers.DateTimeField()
    edited_at = serializers.DateTimeField(allow_null=True)
    deleted_at = serializers.DateTimeField(source="revoked_at", allow_null=True)

    def get_id(self, message: Message) -> str:
        return message_id(self.context["access"], message)

    def get_errors(self, message: Message) -> list[dict[str, Any]]:
        of_statuses = self.context["failures"].get(message.wamid or "", [])
        return [each for each in [*(message.errors or ()), *of_statuses] if isinstance(each, dict)]

    def get_written_by(self, message: Message) -> str | None:
        return (message.written_by.name or message.written_by.email) if message.written_by else None


def message_context(access: ApiAccess, messages: Sequence[Message]) -> dict[str, Any]:
    """Returns the context of `MessageSerializer` for these messages. One query if any has failed."""
    return {"access": access, "failures": failures_of(messages)}


class MessageFilters(django_filters.FilterSet):
    """Filters of the messages of a conversation."""

    session = django_filters.UUIDFilter("session_id", help_text="Only messages of this session.")
    from_customer = django_filters.BooleanFilter("is_user_message", help_text="Only those of the customer, or of the business.")
    sent_since = django_filters.IsoDateTimeFilter("create_in", "gte", help_text="Only those sent at this time or later.")
    sent_before = django_filters.IsoDateTimeFilter("create_in", "lt", help_text="Only those sent before this time.")


MessageQuery = query_with(MessageFilters)


class Messages(ApiView):
    queries: ClassVar = {"GET": MessageQuery}

    @operation("list_messages", response=page_of(MessageSerializer), query=MessageQuery, tag="messages")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns the messages of a conversation, the newest first."""
        contact, limit = get_contact(self.access, contact_id), self.query["limit"]
        before = read_cursor(self.query, self.access, ThreadPosition.read)
        messages = messages_of(contact, in_order=not self.query.get("session"))
        rows = filter_rows(MessageFilters, messages, self.query)
        found = list_messages(rows, before=before, limit=limit + 1)
        page = found[:limit]
        next_position = ThreadPosition.of(page[-1]) if len(found) > limit else None
        context = message_context(self.access, page)
        return page_response(
            MessageSerializer, page, query=self.query, access=self.access, next_position=next_position, context=context
        )

    @operation(
        "send_message",
        request=OUTBOUND_MESSAGE,
        response=MessageSerializer,
        status=HTTPStatus.CREATED,
        parameters=[IDEMPOTENCY_KEY],
        problems=[HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY],
        tag="messages",
        examples=MESSAGE_EXAMPLES,
    )
    def post(self, request: Request, contact_id: str) -> Response:
        """Queues a message to the customer. Its status then tells how far it has come.

        A request that is repeated with the same `Idempotency-Key` sends nothing again, and returns the first message with
        `Idempotent-Replayed: true`. Outside the service window only a template is accepted: 409 `window_closed` says when it
        closed. A marketing template to a customer who has stopped marketing messages is refused: 409 `marketing_refused`.
        """
        token, now = message_token(self.access, _idempotency_key(request)), timezone.now()
        contact = get_contact(self.access, contact_id, recorded_hash=recorded_hash(token))
        recorded: str | None = getattr(contact, "recorded_hash", None)
        sending = IdempotentRequest(token=token, hash=request_hash(contact.pk, request.data), recorded=recorded)
        try:
            message = find_sent(contact=contact, request=sending)
            headers = {"Idempotent-Replayed": "true"} if message else {}
            if message is None:
                outbound = self._read(contact, now)
                message = send_message(access=self.access, contact=contact, outbound=outbound, request=sending, now=now)
        except KeyReused:
            raise Problem(REUSED, code="idempotency_key_reused", status=HTTPStatus.UNPROCESSABLE_ENTITY) from None
        except WindowClosed:
            raise window_closed(contact) from None
        except MarketingRefused as refused:
            raise marketing_refused(refused.refusal) from None
        data = MessageSerializer(message, context=message_context(self.access, [message])).data
        return Response(data, status=HTTPStatus.CREATED, headers=headers)

    def _read(self, contact: Contact, now: datetime) -> OutboundMessage:
        """Returns the message that the body describes. Raises ValidationError and Conflict."""
        context = {"access": self.access, "contact": contact, "now": now, "find_message": find_message}
        outbound = read_outbound_message(self.request.data, context)
        if not contact.create_for_phone_number.activate:
            raise Conflict("The number is off. An administrator can switch it on.", code="number_off")
        return outbound


def _idempotency_key(request: Request) -> str:
    key: str = request.headers.get("Idempotency-Key", "")
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise invalid("Idempotency-Key", "Give this header, with 1 to 200 printable characters of ASCII.", rule="required")
    return key


def window_closed(contact: Contact) -> Conflict:
    """Returns the problem of free text outside the service window."""
    closed_at = contact.window_expires_at and serializers.DateTimeField().to_representation(contact.window_expires_at)
    words = f"The service window closed at {closed_at}." if closed_at else "The customer has never written."
    return Conflict(f"{words} Send a message template instead.", code="window_closed", window_closed_at=closed_at)


def marketing_refused(refusal: MarketingRefusal) -> Conflict:
    """Returns the problem of a marketing template to a customer who has stopped them."""
    since = serializers.DateTimeField().to_representation(refusal.since)
    words = f"The customer has stopped marketing messages since {since}. Only other templates may be sent."
    return Conflict(words, code="marketing_refused", marketing_stopped_at=since, marketing_source=refusal.source)


class OneMessage(ApiView):
    @operation("get_message", response=MessageSerializer, tag="messages")
    def get(self, request: Request, message_id: str) -> Response:
        """Returns one message."""
        message = get_message(self.access, message_id)
        return Response(MessageSerializer(message, context=message_context(self.access, [message])).data)
