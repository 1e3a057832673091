"""One number: how it is doing, and its settings. Secrets are neither returned nor set."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.ids import IdKind, unseal_pk
from api.endpoints.operations import operation
from api.endpoints.values import Flag, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.errors.meta import meta_problems
from api.errors.problems import Conflict
from api.models import Scope
from api.v1.numbers import NumberSerializer
from bots.models import Bot, BotKind
from bots.publishing.assignments import assign_bot, remove_bot
from contacts.services import collapse_whitespace
from organizations.account_events.selectors import NumberOverview, latest_account_events, number_overviews
from organizations.account_events.texts import describe_event
from organizations.models import AccountEvent, PhoneNumber, Profile
from organizations.numbers.ownership import NumberMoved
from organizations.numbers.setup import set_default_profile, set_name, set_read_receipts, switch_number
from organizations.numbers.suspension import resume_sending

MAX_NAME = 40
SCOPES = {"GET": Scope.READ, "POST": Scope.MANAGE, "PATCH": Scope.MANAGE}


class AccountEventSerializer(serializers.Serializer):
    """What Meta reported about a number, or about its account."""

    field = serializers.CharField(help_text="Meta's field, such as phone_number_quality_update.")
    event = serializers.CharField()
    sentence = serializers.SerializerMethodField()
    occurred_at = serializers.DateTimeField()

    def get_sentence(self, event: AccountEvent) -> str:
        return describe_event(event)


class NumberDetailsSerializer(NumberSerializer):
    """A number of the organization, with its settings and its health."""

    quality = serializers.CharField(source="quality.colour", help_text="Meta's rating: green, yellow or red. Empty: not reported.")
    people_a_day = serializers.IntegerField(
        source="quality.limit", allow_null=True, help_text="To how many people a day it may write first. 0: no limit."
    )
    read_receipts = serializers.BooleanField(source="number.sends_read_receipts")
    bot = serializers.CharField(source="number.default_bot", help_text="The key of the bot that answers. Empty: none.")
    ai = serializers.CharField(source="number.default_ai", help_text="The key of the AI that answers. Empty: none.")
    stopped_at = serializers.DateTimeField(source="number.sending_stopped_at", allow_null=True, help_text="When sending stopped.")
    stopped_code = serializers.IntegerField(
        source="number.sending_stopped_code", allow_null=True, help_text="The code of Meta's error that stopped it."
    )
    paused_until = serializers.DateTimeField(source="number.sending_paused_until", allow_null=True)
    first_webhook_at = serializers.DateTimeField(source="number.first_webhook_at", allow_null=True)
    events = serializers.SerializerMethodField(help_text="The latest reports of Meta.")

    def get_events(self, overview: NumberOverview) -> AccountEventSerializer(many=True):  # type: ignore[valid-type]
        return AccountEventSerializer(self.context["events"], many=True).data


class NumberChanges(StrictSerializer):
    """Changes of a number. Fields that are left out keep their values."""

    name = Text(required=False, allow_blank=True, max_length=MAX_NAME, help_text="Empty: pages show the digits.")
    active = Flag(required=False, help_text="While it is off, its webhooks are stored and wait, and nothing is sent.")
    default_who_answers = serializers.ChoiceField(required=False, choices=Profile.choices)
    read_receipts = Flag(required=False, help_text="Whether customers see that their messages were read.")
    bot = Text(required=False, allow_null=True, max_length=600, help_text="The id of the bot that answers. Null: none.")
    ai = Text(required=False, allow_null=True, max_length=600, help_text="The id of the AI that answers. Null: none.")


NEW_NAME = OpenApiExample("Another name", value={"name": "Loja do centro", "read_receipts": True}, request_only=True)


class OneNumber(ApiView):
    scopes = SCOPES

    @operation("get_number", response=NumberDetailsSerializer, tag="numbers")
    def get(self, request: Request, number_id: str) -> Response:
        """Returns one number, with its health."""
        return describe_number(self.access, number_id)

    @operation(
        "change_number",
        request=NumberChanges,
        response=NumberDetailsSerializer,
        problems=[HTTPStatus.CONFLICT],
        tag="numbers",
        examples=[NEW_NAME],
    )
    def patch(self, request: Request, number_id: str) -> Response:
        """Changes the settings of a number."""
        number = get_number(self.access, number_id)
        changes = self.read_body(NumberChanges)
        bots = {column: self._bot(column, changes[column]) for column in ("bot", "ai") if column in changes}
        try:
            self._change(number, changes, bots)
        except NumberMoved:
            raise Conflict("The number is being moved. Try again in a minute.", code="number_moved") from None
        return describe_number(self.access, number_id)

    def _change(self, number: PhoneNumber, changes: Mapping[str, Any], bots: Mapping[str, Bot | None]) -> None:
        by, now = self.access.user, timezone.now()
        if "name" in changes:
            set_name(number=number, name=collapse_whitespace(changes["name"]), by=by)
        if "default_who_answers" in changes:
            set_default_profile(number=number, profile=Profile(changes["default_who_answers"]), by=by)
        if "read_receipts" in changes:
            set_read_receipts(number=number, sends=changes["read_receipts"], by=by)
        for column, bot in bots.items():
            if bot is None:
                remove_bot(number=number, ai=column == "ai", by=by, now=now)
            else:
                assign_bot(number=number, bot=bot, by=by, now=now)
        if "active" in changes:
            switch_number(number=number, activate=changes["active"], by=by)

    def _bot(self, column: str, bot_id: str | None) -> Bot | None:
        """Returns the bot with this id, which must be of the kind that the column names."""
        if bot_id is None:
            return None
        pk = unseal_pk(self.access.organization, IdKind.BOT, bot_id) or 0
        bot = Bot.objects.filter(organization=self.access.organization, pk=pk).first()
        if bot is None or (bot.kind == BotKind.AI) != (column == "ai"):
            raise invalid(column, "There is no such bot, or it is of another kind.", rule="unknown_id")
        return bot


class ResumeSending(ApiView):
    scopes = SCOPES

    @operation(
        "resume_sending",
        response=NumberDetailsSerializer,
        problems=[HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE],
        tag="numbers",
    )
    def post(self, request: Request, number_id: str) -> Response:
        """Lets a stopped number send again. 409 `meta_refused` if Meta still refuses its access token."""
        with meta_problems():
            resume_sending(number=get_number(self.access, number_id), by=self.access.user)
        return describe_number(self.access, number_id)


def get_number(access: ApiAccess, number_id: str) -> PhoneNumber:
    """Returns the number of the organization, if the access may use it. Raises Http404."""
    own = PhoneNumber.objects.filter(organization=access.organization, replaced_by=None)
    number = own.defer(*PhoneNumber.SECRETS).select_related("organization").filter(phone_number_id=number_id).first()
    if number is None or not access.may_use_number(number.phone_number_id):
        raise Http404
    return number


def describe_number(access: ApiAccess, number_id: str) -> Response:
    """Returns one number, with its health. Raises Http404."""
    overviews = number_overviews(access.organization) if access.may_use_number(number_id) else []
    overview = next((each for each in overviews if each.number.phone_number_id == number_id), None)
    if overview is None:
        raise Http404
    context = {"access": access, "events": latest_account_events(overview.number)}
    return Response(NumberDetailsSerializer(overview, context=context).data)
