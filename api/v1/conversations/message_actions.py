"""What staff do with single messages: finding them by their texts, sending one again, and settling an uncertain one."""

from http import HTTPStatus
from typing import ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, OnePageQuery, page_of, page_response, read_cursor
from api.endpoints.values import invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict
from api.v1.conversations.messages import MessageSerializer, marketing_refused, message_context, window_closed
from api.v1.lookups import get_message
from chats.conversations.timeline import ThreadPosition
from chats.inbox.composer import resend_token
from chats.models import Message, Origin, StatusEvent
from chats.outbox.marketing import MarketingRefused
from chats.outbox.message_queue import CannotResend, WindowClosed, mark_as_sent, resend_message
from chats.text_search.results import TextHits, find_texts
from chats.text_search.words import SearchQuery
from contacts.lists.contact_list import MAX_SEARCH_LENGTH
from contacts.selectors import numbers_of


class TextQuery(ListQuery):
    """A search in the texts of messages."""

    limit = None
    search = serializers.CharField(max_length=MAX_SEARCH_LENGTH, help_text="Beginnings of words, at least two letters.")
    number = serializers.CharField(required=False, max_length=64, help_text="Only messages of the number with this id.")


class FoundMessages(ApiView):
    queries: ClassVar = {"GET": TextQuery}

    @operation("find_messages", response=page_of(MessageSerializer), query=TextQuery, tag="messages")
    def get(self, request: Request) -> Response:
        """Returns messages whose texts have all words of the search, the latest first. A page searches a limited number of
        messages, so it may have few or none although it is not the last one."""
        search = SearchQuery.read(self.query["search"])
        if not search.is_enough:
            raise invalid("search", "Give at least two letters.", rule="min_length")
        hits = self._find(search)
        rows = Message.objects.filter(pk__in=[each.pk for each in hits.messages]).select_related("written_by")
        messages = list(rows.defer("flow_state", "written_by__password").order_by("-create_in", "-pk"))
        context = message_context(self.access, messages)
        return page_response(
            MessageSerializer, messages, query=self.query, access=self.access, next_position=hits.back_to, context=context
        )

    def _find(self, search: SearchQuery) -> TextHits:
        before = read_cursor(self.query, self.access, ThreadPosition.read)
        numbers = [each for each in numbers_of(self.access.organization) if self.access.may_use_number(each.phone_number_id)]
        searched = [each for each in numbers if self.query.get("number") in (None, each.phone_number_id)]
        return find_texts(searched, search, before=before) if searched else TextHits([], None)


class StatusEventSerializer(serializers.Serializer):
    """A status of a sent message, as Meta reported it."""

    status = serializers.CharField(help_text="sent, delivered, read, played, failed, or a later one of Meta's.")
    participant = serializers.CharField(help_text="Of a group: who has it. Else empty.")
    occurred_at = serializers.DateTimeField()
    pricing = serializers.DictField(allow_null=True, help_text="Whether and how Meta bills the message.")
    errors = serializers.ListField(child=serializers.DictField(), allow_null=True)


class Statuses(ApiView):
    queries: ClassVar = {"GET": OnePageQuery}

    @operation("list_statuses", response=page_of(StatusEventSerializer), query=OnePageQuery, tag="messages")
    def get(self, request: Request, message_id: str) -> Response:
        """Returns what Meta reported about a sent message, in the order of time, in one page."""
        message = get_message(self.access, message_id)
        events = list(StatusEvent.objects.named([message.key]).order_by("occurred_at", "pk")) if message.wamid else []
        return page_response(StatusEventSerializer, events, query=self.query, access=self.access, next_position=None)


class SendAgain(ApiView):
    @operation("send_again", response=MessageSerializer, status=HTTPStatus.CREATED, problems=[HTTPStatus.CONFLICT], tag="messages")
    def post(self, request: Request, message_id: str) -> Response:
        """Queues a failed or uncertain message once more, as a new message. A second request returns the same one."""
        message, now = get_message(self.access, message_id), timezone.now()
        if not message.contact.create_for_phone_number.activate:
            raise Conflict("The number is off. An administrator can switch it on.", code="number_off")
        try:
            queued = resend_message(
                message=message,
                by=None if self.access.key else self.access.user,
                token=resend_token(message),
                now=now,
                origin=Origin.API,
                api_key_name=self.access.key_name,
            )
        except CannotResend:
            words = "It has not failed, would fail again, or was sent again already."
            raise Conflict(words, code="cannot_send_again") from None
        except WindowClosed:
            raise window_closed(message.contact) from None
        except MarketingRefused as refused:
            raise marketing_refused(refused.refusal) from None
        data = MessageSerializer(queued, context=message_context(self.access, [queued])).data
        return Response(data, status=HTTPStatus.CREATED)


class MarkAsSent(ApiView):
    @operation("mark_as_sent", response=MessageSerializer, tag="messages")
    def post(self, request: Request, message_id: str) -> Response:
        """Settles an uncertain message: somebody found out that it has arrived. Changes nothing of other messages."""
        mark_as_sent(message=get_message(self.access, message_id), by=self.access.user, now=timezone.now())
        message = get_message(self.access, message_id)
        return Response(MessageSerializer(message, context=message_context(self.access, [message])).data)
