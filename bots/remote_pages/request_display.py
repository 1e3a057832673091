"""A request to a remote bot, as the log shows it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.models import BotRequest
from bots.remote_pages.circuit_display import problem_sentence
from organizations.text_display import indent_json, printable

MAX_SHOWN = 200_000
"""Characters of a body, indented."""
TONES = {
    BotRequest.Outcome.PENDING: "info",
    BotRequest.Outcome.ANSWERED: "success",
    BotRequest.Outcome.FAILED: "error",
    BotRequest.Outcome.LIMIT: "warning",
}
"""Tones of badges. All other outcomes are neutral."""
AWAITED = _("answers later")
WORDS = {
    BotRequest.Outcome.SILENT: _("no message"),
    BotRequest.Outcome.HANDED_OVER: _("person called"),
    BotRequest.Outcome.LIMIT: _("limit"),
    BotRequest.Outcome.OVERTAKEN: _("overtaken"),
    BotRequest.Outcome.PERSON: _("person faster"),
    BotRequest.Outcome.OTHER_BOT: _("other bot"),
}
"""Words of badges that are shorter than the labels."""
EXPLAINED = (BotRequest.Outcome.OVERTAKEN, BotRequest.Outcome.PERSON, BotRequest.Outcome.OTHER_BOT)
"""Outcomes whose label says why the answer was not sent."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A request in the log. `word` and `tone` are its badge. `reason` says why there is no answer, or why it was not sent."""

    request: BotRequest
    word: Any
    tone: str
    reason: Any

    @property
    def tokens(self) -> int:
        return self.request.input_tokens + self.request.output_tokens


@dataclass(frozen=True, slots=True)
class Callback:
    """A call-back of a request: what it was answered with, and why."""

    at: datetime | None
    status: int
    reason: str
    body: str

    @property
    def is_accepted(self) -> bool:
        return self.status == HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool that an AI called."""

    name: str
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A request with its bodies, for administrators. Members get it without them."""

    line: RequestLine
    body: str = ""
    response: str = ""
    callbacks: Sequence[Callback] = ()
    tools: Sequence[CalledTool] = ()


def describe_request(request: BotRequest) -> RequestLine:
    """Returns the line of a request."""
    outcome = BotRequest.Outcome(request.outcome)
    word = AWAITED if request.is_awaited else WORDS.get(outcome, outcome.label)
    reason = outcome.label if outcome in EXPLAINED else problem_sentence(request.problem)
    return RequestLine(request, word, TONES.get(outcome, "neutral"), reason)


def describe_bodies(request: BotRequest, *, is_admin: bool) -> RequestPage:
    """Returns a request with its bodies, JSON indented, for an administrator, and without them for anybody else."""
    if not is_admin:
        return RequestPage(describe_request(request))
    return RequestPage(
        line=describe_request(request),
        body=_indented(json.dumps(request.request)) if request.request else "",
        response=_indented(request.response),
        callbacks=[_callback(each) for each in request.callbacks],
        tools=[_tool(each) for each in request.tools],
    )


def _callback(stored: Mapping[str, Any]) -> Callback:
    # The reason is stored in English, as it was sent. That is the text that is translated.
    reason = str(stored.get("reason") or "")
    at = parse_datetime(str(stored.get("at")))
    return Callback(at, int(stored.get("status") or 0), gettext(reason) if reason else "", _indented(str(stored.get("body") or "")))


def _tool(stored: Mapping[str, Any]) -> CalledTool:
    texts = (str(stored.get(name) or "") for name in ("arguments", "result"))
    return CalledTool(str(stored.get("name") or ""), *map(_indented, texts))


def _indented(text: str) -> str:
    """Returns JSON indented if that does not change it, and any other text as it is."""
    try:
        return printable(indent_json(text, max_length=MAX_SHOWN))
    except (ValueError, RecursionError):
        return printable(text)
