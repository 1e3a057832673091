"""Labels of the organization."""

from http import HTTPStatus
from typing import ClassVar

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.models import Scope
from api.v1.lookups import get_row
from contacts.models import Label
from contacts.services import InvalidInput, delete_label, save_label

MAX_NAME_LENGTH = 40
SCOPES = {"GET": Scope.READ, "POST": Scope.MANAGE, "PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}


class LabelSerializer(serializers.Serializer):
    """A word that staff attach to contacts."""

    id = SealedId(IdKind.LABEL, source="pk")
    name = serializers.CharField()
    colour = serializers.ChoiceField(choices=Label.Colour.choices)


class NewLabel(StrictSerializer):
    """A new label."""

    name = Text(max_length=MAX_NAME_LENGTH, help_text="Two labels whose names differ only in case or accents are the same one.")
    colour = serializers.ChoiceField(choices=Label.Colour.choices, default=Label.Colour.GREY)


class LabelChanges(StrictSerializer):
    """Changes of a label. Fields that are left out keep their values."""

    name = Text(max_length=MAX_NAME_LENGTH, required=False)
    colour = serializers.ChoiceField(choices=Label.Colour.choices, required=False)


LABEL = OpenApiExample("A label", value={"name": "Fiado", "colour": "amber"}, request_only=True)
NEW_NAME = OpenApiExample("Another name", value={"name": "Cliente antigo"}, request_only=True)


class Labels(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_labels", response=page_of(LabelSerializer), query=ListQuery, tag="contacts")
    def get(self, request: Request) -> Response:
        """Returns the labels of the organization."""
        rows = Label.objects.filter(organization=self.access.organization)
        return respond_by_pk(LabelSerializer, rows, query=self.query, access=self.access)

    @operation(
        "create_label", request=NewLabel, response=LabelSerializer, status=HTTPStatus.CREATED, tag="contacts", examples=[LABEL]
    )
    def post(self, request: Request) -> Response:
        """Adds a label."""
        label = Label(organization=self.access.organization)
        return _save(self, label, dict(self.read_body(NewLabel)), status=HTTPStatus.CREATED)


class OneLabel(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"PATCH", "DELETE"})

    @operation("get_label", response=LabelSerializer, tag="contacts")
    def get(self, request: Request, label_id: str) -> Response:
        """Returns one label."""
        return Response(LabelSerializer(_get_label(self, label_id), context={"access": self.access}).data)

    @operation("change_label", request=LabelChanges, response=LabelSerializer, tag="contacts", examples=[NEW_NAME])
    def patch(self, request: Request, label_id: str) -> Response:
        """Changes the name or the colour of a label."""
        label = _get_label(self, label_id)
        return _save(self, label, {"name": label.name, "colour": label.colour} | dict(self.read_body(LabelChanges)))

    @operation("delete_label", response=None, status=HTTPStatus.NO_CONTENT, tag="contacts")
    def delete(self, request: Request, label_id: str) -> Response:
        """Deletes the label, also from the contacts that have it."""
        delete_label(label=_get_label(self, label_id))
        return Response(status=HTTPStatus.NO_CONTENT)


def _get_label(view: ApiView, label_id: str) -> Label:
    return get_row(view.access, Label.objects.filter(organization=view.access.organization), IdKind.LABEL, label_id)


def _save(view: ApiView, label: Label, values: dict[str, str], *, status: HTTPStatus = HTTPStatus.OK) -> Response:
    try:
        save_label(label=label, name=values["name"], colour=values["colour"])
    except InvalidInput as refusal:
        raise invalid("name", str(refusal)) from None
    return Response(LabelSerializer(label, context={"access": view.access}).data, status=status)
