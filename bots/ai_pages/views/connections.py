"""Where an AI is reached, and whether it works."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from bots.ai.settings import AiSettings
from bots.ai_pages.forms.connection_forms import ConnectionForm, NewAiForm, presets_of
from bots.ai_pages.selectors import get_ai_or_404
from bots.ai_pages.services import check_connection, key_state, save_connection
from bots.ai_pages.views.frame import frame, read_only
from bots.models import AiConnection, Bot
from bots.publishing.services import create_ai
from bots.remote.exchanges import Problem
from contacts.services import InvalidInput
from organizations.call_slots import CallsBusy
from organizations.permissions import Access, for_admins, for_members


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def new_ai(request: HttpRequest, access: Access) -> HttpResponse:
    """The form that connects an AI. A post creates it, and asks the endpoint whether it works."""
    form = NewAiForm(request.POST if request.method == "POST" else None, organization=access.organization)
    if form.is_bound and form.is_valid():
        values = form.cleaned_data
        settings = AiSettings(
            name=values["name"],
            model=values["model"],
            temperature=values["temperature"],
            languages=(_language_of_page(request),),
        )
        connection = AiConnection(base_url=values["base_url"], api_key=values["api_key"], timeout_seconds=values["timeout_seconds"])
        try:
            bot = create_ai(
                organization=access.organization, settings=settings, connection=connection, by=access.user, now=timezone.now()
            )
        except InvalidInput as refusal:
            form.add_error("name", refusal.args[0])
        else:
            works = _check(request, bot, is_saved=True)
            return redirect("ai_bot" if works else "ai_connection", access.organization.pk, bot.pk)
    context = {"section": "settings", "part": "bots", "form": form, "presets": presets_of(access.organization)}
    return render(request, "bots/ai/new.html", context, status=422 if form.is_bound else 200)


def _language_of_page(request: HttpRequest) -> str:
    """Returns the language in which an AI answers until its administrator chooses others."""
    return (getattr(request, "LANGUAGE_CODE", "") or "pt").partition("-")[0]


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def connection(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """Where the AI is reached, and what its last check said. A post by an administrator stores and checks it."""
    ai = get_ai_or_404(access.organization, ai_id)
    state = key_state(ai.connection)
    context = frame(ai, "ai_connection") | {"problem": _problem_text(ai.connection), "has_key": bool(state)}
    if not access.is_admin:
        return read_only(request, "bots/ai/connection.html", context)
    form = ConnectionForm(
        request.POST if request.method == "POST" else None,
        organization=access.organization,
        key_state=state,
        stored_url=ai.connection.base_url,
        initial={
            "base_url": ai.connection.base_url,
            "model": ai.settings.model,
            "timeout_seconds": ai.connection.timeout_seconds,
            "temperature": ai.settings.temperature,
        },
    )
    if form.is_bound and form.is_valid():
        save_connection(bot=ai.bot, api_key=_new_key(form.cleaned_data), now=timezone.now(), **_columns(form.cleaned_data))
        _check(request, ai.bot, is_saved=True)
        return redirect("ai_connection", access.organization.pk, ai.bot.pk)
    context |= {"form": form, "presets": presets_of(access.organization)}
    return render(request, "bots/ai/connection.html", context, status=422 if form.is_bound else 200)


def _columns(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("base_url", "timeout_seconds", "model", "temperature")}


def _new_key(values: dict[str, Any]) -> str | None:
    """Returns the key that replaces the stored one, None if it stays."""
    if values["api_key"]:
        return str(values["api_key"])
    return "" if values.get("forgets_key") else None


@for_admins
@require_POST
def check(request: HttpRequest, access: Access, ai_id: int) -> HttpResponse:
    """Asks the endpoint again whether it works."""
    ai = get_ai_or_404(access.organization, ai_id)
    _check(request, ai.bot, is_saved=False)
    return redirect("ai_connection", access.organization.pk, ai.bot.pk)


def _check(request: HttpRequest, bot: Bot, *, is_saved: bool) -> bool:
    """Checks the connection and reports the result. Returns whether it works."""
    try:
        exchange = check_connection(bot=bot, now=timezone.now())
    except CallsBusy:
        words = gettext("Saved, but not checked: too many AIs are being checked right now. Check again in a moment.")
        if not is_saved:
            words = gettext("Not checked: too many AIs are being checked right now. Check again in a moment.")
        messages.warning(request, words)
        return False
    if exchange.problem is None:
        words = gettext("Works: answered in %(seconds)s s.")
        messages.success(request, words % {"seconds": number_format(exchange.seconds, decimal_pos=1)})
        return True
    words = gettext("Saved, but it does not work yet: %(problem)s") if is_saved else gettext("It does not work yet: %(problem)s")
    messages.warning(request, words % {"problem": exchange.problem.label})
    return False


def _problem_text(connection: AiConnection) -> str:
    problem = connection.check_problem
    return str(Problem(problem).label) if problem in Problem else problem
