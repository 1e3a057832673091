"""The log of requests to a webhook bot or AI."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bots.models import Bot, BotKind
from bots.publishing.selectors import get_bot_or_404
from bots.publishing.views.frame import FRAME
from bots.remote_pages.request_display import describe_bodies, describe_request
from bots.remote_pages.request_log import LogFilter, get_request_or_404, list_requests
from contacts.lists.contact_list import ListCursor
from organizations.permissions import Access, for_members


@for_members
@require_safe
def log(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The requests, the latest first, or those after the ones that the query string names."""
    return render(request, "bots/webhook/log.html", FRAME | _context(request, access, bot_id))


@for_members
@require_safe
def rows(request: HttpRequest, access: Access, bot_id: int) -> HttpResponse:
    """The requests after those that are shown, and a link to the next ones."""
    return render(request, "bots/webhook/_log_lines.html", _context(request, access, bot_id))


def _context(request: HttpRequest, access: Access, bot_id: int) -> dict[str, Any]:
    bot = _bot(access, bot_id)
    show = request.GET.get("show", "")
    log_filter = LogFilter(show) if show in set(LogFilter) else LogFilter.ALL
    after = ListCursor.read(request.GET.get("after", ""))
    page = list_requests(bot, log_filter=log_filter, after=after)
    return {
        "bot": bot,
        "show": log_filter.value,
        "is_latest": after is None,
        "lines": [describe_request(each) for each in page.requests],
        "next": str(page.next or ""),
    }


@for_members
@require_safe
def log_request(request: HttpRequest, access: Access, bot_id: int, request_id: int) -> HttpResponse:
    """One request. Administrators see what was sent and answered."""
    bot = _bot(access, bot_id)
    found = get_request_or_404(bot, request_id)
    context = {"bot": bot, "page": describe_bodies(found, is_admin=access.is_admin)}
    return render(request, "bots/webhook/request.html", FRAME | context)


def _bot(access: Access, bot_id: int) -> Bot:
    """Returns a bot that has a log. Raises Http404 for bots with a flow."""
    bot = get_bot_or_404(access.organization, bot_id)
    if bot.kind == BotKind.FLOW:
        raise Http404
    return bot
