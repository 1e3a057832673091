"""The try-out: a chat with the draft, beside the editor and as a page of its own."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bots.flows.flow import Flow
from bots.models import Bot, BotKind
from bots.publishing.selectors import get_bot_or_404
from bots.publishing.versions import check_document
from bots.publishing.views.frame import FRAME
from bots.trials.line_display import KINDS, show_lines, step_name
from bots.trials.trial import Trial
from bots.trials.tryout import (
    Surroundings,
    Tryout,
    attach,
    dump_tryout,
    load_tryout,
    move_clock,
    run_script,
    start_tryout,
    surroundings_of,
    tap,
    values_of,
    write,
)
from organizations.permissions import Access, for_members
from organizations.url_parameters import read_integer

SHOWN_KINDS = ("image", "audio", "document", "location")
HOURS = {"open": True, "closed": False, "number": None}


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def tryout(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The conversation so far, after what the customer does in a post. htmx gets it as a fragment."""
    bot = get_bot_or_404(access.organization, bot_id, kind=BotKind.FLOW)
    checked = check_document(bot.draft, organization_id=bot.organization_id)
    if checked.flow is None or checked.blocking:
        return _respond(request, {"bot": bot, "blocking": checked.blocking})
    flow, around = checked.flow, surroundings_of(bot)
    shown = _conversation(request, bot, flow, around)
    response = _respond(request, _context(bot, flow, shown) | {"numbers": around.numbers})
    response["HX-Trigger"] = json.dumps({"hub:step": {"step": shown.trial.step}})
    return response


def _respond(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    template = "bots/_tryout.html" if request.headers.get("HX-Request") else "bots/tryout.html"
    return render(request, template, FRAME | context)


def _conversation(request: HttpRequest, bot: Bot, flow: Flow, around: Surroundings) -> Tryout:
    """Returns the page's conversation after the post, or a new one."""
    posted = request.POST
    kept = load_tryout(posted.get("token", ""), bot=bot, flow=flow, around=around)
    is_open = HOURS.get(posted["hours"], True) if "hours" in posted else (kept.is_open if kept else True)
    number_id = kept.number_id if kept else None
    if "number" in posted:
        number_id = read_integer(posted["number"]) or 0
    if kept is None or "restart" in posted or posted.get("script", "").strip():
        seed = secrets.token_hex(8)
        kept = start_tryout(bot=bot, flow=flow, around=around, now=timezone.now(), seed=seed, is_open=is_open)
    kept.surround(around, is_open=is_open, number_id=number_id)
    _act(kept, posted)
    return kept


def _act(shown: Tryout, posted: Any) -> None:
    """Lets the customer do what the pressed button says."""
    if script := posted.get("script", "").strip():
        run_script(shown.trial, script)
        return
    pressed = next((name for name in PRESSES if name in posted), "")
    if pressed:
        PRESSES[pressed](shown.trial, posted[pressed])
    elif "say" in posted:
        write(shown.trial, posted.get("text", ""))


def _tap(trial: Trial, value: str) -> None:
    line, _colon, choice_id = value.partition(":")
    index = read_integer(line)
    if index is not None:
        tap(trial, index, choice_id)


def _end_ai(trial: Trial, value: str) -> None:
    ended, _colon, branch = value.partition(":")
    trial.end_ai(ok=ended == "ok", branch=branch)


PRESSES: Mapping[str, Callable[[Trial, str], None]] = {
    "tap": _tap,
    "attach": attach,
    "minutes": lambda trial, value: move_clock(trial, read_integer(value) or 0),
    "call": lambda trial, value: trial.end_call(ok=value == "ok"),
    "ai": _end_ai,
}
"""What buttons do, by their names."""


def _context(bot: Bot, flow: Flow, shown: Tryout) -> dict[str, Any]:
    trial, token = shown.trial, dump_tryout(shown, bot=bot)  # before the lines, because it drops old ones
    return {
        "bot": bot,
        "lines": show_lines(trial),
        "token": token,
        "step": trial.step,
        "step_name": step_name(flow, trial.step) if trial.step else "",
        "path": [(step, step_name(flow, step)) for step in trial.came],
        "variables": sorted(values_of(trial).items()),
        "labels": sorted(trial.labels or ()),
        "timer": trial.timer,
        "now": trial.now,
        "waits_for_call": trial.call is not None,
        "question": trial.question,
        "number_id": trial.automatic.number_id if trial.automatic else None,
        "is_handed_over": trial.is_handed_over,
        "hours": {None: "number", True: "open", False: "closed"}[shown.is_open],
        "kinds": [(kind, KINDS[kind]) for kind in SHOWN_KINDS],
    }
