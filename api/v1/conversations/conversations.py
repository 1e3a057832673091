"""Conversations: the list, one conversation, and who answers it. The id of a conversation is that of its contact."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import page_of, page_response
from api.endpoints.values import SealedId
from api.endpoints.views import ApiView
from api.errors.problems import Conflict
from api.v1.contacts.contacts import ConversationQuery, read_page
from api.v1.lookups import get_contact
from chats.conversations import done_and_blocked, ownership
from chats.conversations.read_state import mark_as_read, mark_as_unread
from chats.inbox.selectors import last_messages
from chats.models import Message, MessageStatus
from chats.outbox.read_receipts import queue_read_receipt
from contacts.models import Contact
from contacts.owners import Owner, OwnerReason
from organizations.url_parameters import MAX_INTEGER


class LastMessageSerializer(serializers.Serializer):
    """The last message of a conversation, in short."""

    kind = serializers.CharField()
    text = serializers.SerializerMethodField(help_text="The readable text, or empty if the message was deleted.")
    from_customer = serializers.BooleanField(source="is_user_message")
    status = serializers.ChoiceField(source="message_status", choices=MessageStatus.choices)
    sent_at = serializers.DateTimeField(source="create_in")

    def get_text(self, message: Message) -> str:
        return "" if message.revoked_at else message.edited_content or message.content


class ConversationSerializer(serializers.Serializer):
    """All messages between one contact and its number: how it stands."""

    id = SealedId(IdKind.CONTACT, source="pk")
    number = serializers.CharField(source="create_for_phone_number_id", help_text="The id of the number.")
    name = serializers.SerializerMethodField(help_text="The name of the contact that pages show.")
    owner = serializers.ChoiceField(choices=Owner.choices, help_text="Who answers now.")
    owner_since = serializers.DateTimeField(allow_null=True)
    owner_until = serializers.DateTimeField(allow_null=True, help_text="When the conversation returns to the bot or AI.")
    owner_reason = serializers.ChoiceField(choices=OwnerReason.choices)
    unanswered_since = serializers.DateTimeField(
        source="waiting_since", allow_null=True, help_text="Null if no message of the customer needs an answer."
    )
    done = serializers.BooleanField(source="is_done", help_text="Whether staff marked the last message as done.")
    unread_count = serializers.IntegerField(min_value=0)
    window_open = serializers.SerializerMethodField(help_text="Whether free text may be sent now.")
    window_closes_at = serializers.DateTimeField(source="window_expires_at", allow_null=True)
    session = serializers.UUIDField(source="session_id", allow_null=True, help_text="The latest session.")
    session_active = serializers.BooleanField(source="session_is_active")
    session_expires_at = serializers.DateTimeField(allow_null=True)
    last_message = serializers.SerializerMethodField()

    def get_name(self, contact: Contact) -> str:
        return str(contact)

    def get_window_open(self, contact: Contact) -> bool:
        return contact.is_window_open(self.context["now"])

    def get_last_message(self, contact: Contact) -> LastMessageSerializer(allow_null=True):  # type: ignore[valid-type]
        message = self.context["last_messages"].get(contact.pk)
        return LastMessageSerializer(message).data if message else None


def describe(view: ApiView, contact: Contact) -> Response:
    """Returns one conversation."""
    context = {"access": view.access, "now": timezone.now(), "last_messages": last_messages([contact])}
    return Response(ConversationSerializer(contact, context=context).data)


class Conversations(ApiView):
    queries: ClassVar = {"GET": ConversationQuery}

    @operation("list_conversations", response=page_of(ConversationSerializer), query=ConversationQuery, tag="conversations")
    def get(self, request: Request) -> Response:
        """Returns conversations, those with the latest messages first. `show` selects and orders them like the lists of the
        inbox: `unanswered` by the customer's last message, `waiting_for_person` and `window_closing` the most urgent first."""
        page = read_page(self.access, self.query, conversations=True)
        context: dict[str, Any] = {"now": timezone.now(), "last_messages": last_messages(page.contacts)}
        return page_response(
            ConversationSerializer, page.contacts, query=self.query, access=self.access, next_position=page.next, context=context
        )


class OneConversation(ApiView):
    @operation("get_conversation", response=ConversationSerializer, tag="conversations")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns one conversation."""
        return describe(self, get_contact(self.access, contact_id))


class TakeOver(ApiView):
    @operation("take_over", response=ConversationSerializer, tag="conversations")
    def post(self, request: Request, contact_id: str) -> Response:
        """Puts the team in charge, and withdraws what a bot has queued. Changes nothing if the team is in charge."""
        ownership.take_over(contact=get_contact(self.access, contact_id), by=self.access.user, now=timezone.now())
        return describe(self, get_contact(self.access, contact_id))


class HandBack(ApiView):
    @operation("hand_back", response=ConversationSerializer, tag="conversations")
    def post(self, request: Request, contact_id: str) -> Response:
        """Puts the bot or AI in charge again. Changes nothing if it is, or if the team was chosen to answer."""
        ownership.hand_back(contact=get_contact(self.access, contact_id), by=self.access.user, now=timezone.now())
        return describe(self, get_contact(self.access, contact_id))


class Done(ApiView):
    @operation("mark_as_done", response=ConversationSerializer, tag="conversations")
    def post(self, request: Request, contact_id: str) -> Response:
        """Marks that the customer's messages so far need no answer."""
        done_and_blocked.mark_as_done(contact=get_contact(self.access, contact_id), by=self.access.user, now=timezone.now())
        return describe(self, get_contact(self.access, contact_id))


class Reopen(ApiView):
    @operation("reopen", response=ConversationSerializer, tag="conversations")
    def post(self, request: Request, contact_id: str) -> Response:
        """Marks that the customer's last message needs an answer after all."""
        done_and_blocked.reopen(contact=get_contact(self.access, contact_id), by=self.access.user, now=timezone.now())
        return describe(self, get_contact(self.access, contact_id))


class MarkAsRead(ApiView):
    @operation("mark_as_read", response=ConversationSerializer, tag="conversations")
    def post(self, request: Request, contact_id: str) -> Response:
        """Marks the customer's messages so far as read, as opening the conversation does. If the number sends read receipts, the
        customer gets one."""
        contact = get_contact(self.access, contact_id)
        mark_as_read(contact, up_to=MAX_INTEGER)
        if not contact.blocked_at:
            queue_read_receipt(contact, up_to=MAX_INTEGER)
        return describe(self, get_contact(self.access, contact_id))


class MarkAsUnread(ApiView):
    @operation("mark_as_unread", response=ConversationSerializer, problems=[HTTPStatus.CONFLICT], tag="conversations")
    def post(self, request: Request, contact_id: str) -> Response:
        """Marks the customer's latest message as unread. 409 if there is none, or if the contact is blocked."""
        if not mark_as_unread(get_contact(self.access, contact_id)):
            raise Conflict("Nothing from this person can be marked as unread.", code="nothing_to_read")
        return describe(self, get_contact(self.access, contact_id))
