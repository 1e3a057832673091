"""Canned replies of the organization. Members' own replies are not in the API."""

from http import HTTPStatus
from typing import ClassVar

import django_filters
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.filters import filter_rows, query_with
from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import page_of, respond_by_pk
from api.endpoints.values import SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.models import Scope
from api.v1.lookups import get_row
from chats.inbox.canned_replies import MAX_SHORTCUT_LENGTH, delete_reply, save_reply
from chats.models import CannedReply
from cloud_api.messages import MAX_TEXT
from contacts.services import InvalidInput

SCOPES = {"GET": Scope.READ, "POST": Scope.MANAGE, "PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}


class CannedReplySerializer(serializers.Serializer):
    """A text that staff insert with a shortcut. `{name}`, `{first_name}` and `{agent}` in it are placeholders."""

    id = SealedId(IdKind.CANNED_REPLY, source="pk")
    shortcut = serializers.CharField()
    text = serializers.CharField()


class CannedReplyFilters(django_filters.FilterSet):
    """Filters of canned replies."""

    shortcut = django_filters.CharFilter(max_length=MAX_SHORTCUT_LENGTH, help_text="Only the reply with exactly this shortcut.")


CannedReplyQuery = query_with(CannedReplyFilters)


class NewCannedReply(StrictSerializer):
    """A new canned reply."""

    shortcut = Text(max_length=MAX_SHORTCUT_LENGTH + 1, help_text="Letters, digits, - and _.")
    text = Text(max_length=MAX_TEXT)


class CannedReplyChanges(StrictSerializer):
    """Changes of a canned reply. Fields that are left out keep their values."""

    shortcut = Text(max_length=MAX_SHORTCUT_LENGTH + 1, required=False)
    text = Text(max_length=MAX_TEXT, required=False)


REPLY = OpenApiExample("Opening hours", value={"shortcut": "horario", "text": "Abrimos das 7h às 19h."}, request_only=True)
NEW_TEXT = OpenApiExample("Another text", value={"text": "Abrimos das 7h às 20h."}, request_only=True)


class CannedReplies(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})
    queries: ClassVar = {"GET": CannedReplyQuery}

    @operation("list_canned_replies", response=page_of(CannedReplySerializer), query=CannedReplyQuery, tag="messages")
    def get(self, request: Request) -> Response:
        """Returns the canned replies of the organization."""
        rows = filter_rows(CannedReplyFilters, CannedReply.objects.filter(organization=self.access.organization), self.query)
        return respond_by_pk(CannedReplySerializer, rows, query=self.query, access=self.access)

    @operation(
        "create_canned_reply",
        request=NewCannedReply,
        response=CannedReplySerializer,
        status=HTTPStatus.CREATED,
        tag="messages",
        examples=[REPLY],
    )
    def post(self, request: Request) -> Response:
        """Adds a canned reply of the organization."""
        reply = CannedReply(organization=self.access.organization)
        return _save(self, reply, dict(self.read_body(NewCannedReply)), status=HTTPStatus.CREATED)


class OneCannedReply(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"PATCH", "DELETE"})

    @operation("get_canned_reply", response=CannedReplySerializer, tag="messages")
    def get(self, request: Request, reply_id: str) -> Response:
        """Returns one canned reply."""
        return Response(CannedReplySerializer(_get_reply(self, reply_id), context={"access": self.access}).data)

    @operation(
        "change_canned_reply", request=CannedReplyChanges, response=CannedReplySerializer, tag="messages", examples=[NEW_TEXT]
    )
    def patch(self, request: Request, reply_id: str) -> Response:
        """Changes the shortcut or the text of a canned reply."""
        reply = _get_reply(self, reply_id)
        return _save(self, reply, {"shortcut": reply.shortcut, "text": reply.text} | dict(self.read_body(CannedReplyChanges)))

    @operation("delete_canned_reply", response=None, status=HTTPStatus.NO_CONTENT, tag="messages")
    def delete(self, request: Request, reply_id: str) -> Response:
        """Deletes the canned reply."""
        delete_reply(reply=_get_reply(self, reply_id))
        return Response(status=HTTPStatus.NO_CONTENT)


def _get_reply(view: ApiView, reply_id: str) -> CannedReply:
    rows = CannedReply.objects.filter(organization=view.access.organization)
    return get_row(view.access, rows, IdKind.CANNED_REPLY, reply_id)


def _save(view: ApiView, reply: CannedReply, values: dict[str, str], *, status: HTTPStatus = HTTPStatus.OK) -> Response:
    try:
        save_reply(reply=reply, shortcut=values["shortcut"], text=values["text"])
    except InvalidInput as refusal:
        raise invalid("shortcut", str(refusal)) from None
    return Response(CannedReplySerializer(reply, context={"access": view.access}).data, status=status)
