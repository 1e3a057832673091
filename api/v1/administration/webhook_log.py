"""The webhook log of the organization: what Meta posted, and what became of it."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, page_response, read_cursor
from api.endpoints.values import SealedId
from api.endpoints.views import ApiView
from api.models import Scope
from api.v1.lookups import get_row
from jobs.models import State
from organizations.url_parameters import read_integer
from webhooks.log.selectors import HeldItemLine, LogFilter, LogLine, held_items, list_webhooks, unmatched_messages
from webhooks.models import HeldItem, Webhook
from webhooks.processing.hold_reasons import translate_reason
from webhooks.processing.replay import make_webhook_due

SCOPES = {"GET": Scope.MANAGE, "POST": Scope.MANAGE}
OF_ALL_NUMBERS = frozenset({"GET", "POST"})
SHOWN = {"all": LogFilter.ALL, "problems": LogFilter.PROBLEMS, "unmatched": LogFilter.UNMATCHED}
BODY = {(HTTPStatus.OK.value, "text/plain"): OpenApiTypes.STR}


class WebhookSerializer(serializers.Serializer):
    """One request of Meta's."""

    id = SealedId(IdKind.WEBHOOK, source="webhook.pk")
    received_at = serializers.DateTimeField(source="webhook.date")
    state = serializers.ChoiceField(source="webhook.state", choices=State.choices, help_text="Whether it is applied.")
    size = serializers.IntegerField(source="webhook.size", help_text="Bytes of its body.")
    about = serializers.CharField(help_text="What it is about, in words. May be empty.")
    held_count = serializers.IntegerField(source="held", help_text="How many of its items are not applied.")
    unmatched_count = serializers.IntegerField(source="unmatched", help_text="Statuses of messages that the hub does not know.")
    reason = serializers.CharField(help_text="Why it is dead, or why items are held. May be empty.")


class HeldItemSerializer(serializers.Serializer):
    """An item of a webhook that is not applied."""

    position = serializers.CharField(source="item.position", help_text="Its place in the body.")
    cause = serializers.ChoiceField(source="item.cause", choices=HeldItem.Cause.choices)
    reason = serializers.CharField()
    state = serializers.ChoiceField(source="item.state", choices=State.choices)


class WebhookDetailsSerializer(serializers.Serializer):
    """One request of Meta's, with its items that are not applied."""

    id = SealedId(IdKind.WEBHOOK, source="pk")
    received_at = serializers.DateTimeField(source="date")
    state = serializers.ChoiceField(choices=State.choices)
    size = serializers.IntegerField(help_text="Bytes of its body.")
    attempts = serializers.IntegerField(help_text="How often applying it failed.")
    reason = serializers.SerializerMethodField(help_text="Why it is dead. May be empty.")
    held_items = serializers.SerializerMethodField(help_text="At most 200.")
    unmatched_wamids = serializers.SerializerMethodField(help_text="Messages with statuses that the hub does not know. At most 50.")

    def get_reason(self, webhook: Webhook) -> str:
        return translate_reason(webhook.reason)

    def get_held_items(self, webhook: Webhook) -> HeldItemSerializer(many=True):  # type: ignore[valid-type]
        lines: list[HeldItemLine] = held_items(webhook)[0]
        return HeldItemSerializer(lines, many=True).data

    def get_unmatched_wamids(self, webhook: Webhook) -> list[str]:
        return unmatched_messages(webhook)[0]


class WebhookQuery(ListQuery):
    show = serializers.ChoiceField(
        required=False, choices=list(SHOWN), help_text="`problems`: dead or with held items. `unmatched`: with unknown messages."
    )


class Webhooks(ApiView):
    scopes = SCOPES
    of_all_numbers = OF_ALL_NUMBERS
    queries: ClassVar = {"GET": WebhookQuery}

    @operation("list_webhooks", response=page_of(WebhookSerializer), query=WebhookQuery, tag="webhooks")
    def get(self, request: Request) -> Response:
        """Returns the webhooks of the organization, the latest first."""
        before = read_cursor(self.query, self.access, read_integer)
        page = list_webhooks(
            self.access.organization,
            log_filter=SHOWN[self.query.get("show", "all")],
            before=before,
            limit=self.query["limit"],
        )
        lines: list[LogLine] = list(page.lines)
        next_position = page.last if page.has_more and lines else None
        return page_response(WebhookSerializer, lines, query=self.query, access=self.access, next_position=next_position)


class OneWebhook(ApiView):
    scopes = SCOPES
    of_all_numbers = OF_ALL_NUMBERS

    @operation("get_webhook", response=WebhookDetailsSerializer, tag="webhooks")
    def get(self, request: Request, webhook_id: str) -> Response:
        """Returns one webhook, without its body."""
        return _respond(self, webhook_id)


class WebhookBody(ApiView):
    scopes = SCOPES
    of_all_numbers = OF_ALL_NUMBERS

    @operation("get_webhook_body", response=BODY, tag="webhooks")
    def get(self, request: Request, webhook_id: str) -> HttpResponse:
        """Returns the exact bytes that Meta posted."""
        webhook = get_row(self.access, _rows(self), IdKind.WEBHOOK, webhook_id)
        headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
        return HttpResponse(webhook.body, content_type="text/plain; charset=utf-8", headers=headers)


class ApplyAgain(ApiView):
    scopes = SCOPES
    of_all_numbers = OF_ALL_NUMBERS

    @operation("apply_webhook_again", response=WebhookDetailsSerializer, status=HTTPStatus.ACCEPTED, tag="webhooks")
    def post(self, request: Request, webhook_id: str) -> Response:
        """Applies a webhook again, within a second. What it says and is applied already does not change."""
        webhook = get_row(self.access, _rows(self).defer("json", "raw"), IdKind.WEBHOOK, webhook_id)
        make_webhook_due(webhook=webhook, by=self.access.user)
        return _respond(self, webhook_id, status=HTTPStatus.ACCEPTED)


def _rows(view: ApiView) -> Any:
    return Webhook.objects.filter(organization_id=view.access.organization.pk)


def _respond(view: ApiView, webhook_id: str, *, status: HTTPStatus = HTTPStatus.OK) -> Response:
    webhook = get_row(view.access, _rows(view).defer("json", "raw"), IdKind.WEBHOOK, webhook_id)
    return Response(WebhookDetailsSerializer(webhook, context={"access": view.access}).data, status=status)
