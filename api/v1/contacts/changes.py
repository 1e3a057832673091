"""What was changed about a contact, as the thread shows it."""

from typing import ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, page_response, read_cursor
from api.endpoints.views import ApiView
from api.v1.lookups import get_contact
from chats.conversations.timeline import CHANGE, ThreadPosition, changes_of
from contacts.models import ContactChange


class ContactChangeSerializer(serializers.Serializer):
    """A change of a contact: of its name, its labels, its switches, or of who is in charge."""

    kind = serializers.ChoiceField(choices=ContactChange.Kind.choices)
    changed_by = serializers.SerializerMethodField(
        help_text="The name or e-mail of the member. Null for changes by bots and webhooks, and of former members."
    )
    api_key = serializers.CharField(help_text="The name of the API key that made the change. Empty: none did.")
    values = serializers.DictField(help_text="`from` and `to`, or `label`. Of owners also `reason` and `note`.")
    changed_at = serializers.DateTimeField(source="create_in")

    def get_changed_by(self, change: ContactChange) -> str | None:
        return (change.actor.name or change.actor.email) if change.actor else None


class ContactChanges(ApiView):
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_contact_changes", response=page_of(ContactChangeSerializer), query=ListQuery, tag="contacts")
    def get(self, request: Request, contact_id: str) -> Response:
        """Returns the changes of a contact, the latest first."""
        contact, limit = get_contact(self.access, contact_id), self.query["limit"]
        before = read_cursor(self.query, self.access, ThreadPosition.read)
        rows = changes_of(contact)
        if before:
            rows = rows.filter(before.rows_before(CHANGE))
        found = list(rows.order_by("-create_in", "-pk")[: limit + 1])
        page = found[:limit]
        next_position = ThreadPosition(page[-1].create_in, page[-1].pk, kind=CHANGE) if len(found) > limit else None
        return page_response(ContactChangeSerializer, page, query=self.query, access=self.access, next_position=next_position)
