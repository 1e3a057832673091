"""Message templates of the organization's accounts."""

import re
from http import HTTPStatus
from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.filters import filter_rows, query_with
from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import page_of, respond_by_pk
from api.endpoints.values import QueryFlag, SealedId, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.errors.meta import meta_problems
from api.models import Scope
from api.v1.lookups import get_row
from chats.message_templates.accounts import Account, accounts_of
from chats.message_templates.rules import DraftButton, DraftProblem, TemplateDraft, draft_problems
from chats.message_templates.services import create_template, delete_template
from chats.message_templates.status_texts import LANGUAGES
from chats.message_templates.sync import request_sync
from chats.models import MessageTemplate
from cloud_api.template_checks import MAX_BUTTONS
from organizations.models import PhoneNumber

SCOPES = {"GET": Scope.READ, "POST": Scope.MANAGE, "DELETE": Scope.MANAGE}
BUTTON_FIELD = re.compile(r"^button_(\d+)_(\w+)$")
MAX_TEXT = 2_000
MAX_BUTTON_TEXT = 100


class MessageTemplateSerializer(serializers.Serializer):
    """One language of a template, as Meta last described it."""

    id = SealedId(IdKind.TEMPLATE, source="pk")
    account = serializers.CharField(source="waba_id", help_text="Meta's WhatsApp Business Account ID.")
    name = serializers.CharField()
    language = serializers.CharField()
    category = serializers.CharField(help_text="MARKETING, UTILITY, AUTHENTICATION, or a later one of Meta's.")
    status = serializers.CharField(help_text="APPROVED, PENDING, REJECTED, PAUSED, or another one of Meta's.")
    sendable = serializers.BooleanField(source="is_sendable", help_text="Whether Meta accepts messages of it now.")
    parameter_format = serializers.ChoiceField(
        choices=MessageTemplate.Format.choices, help_text="How variables are named: {{1}} or {{order_id}}."
    )
    components = serializers.ListField(child=serializers.DictField(), help_text="Meta's objects: header, body, footer, buttons.")


class MessageTemplateFilters(django_filters.FilterSet):
    """Filters of message templates."""

    name = django_filters.CharFilter(max_length=512, help_text="Only templates with exactly this name.")
    language = django_filters.CharFilter(max_length=20, help_text="Only templates in this language, such as pt_BR.")
    category = django_filters.CharFilter(max_length=40, help_text="Only templates of this category, such as UTILITY.")
    status = django_filters.CharFilter(max_length=40, help_text="Only templates with this status, such as APPROVED.")
    account = django_filters.CharFilter(field_name="waba_id", max_length=64, help_text="Only templates of this account.")


MessageTemplateQuery = query_with(MessageTemplateFilters)


class NewButton(StrictSerializer):
    """A button of a new template."""

    kind = serializers.ChoiceField(choices=["QUICK_REPLY", "URL", "PHONE_NUMBER"])
    text = Text(max_length=MAX_BUTTON_TEXT, help_text="The words on the button.")
    value = Text(
        required=False, allow_blank=True, max_length=2000, default="", help_text="The web address, or the phone with country code."
    )


class NewMessageTemplate(StrictSerializer):
    """A new template, which Meta reviews. Variables are written `{{1}}`, `{{2}}` … or `{{order_id}}`."""

    account = Text(max_length=64, required=False, help_text="The id of the account. An organization with one account may omit it.")
    name = Text(max_length=512, help_text="Small letters, digits and _.")
    language = serializers.ChoiceField(choices=[code for code, _name in LANGUAGES])
    category = serializers.ChoiceField(choices=["UTILITY", "MARKETING"])
    header = Text(required=False, allow_blank=True, max_length=MAX_TEXT, default="")
    body = Text(max_length=MAX_TEXT)
    footer = Text(required=False, allow_blank=True, max_length=MAX_TEXT, default="")
    buttons = NewButton(many=True, required=False, max_length=MAX_BUTTONS, default=list)
    examples = serializers.DictField(
        child=Text(max_length=MAX_TEXT),
        required=False,
        default=dict,
        help_text="A value of each variable by its key: `body_1`, `body_order_id`, `header_1`, `button_0`.",
    )


NEW_TEMPLATE = OpenApiExample(
    "An order is ready",
    value={
        "name": "pedido_pronto",
        "language": "pt_BR",
        "category": "UTILITY",
        "body": "Olá, {{1}}! O seu pedido está pronto.",
        "examples": {"body_1": "Ana"},
    },
    request_only=True,
)


class DeletedTemplate(StrictSerializer):
    """The query of a deletion."""

    every_language = QueryFlag(default=False, help_text="Whether the template is deleted in all its languages.")


def templates_of(access: ApiAccess) -> Any:
    """Returns the templates of the organization. A key for some numbers sees those of their accounts."""
    templates = MessageTemplate.objects.filter(organization=access.organization)
    if access.numbers is None:
        return templates
    numbers = PhoneNumber.objects.filter(organization=access.organization, phone_number_id__in=access.numbers)
    return templates.filter(waba_id__in=list(numbers.values_list("waba_id", flat=True)))


class MessageTemplates(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})
    queries: ClassVar = {"GET": MessageTemplateQuery}

    @operation("list_message_templates", response=page_of(MessageTemplateSerializer), query=MessageTemplateQuery, tag="templates")
    def get(self, request: Request) -> Response:
        """Returns the message templates."""
        rows = filter_rows(MessageTemplateFilters, templates_of(self.access), self.query)
        return respond_by_pk(MessageTemplateSerializer, rows, query=self.query, access=self.access)

    @operation(
        "create_message_template",
        request=NewMessageTemplate,
        response=MessageTemplateSerializer,
        status=HTTPStatus.CREATED,
        problems=[HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE],
        tag="templates",
        examples=[NEW_TEMPLATE],
    )
    def post(self, request: Request) -> Response:
        """Creates a template at Meta, which reviews it within a day. 409 `meta_refused` if Meta does not accept it."""
        values = self.read_body(NewMessageTemplate)
        account = self._account(values.pop("account", None))
        buttons = [DraftButton(row, each["kind"], each["text"], each["value"]) for row, each in enumerate(values.pop("buttons"))]
        draft = TemplateDraft(**values, buttons=buttons)
        if problems := draft_problems(draft):
            errors = {_field_of(each): [serializers.ErrorDetail(str(each.words), "invalid")] for each in problems}
            raise serializers.ValidationError(errors)
        with meta_problems():
            template = create_template(account=account, draft=draft, by=self.access.user)
        return Response(MessageTemplateSerializer(template, context={"access": self.access}).data, status=HTTPStatus.CREATED)

    def _account(self, waba_id: str | None) -> Account:
        accounts = accounts_of(self.access.organization)
        if waba_id is None and len(accounts) == 1:
            return accounts[0]
        account = next((each for each in accounts if each.waba_id == waba_id), None)
        if account is None:
            words = "Give the id of an account that has an active number of the organization."
            raise invalid("account", words, rule="required" if waba_id is None else "unknown_id")
        return account


def _field_of(problem: DraftProblem) -> str:
    """Returns the field of the body to which a problem belongs: the names of the page's form are others."""
    name = BUTTON_FIELD.sub(r"buttons.\1.\2", problem.field)
    return f"examples.{name.removeprefix('example_')}" if name.startswith("example_") else name


class SyncMessageTemplates(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})

    @operation("sync_message_templates", response=None, status=HTTPStatus.ACCEPTED, tag="templates")
    def post(self, request: Request) -> Response:
        """Makes the hub read all templates of the organization from Meta again, within seconds."""
        for account in accounts_of(self.access.organization):
            request_sync(account)
        return Response(status=HTTPStatus.ACCEPTED)


class OneMessageTemplate(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"DELETE"})
    queries: ClassVar = {"DELETE": DeletedTemplate}

    @operation("get_message_template", response=MessageTemplateSerializer, tag="templates")
    def get(self, request: Request, template_id: str) -> Response:
        """Returns one message template."""
        template = get_row(self.access, templates_of(self.access), IdKind.TEMPLATE, template_id)
        return Response(MessageTemplateSerializer(template, context={"access": self.access}).data)

    @operation(
        "delete_message_template",
        response=None,
        status=HTTPStatus.NO_CONTENT,
        query=DeletedTemplate,
        problems=[HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE],
        tag="templates",
    )
    def delete(self, request: Request, template_id: str) -> Response:
        """Deletes the template, at Meta and in the hub. Meta keeps the name for 30 days."""
        template = get_row(self.access, templates_of(self.access), IdKind.TEMPLATE, template_id)
        every_language = self.query["every_language"] or not template.template_id
        with meta_problems():
            delete_template(template=template, every_language=every_language, by=self.access.user)
        return Response(status=HTTPStatus.NO_CONTENT)
