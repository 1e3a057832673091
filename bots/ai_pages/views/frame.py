"""What the pages of an AI have in common."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bots.ai_pages.selectors import Ai

TABS = (
    ("ai_bot", _("What it knows")),
    ("ai_tools", _("Web calls")),
    ("ai_proofs", _("Proof")),
    ("ai_limits", _("Limits and costs")),
    ("ai_connection", _("Connection")),
    ("ai_versions", _("Versions")),
)
"""URL names of the pages, and what their tabs say."""


@dataclass(frozen=True)
class NextStep:
    """What is still to be done until the AI answers customers, and the page for it."""

    words: Promise
    action: Promise
    url_name: str


def frame(ai: Ai, tab: str) -> dict[str, Any]:
    """Returns what each page of an AI shows. `tab` is the URL name of the page whose tab is marked."""
    return {"section": "settings", "part": "bots", "ai": ai, "bot": ai.bot, "tabs": TABS, "tab": tab, "next_step": _next_step(ai)}


def read_only(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Returns the page for members who may not change it."""
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return render(request, template, context)


def _next_step(ai: Ai) -> NextStep | None:
    if ai.connection.check_problem or (ai.connection.checked_at is None and ai.bot.published is None):
        return NextStep(_("The connection does not work yet."), _("Look at the connection"), "ai_connection")
    if not ai.settings.who.strip():
        return NextStep(_("Say who the AI is and what it must know."), _("Tell it"), "ai_bot")
    if ai.bot.published is None:
        return NextStep(_("Ask it a few questions. If the answers are right, publish it."), _("Publish…"), "ai_publish")
    if not ai.numbers:
        return NextStep(_("It is published, but answers at no number yet."), _("Choose the number"), "bot_numbers")
    return None
