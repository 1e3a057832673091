"""Bots of the organization and their versions. The settings of webhook bots and AIs, which have secrets, are edited on pages."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import django_filters
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.access import ApiAccess
from api.endpoints.filters import filter_rows, query_with
from api.endpoints.ids import IdKind
from api.endpoints.operations import operation
from api.endpoints.pages import ListQuery, page_of, respond_by_pk
from api.endpoints.values import SealedId, StorableJson, StrictSerializer, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict
from api.models import Scope
from api.v1.lookups import get_row
from bots.flows.flow import InvalidFlow
from bots.flows.problems import Problem
from bots.models import Bot, BotKind, BotVersion
from bots.publishing.selectors import is_draft_changed
from bots.publishing.services import BotInUse, delete_bot, import_flow
from bots.publishing.versions import CannotPublish, IncompleteSettings, publish_bot, restore_version, unpublish_bot
from contacts.services import InvalidInput

SCOPES = {"GET": Scope.READ, "POST": Scope.MANAGE, "PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
MAX_FLOW = 1024 * 1024
"""Bytes of a request with a flow."""


class BotSerializer(serializers.Serializer):
    """A bot: a draft, and the published version that answers."""

    id = SealedId(IdKind.BOT, source="pk")
    key = serializers.CharField(help_text="Names the bot in `bot` or `ai` of a number.")
    kind = serializers.ChoiceField(choices=BotKind.choices)
    name = serializers.CharField()
    published_version = serializers.IntegerField(
        source="published.number", allow_null=True, default=None, help_text="Null: it answers nobody."
    )
    draft_changed = serializers.SerializerMethodField(help_text="Whether the draft differs from the published version.")
    created_at = serializers.DateTimeField(source="create_in")
    changed_at = serializers.DateTimeField(source="updated_at")

    def get_draft_changed(self, bot: Bot) -> bool:
        return is_draft_changed(bot)


class BotDetailsSerializer(BotSerializer):
    """A bot with its flow."""

    draft = serializers.SerializerMethodField(help_text="The flow of a bot of steps (docs/bots-format.md). Null for other kinds.")

    def get_draft(self, bot: Bot) -> dict[str, Any] | None:
        return bot.draft if bot.kind == BotKind.FLOW else None


class BotFilters(django_filters.FilterSet):
    """Filters of bots."""

    kind = django_filters.ChoiceFilter(choices=BotKind.choices, help_text="Only bots of this kind.")
    key = django_filters.CharFilter(max_length=40, help_text="Only the bot with this key.")


BotQuery = query_with(BotFilters)


class Flow(StrictSerializer):
    """The flow of a bot."""

    flow = StorableJson(help_text="As docs/bots-format.md describes it.")


FLOW = OpenApiExample(
    "A greeting",
    value={
        "flow": {
            "format": 1,
            "name": "Boas-vindas",
            "start": "hello",
            "settings": {},
            "steps": [
                {"id": "hello", "type": "send", "message": {"type": "text", "text": "Olá!"}, "next": "person"},
                {"id": "person", "type": "hand_over"},
            ],
        }
    },
    request_only=True,
)


def bots_of(access: ApiAccess) -> Any:
    """Returns the bots of the organization."""
    return Bot.objects.filter(organization=access.organization).select_related("published").defer("undo", "redo")


def get_bot(access: ApiAccess, bot_id: str) -> Bot:
    """Returns the bot with this id. Raises Http404."""
    bot: Bot = get_row(access, bots_of(access), IdKind.BOT, bot_id)
    return bot


def get_flow_bot(access: ApiAccess, bot_id: str) -> Bot:
    """Returns the bot with this id. Raises Http404, and Conflict if it does not work by steps."""
    bot = get_bot(access, bot_id)
    if bot.kind != BotKind.FLOW:
        raise Conflict("This bot does not work by steps.", code="other_kind_of_bot")
    return bot


class Bots(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})
    max_body = MAX_FLOW
    queries: ClassVar = {"GET": BotQuery}

    @operation("list_bots", response=page_of(BotSerializer), query=BotQuery, tag="bots")
    def get(self, request: Request) -> Response:
        """Returns the bots of the organization."""
        rows = filter_rows(BotFilters, bots_of(self.access), self.query)
        return respond_by_pk(BotSerializer, rows, query=self.query, access=self.access)

    @operation("create_bot", request=Flow, response=BotDetailsSerializer, status=HTTPStatus.CREATED, tag="bots", examples=[FLOW])
    def post(self, request: Request) -> Response:
        """Creates a bot with this flow as its draft. It answers nobody until it is published and a number names it."""
        bot = _store_flow(self, self.read_body(Flow)["flow"])
        return _respond(self, bot, status=HTTPStatus.CREATED)


class OneBot(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"PATCH", "DELETE"})
    max_body = MAX_FLOW

    @operation("get_bot", response=BotDetailsSerializer, tag="bots")
    def get(self, request: Request, bot_id: str) -> Response:
        """Returns one bot."""
        return _respond(self, get_bot(self.access, bot_id))

    @operation(
        "change_bot", request=Flow, response=BotDetailsSerializer, problems=[HTTPStatus.CONFLICT], tag="bots", examples=[FLOW]
    )
    def patch(self, request: Request, bot_id: str) -> Response:
        """Replaces the draft of a bot of steps, and its name by that of the flow. The draft before can be restored on the page of
        the bot. What is published does not change."""
        bot = get_flow_bot(self.access, bot_id)
        _store_flow(self, self.read_body(Flow)["flow"], key=bot.key)
        return _respond(self, get_bot(self.access, bot_id))

    @operation("delete_bot", response=None, status=HTTPStatus.NO_CONTENT, problems=[HTTPStatus.CONFLICT], tag="bots")
    def delete(self, request: Request, bot_id: str) -> Response:
        """Deletes a bot and its versions. 409 `bot_in_use` while a number names it."""
        try:
            delete_bot(bot=get_bot(self.access, bot_id), by=self.access.user)
        except BotInUse as refusal:
            numbers = [each.phone_number_id for each in refusal.numbers]
            raise Conflict("Numbers name this bot. Take it from them first.", code="bot_in_use", numbers=numbers) from None
        return Response(status=HTTPStatus.NO_CONTENT)


class PublishBot(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})

    @operation("publish_bot", response=BotDetailsSerializer, problems=[HTTPStatus.CONFLICT], tag="bots")
    def post(self, request: Request, bot_id: str) -> Response:
        """Publishes the draft: new conversations begin with it. 409 `cannot_publish` names what keeps it from that."""
        bot = get_bot(self.access, bot_id)
        try:
            publish_bot(bot=bot, by=self.access.user, now=timezone.now())
        except CannotPublish as refusal:
            raise _cannot_publish([words_of_problem(each) for each in refusal.problems]) from None
        except IncompleteSettings as refusal:
            raise _cannot_publish([str(each) for each in refusal.texts]) from None
        return _respond(self, get_bot(self.access, bot_id))


class UnpublishBot(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})

    @operation("unpublish_bot", response=BotDetailsSerializer, tag="bots")
    def post(self, request: Request, bot_id: str) -> Response:
        """Lets the bot begin no more conversations. Those of a bot of steps that run go on."""
        unpublish_bot(bot=get_bot(self.access, bot_id), by=self.access.user, now=timezone.now())
        return _respond(self, get_bot(self.access, bot_id))


class BotVersionSerializer(serializers.Serializer):
    """A published draft. It never changes."""

    id = SealedId(IdKind.BOT_VERSION, source="pk")
    number = serializers.IntegerField()
    published_by = serializers.SerializerMethodField(help_text="The name or e-mail of the member. Null for former members.")
    published_at = serializers.DateTimeField(source="create_in")
    flow = serializers.SerializerMethodField(help_text="Null for bots that do not work by steps.")

    def get_published_by(self, version: BotVersion) -> str | None:
        by = version.published_by
        return (by.name or by.email) if by else None

    def get_flow(self, version: BotVersion) -> dict[str, Any] | None:
        return version.document if version.bot.kind == BotKind.FLOW else None


class BotVersions(ApiView):
    scopes = SCOPES
    queries: ClassVar = {"GET": ListQuery}

    @operation("list_bot_versions", response=page_of(BotVersionSerializer), query=ListQuery, tag="bots")
    def get(self, request: Request, bot_id: str) -> Response:
        """Returns the versions of a bot, the latest first."""
        rows = get_bot(self.access, bot_id).versions.select_related("published_by", "bot").defer("published_by__password")
        return respond_by_pk(BotVersionSerializer, rows, query=self.query, access=self.access, newest_first=True)


class RestoreVersion(ApiView):
    scopes = SCOPES
    of_all_numbers = frozenset({"POST"})

    @operation("restore_bot_version", response=BotDetailsSerializer, problems=[HTTPStatus.CONFLICT], tag="bots")
    def post(self, request: Request, bot_id: str, version_id: str) -> Response:
        """Makes the flow of a version the draft. What is published does not change."""
        bot = get_flow_bot(self.access, bot_id)
        version = get_row(self.access, bot.versions.select_related("bot"), IdKind.BOT_VERSION, version_id)
        restore_version(version=version, by=self.access.user, now=timezone.now())
        return _respond(self, get_bot(self.access, bot_id))


def _store_flow(view: ApiView, flow: dict[str, Any], *, key: str = "") -> Bot:
    """Creates a bot from the flow, or replaces the draft of the one with this key. Raises ValidationError."""
    content = json.dumps(flow).encode()
    try:
        bot, _is_new = import_flow(
            organization=view.access.organization, content=content, key=key, by=view.access.user, now=timezone.now()
        )
    except InvalidFlow as refusal:
        details = [serializers.ErrorDetail(words_of_problem(each), each.code) for each in refusal.problems]
        raise serializers.ValidationError({"flow": details}) from None
    except InvalidInput as refusal:
        raise invalid("flow", str(refusal)) from None
    return bot


def words_of_problem(problem: Problem) -> str:
    """Returns a problem as a sentence, with its step."""
    return f"{problem.step}: {problem.text}" if problem.step else str(problem.text)


def _cannot_publish(problems: Sequence[str]) -> Conflict:
    return Conflict("The draft has problems. “problems” names them.", code="cannot_publish", problems=list(problems))


def _respond(view: ApiView, bot: Bot, *, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(BotDetailsSerializer(bot, context={"access": view.access}).data, status=status)
