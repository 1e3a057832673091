"""Dry runs: starting one, its progress, its result, and single conversations of it."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from bots.flows.flow import read_flow
from bots.models import BotDryRun, BotKind
from bots.publishing.selectors import get_bot_or_404
from bots.publishing.versions import CannotPublish
from bots.publishing.views.frame import FRAME
from bots.trials.dry_run_queue import start_dry_run
from bots.trials.dry_runs import StoredSession, read_sessions, replay
from bots.trials.line_display import REASONS, show_lines, step_name
from contacts.forms import NumberForm
from contacts.selectors import get_contact_or_404, numbers_of
from jobs.models import State
from organizations.permissions import Access, for_admins

OUTCOMES = ("fell_through", "handed_over", "unanswered", "answered")
"""The outcomes whose conversations are shown, those to look at first."""


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def dry_runs(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The latest dry runs of the bot, and the form that starts one."""
    bot = get_bot_or_404(access.organization, bot_id, kind=BotKind.FLOW)
    numbers = numbers_of(access.organization)
    form = NumberForm(request.POST, numbers=numbers) if request.method == "POST" else NumberForm(numbers=numbers)
    if form.is_bound and numbers and form.is_valid():
        try:
            started = start_dry_run(bot=bot, number=form.cleaned_data["number"], by=access.user, now=timezone.now())
        except CannotPublish as refusal:
            messages.error(
                request,
                gettext("The draft has problems that must be resolved first: %(first)s") % {"first": refusal.problems[0].text},
            )
            return redirect("bot_publish", access.organization.pk, bot.pk)
        return redirect("bot_dry_run", access.organization.pk, bot.pk, started.pk)
    runs = BotDryRun.objects.filter(bot=bot).select_related("number", "started_by").defer("flow").order_by("-pk")
    context = {"bot": bot, "form": form, "numbers": numbers, "runs": runs}
    return render(request, "bots/dry_runs.html", FRAME | context, status=422 if form.is_bound else 200)


def _dry_run(access: Access, bot_id: int, dry_run_id: int) -> BotDryRun:
    runs = BotDryRun.objects.filter(bot=bot_id, bot__organization=access.organization, bot__kind=BotKind.FLOW)
    return get_object_or_404(runs.select_related("bot", "number__organization"), pk=dry_run_id)


@for_admins
@require_safe
def dry_run(request: HttpRequest, access: Access, bot_id: int, dry_run_id: int) -> HttpResponse:
    """The progress or the result."""
    return render(request, "bots/dry_run.html", FRAME | _result(_dry_run(access, bot_id, dry_run_id)))


@for_admins
@require_safe
def progress(request: HttpRequest, access: Access, bot_id: int, dry_run_id: int) -> HttpResponse:
    """The part of the page that is fetched every second while the worker works."""
    return render(request, "bots/_dry_run.html", _result(_dry_run(access, bot_id, dry_run_id)))


def _result(run: BotDryRun) -> dict[str, Any]:
    context: dict[str, Any] = {"run": run, "bot": run.bot, "is_working": run.state == State.DUE, "is_dead": run.state == State.DEAD}
    if not run.result:
        return context
    flow = read_flow(run.flow)
    by_step = {
        name: sorted(((step, step_name(flow, step), count) for step, count in run.result[name].items()), key=lambda line: -line[2])
        for name in ("fell_through_at", "handed_over_at")
    }
    reasons = [(REASONS.get(code, code), count) for code, count in run.result["reasons"].items()]
    samples = [{"outcome": outcome, "positions": _positions(run, outcome)} for outcome in OUTCOMES]
    return (
        context | by_step | {"result": run.result, "reasons": reasons, "samples": [each for each in samples if each["positions"]]}
    )


def _samples(run: BotDryRun) -> dict[StoredSession, list[str]]:
    """Returns the sample conversations in the order of the page, each with its outcomes. A conversation has several if something
    fitted no path and the bot answered all the same."""
    samples: dict[StoredSession, list[str]] = {}
    found = (run.result or {}).get("samples", {})
    for outcome in OUTCOMES:
        for contact_id, session_id in found.get(outcome, ()):
            samples.setdefault(StoredSession(contact_id, uuid.UUID(session_id)), []).append(outcome)
    return samples


def _positions(run: BotDryRun, outcome: str) -> list[int]:
    return [position for position, outcomes in enumerate(_samples(run).values(), 1) if outcome in outcomes]


@for_admins
@require_safe
def conversation(request: HttpRequest, access: Access, bot_id: int, dry_run_id: int, position: int) -> HttpResponse:
    """One conversation with what the bot would have said, computed again. 404 if it was deleted."""
    run = _dry_run(access, bot_id, dry_run_id)
    samples = _samples(run)
    if position > len(samples):
        raise Http404
    session, outcomes = list(samples.items())[position - 1]
    contact = get_contact_or_404(access.organization, session.contact_id)
    found = next(iter(read_sessions(run.number, [session])), None)
    if found is None:
        raise Http404
    flow = read_flow(run.flow)
    trial = replay(flow, *found)
    context = {"run": run, "bot": run.bot, "contact": contact, "outcomes": outcomes, "lines": show_lines(trial)}
    context |= {"position": position, "count": len(samples)}
    return render(request, "bots/dry_run_conversation.html", FRAME | context)
