"""A conversation with the draft of a bot, as the try-out beside the editor has it. Nothing is stored and nothing is sent."""

import secrets
from http import HTTPStatus
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.endpoints.operations import operation
from api.endpoints.values import Flag, StrictSerializer, Text, invalid
from api.endpoints.views import ApiView
from api.errors.problems import Conflict
from api.models import Scope
from api.v1.administration.bots import get_flow_bot, words_of_problem
from bots.flows.flow import Flow
from bots.models import Bot
from bots.publishing.versions import check_document
from bots.trials.line_display import ShownLine, show_lines
from bots.trials.message_display import show_message
from bots.trials.trial import Trial
from bots.trials.tryout import (
    MAX_SCRIPT_LINES,
    MAX_TEXT,
    Surroundings,
    Tryout,
    dump_tryout,
    load_tryout,
    run_script,
    start_tryout,
    surroundings_of,
    tap,
    values_of,
)

MAX_STATE = 200_000
"""Characters of the state of a conversation."""


class ChoiceSerializer(serializers.Serializer):
    """A button or a row of a list."""

    id = serializers.CharField()
    title = serializers.CharField()


class TrialLineSerializer(serializers.Serializer):
    """One line of the conversation."""

    side = serializers.ChoiceField(choices=["customer", "bot", "notice"])
    at = serializers.DateTimeField(help_text="By the clock of the trial.")
    text = serializers.SerializerMethodField(help_text="What the phone shows, or what happened.")
    choices = serializers.SerializerMethodField(help_text="The buttons or rows of the message.")
    step = serializers.CharField(help_text="The id of the step. May be empty.")
    why = serializers.CharField(source="trace", help_text="Why the bot said it. May be empty.")

    def get_text(self, line: ShownLine) -> str:
        return line.bubble.words if line.bubble else line.words

    def get_choices(self, line: ShownLine) -> ChoiceSerializer(many=True):  # type: ignore[valid-type]
        return ChoiceSerializer(line.bubble.choices if line.bubble else (), many=True).data


class TrialSerializer(serializers.Serializer):
    """A conversation with a draft."""

    lines = TrialLineSerializer(many=True)
    step = serializers.CharField(help_text="The step at which the bot waits. Empty: it has not begun, has ended or handed over.")
    handed_over = serializers.BooleanField()
    values = serializers.DictField(child=serializers.CharField(), help_text="What the bot has stored, by name.")
    labels = serializers.ListField(child=serializers.CharField())
    state = serializers.CharField(help_text="Goes on with this conversation, for a day.")


class CustomerMessages(StrictSerializer):
    """What the customer does."""

    messages = serializers.ListField(
        child=Text(max_length=MAX_TEXT),
        required=False,
        default=list,
        max_length=MAX_SCRIPT_LINES,
        help_text="What the customer writes. `+30` lets 30 minutes pass, and `[image]` sends a file.",
    )
    tap = Text(required=False, max_length=256, help_text="The id of a button or row that the customer taps first.")
    open = Flag(required=False, allow_null=True, default=None, help_text="Whether it is within business hours. Null: by the clock.")
    state = Text(required=False, max_length=MAX_STATE, help_text="Of the response before. Without it, a conversation begins.")


TRIAL = OpenApiExample("Two messages", value={"messages": ["Oi", "+30", "Quero um orçamento"], "open": True}, request_only=True)


class TryBot(ApiView):
    scopes: ClassVar = {"POST": Scope.READ}

    @operation(
        "try_bot", request=CustomerMessages, response=TrialSerializer, problems=[HTTPStatus.CONFLICT], tag="bots", examples=[TRIAL]
    )
    def post(self, request: Request, bot_id: str) -> Response:
        """Has a conversation with the draft of a bot of steps. Web calls and questions to AIs get the examples of their steps. 409
        `cannot_publish` if the draft has problems that keep it from being published."""
        bot = get_flow_bot(self.access, bot_id)
        values = self.read_body(CustomerMessages)
        flow, around = _checked_flow(bot), surroundings_of(bot)
        tryout = _tryout(bot, flow, around, values)
        if "tap" in values:
            _tap(tryout.trial, values["tap"])
        run_script(tryout.trial, "\n".join(" ".join(each.split("\n")) for each in values["messages"]))
        return Response(TrialSerializer(_described(bot, tryout)).data)


def _checked_flow(bot: Bot) -> Flow:
    checked = check_document(bot.draft, organization_id=bot.organization_id)
    if checked.flow is None or checked.blocking:
        problems = [words_of_problem(each) for each in checked.blocking]
        raise Conflict("The draft has problems. “problems” names them.", code="cannot_publish", problems=problems)
    return checked.flow


def _tryout(bot: Bot, flow: Flow, around: Surroundings, values: dict[str, Any]) -> Tryout:
    """Returns the conversation of the state, or a new one. Raises ValidationError."""
    if "state" not in values:
        seed = secrets.token_hex(8)
        return start_tryout(bot=bot, flow=flow, around=around, now=timezone.now(), seed=seed, is_open=values["open"])
    tryout = load_tryout(values["state"], bot=bot, flow=flow, around=around)
    if tryout is None:
        raise invalid("state", "This is no state of a conversation with this bot, or it is older than a day.")
    tryout.surround(around, is_open=values["open"], number_id=tryout.number_id)
    return tryout


def _tap(trial: Trial, choice_id: str) -> None:
    """Taps the choice of the last message that has it. Raises ValidationError if none has."""
    for index in range(len(trial.lines) - 1, -1, -1):
        message = trial.lines[index].message
        if message and any(each.id == choice_id for each in show_message(message).choices):
            tap(trial, index, choice_id)
            return
    raise invalid("tap", "No message has such a choice.", rule="unknown_id")


def _described(bot: Bot, tryout: Tryout) -> dict[str, Any]:
    trial, state = tryout.trial, dump_tryout(tryout, bot=bot)  # before the lines, because it drops old ones
    return {
        "lines": show_lines(trial),
        "step": trial.step,
        "handed_over": trial.is_handed_over,
        "values": {name: str(value) for name, value in values_of(trial).items()},
        "labels": sorted(trial.labels or ()),
        "state": state,
    }
