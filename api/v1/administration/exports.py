"""Exports of contacts and conversations as files."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind, seal, unseal_pk
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict, Problem
from api.models import Scope
from chats.exports.downloads import CONTENT, FileUnavailable, export_response
from chats.exports.services import (
    ExportRequest,
    TooManyExports,
    available_parts,
    cancel_export,
    delete_export,
    exports_of,
    record_download,
    start_export,
)
from chats.models import Export
from contacts.csv.columns import LANGUAGES
from contacts.models import Label
from contacts.selectors import numbers_of


class ExportSerializer(serializers.Serializer):
    """One export, and how far it is."""

    id = SealedId(IdKind.EXPORT, source="pk")
    content = serializers.ChoiceField(choices=Export.Content.choices)
    format = serializers.ChoiceField(choices=Export.Format.choices)
    number = serializers.CharField(source="phone_number_id", help_text="The id of the number. Empty: all numbers.")
    label = serializers.SerializerMethodField(help_text="The id of the label. Null: all contacts.")
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    status = serializers.ChoiceField(choices=Export.Status.choices)
    percent = serializers.IntegerField()
    lines = serializers.IntegerField(help_text="Contacts or messages that have been written.")
    size = serializers.IntegerField(help_text="Bytes that have been written.")
    problem = serializers.CharField(help_text="Why it failed or has no file any more. Empty if there is no reason to tell.")
    started_at = serializers.DateTimeField(source="create_in")
    finished_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the file is deleted. Null while it is written.")

    def get_label(self, export: Export) -> str | None:
        if export.label_id is None:
            return None
        return seal(self.context["access"].organization, IdKind.LABEL, export.label_id)


class NewExport(StrictSerializer):
    """What to export."""

    content = serializers.ChoiceField(choices=Export.Content.choices)
    format = serializers.ChoiceField(choices=Export.Format.choices)
    number = Text(max_length=64, required=False, help_text="The id of a number. Without it, all numbers.")
    label = SealedId(IdKind.LABEL, required=False, help_text="The id of a label. Without it, all contacts.")
    since = serializers.DateTimeField(required=False, help_text="Only messages from this time on.")
    until = serializers.DateTimeField(required=False, help_text="Only messages before this time.")
    language = serializers.ChoiceField(choices=LANGUAGES, default="en", help_text="Of the headers of a CSV file.")

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        since, until = values.get("since"), values.get("until")
        if since and until and until <= since:
            raise invalid("until", "This is not after `since`.")
        if (since or until) and values["content"] == Export.Content.CONTACTS:
            raise invalid("since" if since else "until", "A period is only for messages.")
        return values


NEW_EXPORT = OpenApiExample(
    "All messages of May", value={"content": "messages", "format": "jsonl", "since": "2026-05-01T00:00:00-03:00"}, request_only=True
)


class Exports(ApiView):
    scopes: ClassVar = {"GET": Scope.MANAGE, "POST": Scope.MANAGE}
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_exports", response=page_of(ExportSerializer), query=ListQuery, tag="exports")
    def get(self, request: Request) -> Response:
        """Returns the exports of the organization, the newest first."""
        return respond_by_pk(ExportSerializer, _visible(self.access), query=self.query, access=self.access, newest_first=True)

    @operation(
        "start_export",
        request=NewExport,
        response=ExportSerializer,
        status=HTTPStatus.CREATED,
        problems=[HTTPStatus.CONFLICT],
        tag="exports",
        examples=[NEW_EXPORT],
    )
    def post(self, request: Request) -> Response:
        """Starts an export. The hub writes its file in the background: ask for the export until its status is `ready`."""
        wanted = self._read(self.read_body(NewExport))
        try:
            export = start_export(organization=self.access.organization, request=wanted, by=self.access.user, now=timezone.now())
        except TooManyExports:
            words = "There are too many exports. Wait until one is ready, or delete one."
            raise Conflict(words, code="too_many_exports") from None
        return Response(_data(self.access, export), status=HTTPStatus.CREATED)

    def _read(self, values: dict[str, Any]) -> ExportRequest:
        """Returns what to export. Raises ValidationError for numbers and labels that do not exist, or that the key may not use."""
        organization, number, label = self.access.organization, values.get("number", ""), values.get("label")
        if not number and self.access.numbers is not None:
            raise invalid("number", "This key is for some numbers only. Name one of them.", rule="required")
        known = {each.phone_number_id for each in numbers_of(organization)}
        if number and (number not in known or not self.access.may_use_number(number)):
            raise invalid("number", "There is no number with this id.", rule="unknown_id")
        if label is not None and not Label.objects.filter(organization=organization, pk=label).exists():
            raise invalid("label", "There is no label with this id.", rule="unknown_id")
        return ExportRequest(
            content=Export.Content(values["content"]),
            format=Export.Format(values["format"]),
            phone_number_id=number,
            label_id=label,
            since=values.get("since"),
            until=values.get("until"),
            language=values["language"],
            time_zone=organization.time_zone or timezone.get_default_timezone_name(),
        )


class OneExport(ApiView):
    scopes: ClassVar = {"GET": Scope.MANAGE, "DELETE": Scope.MANAGE}

    @operation("get_export", response=ExportSerializer, tag="exports")
    def get(self, request: Request, export_id: str) -> Response:
        """Returns one export, with its progress."""
        return Response(_data(self.access, _export(self.access, export_id)))

    @operation("delete_export", response=None, status=HTTPStatus.NO_CONTENT, tag="exports")
    def delete(self, request: Request, export_id: str) -> Response:
        """Cancels an export, or deletes its file."""
        export = _export(self.access, export_id)
        if not cancel_export(export=export, by=self.access.user):
            delete_export(export=export, by=self.access.user)
        return Response(status=HTTPStatus.NO_CONTENT)


class ExportFile(ApiView):
    scopes: ClassVar = {"GET": Scope.MANAGE}

    @operation(
        "download_export",
        response={(HTTPStatus.OK.value, "application/octet-stream"): OpenApiTypes.BINARY},
        problems=[HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE],
        tag="exports",
    )
    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        """Returns the file of an export whose status is `ready`, compressed by gzip. Understands `Range`."""
        export = _export(self.access, export_id)
        parts = available_parts(export, timezone.now())
        if parts is None:
            raise Conflict("This export has no file: it is not ready, or has ended.", code="no_file")
        try:
            response = export_response(request._request, export, parts, compressed=True)
        except FileUnavailable:
            words = "The file cannot be read at the moment. Try again later."
            raise Problem(words, code="file_unavailable", status=HTTPStatus.SERVICE_UNAVAILABLE) from None
        if response.status_code in CONTENT:
            record_download(export=export, by=self.access.user)
        return response


def _visible(access: ApiAccess) -> QuerySet[Export]:
    """Returns the exports that the key may see. A key for some numbers sees the exports of these."""
    exports = exports_of(access.organization)
    return exports if access.numbers is None else exports.filter(phone_number_id__in=access.numbers)


def _export(access: ApiAccess, export_id: str) -> Export:
    """Raises Http404."""
    pk = unseal_pk(access.organization, IdKind.EXPORT, export_id)
    export = _visible(access).filter(pk=pk or 0).first()
    if export is None:
        raise Http404
    return export


def _data(access: ApiAccess, export: Export) -> Any:
    return ExportSerializer(export, context={"access": access}).data
