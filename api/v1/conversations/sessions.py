"""Sessions of a conversation."""

from typing import ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.pages import OnePageQuery, page_of, page_response
from api.endpoints.views import ApiView
from api.v1.lookups import get_contact
from chats.inbox.selectors import SessionSummary, sessions_of


class SessionSerializer(serializers.Serializer):
    """Messages of a conversation that belong together: from the first one until 24 hours after the customer's last one."""

    id = serializers.UUIDField(source="session_id")
    first_message_at = serializers.DateTimeField(source="first")
    last_message_at = serializers.DateTimeField(source="last")
    expires_at = serializers.DateTimeField()
    active = serializers.SerializerMethodField(help_text="Whether it has not expired.")
    message_count = serializers.IntegerField(source="count", min_value=0)

    def get_active(self, session: SessionSummary) -> bool:
        return bool(session.expires_at > self.context["now"])


class Sessions(ApiView):
    queries: ClassVar = {"GET": OnePageQuery}

    @operation("list_sessions", response=page_of(SessionSerializer), query=OnePageQuery, tag="conversations")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns the sessions of the last 2,000 messages of a conversation, the newest first, at most 20, in one page."""
        sessions = sessions_of(get_contact(self.access, contact_id))
        context = {"now": timezone.now()}
        return page_response(SessionSerializer, sessions, query=self.query, access=self.access, next_position=None, context=context)
