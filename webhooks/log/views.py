"""Pages of an organization's webhook log: each webhook, its state, and a button to apply it again."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from organizations.permissions import Access, for_admins
from organizations.url_parameters import read_integer
from webhooks.log.selectors import (
    MAX_COUNTED,
    MAX_LATEST,
    LogFilter,
    LogPage,
    count_unmatched,
    held_items,
    list_webhooks,
    shown_body,
    unmatched_messages,
)
from webhooks.models import Webhook
from webhooks.processing import replay
from webhooks.processing.held_items import count_held_items, max_held_items
from webhooks.processing.hold_reasons import translate_reason

FRAME = {"section": "settings", "part": "log"}


@for_admins
@require_safe
def webhook_log(request: HttpRequest, access: Access) -> HttpResponse:
    """The log from its latest webhook on, or from the webhook that the query string names."""
    before = _row_id(request, "before")
    page = list_webhooks(access.organization, log_filter=_log_filter(request), before=before)
    context = _page_context(request, page, since=page.last if page.has_more else 0) | {"is_latest": before is None, "older": page}
    if _log_filter(request) == LogFilter.UNMATCHED:
        context |= {"unmatched": count_unmatched(access.organization), "most_counted": MAX_COUNTED}
    context |= {"unapplied": count_held_items(access.organization.pk), "max_held_items": max_held_items(access.organization.pk)}
    return render(request, "webhooks/log.html", FRAME | context)


@for_admins
@require_safe
def latest(request: HttpRequest, access: Access) -> HttpResponse:
    """The webhooks from the last one of an open page (`since`) to the latest. If they are too many, the latest ones and a
    button."""
    since = _row_id(request, "since") or 0
    page = list_webhooks(access.organization, log_filter=_log_filter(request), down_to=since, limit=MAX_LATEST)
    return render(request, "webhooks/_latest.html", _page_context(request, page, since=since))


@for_admins
@require_safe
def older(request: HttpRequest, access: Access) -> HttpResponse:
    """The webhooks after those that are shown, and a button for the next ones."""
    since = _row_id(request, "since") or 0
    before = _row_id(request, "before")
    page = list_webhooks(access.organization, log_filter=_log_filter(request), before=before, down_to=since)
    return render(request, "webhooks/_older.html", _page_context(request, page, since=since))


def _page_context(request: HttpRequest, page: LogPage, *, since: int) -> dict[str, Any]:
    return {"page": page, "since": since, "show": _log_filter(request).value}


def _log_filter(request: HttpRequest) -> LogFilter:
    """Returns the filter in the query string. An unknown one means the whole log."""
    name = request.GET.get("show", "")
    return LogFilter(name) if name in set(LogFilter) else LogFilter.ALL


def _row_id(request: HttpRequest, name: str) -> int | None:
    """Returns an id from the query string. None if it is missing, or if no row can have it."""
    return read_integer(request.GET.get(name, "")) or None


@for_admins
@require_safe
def webhook(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    """One webhook, with its body."""
    found = _webhook(access, webhook_id)
    return render(request, "webhooks/webhook.html", FRAME | _state_context(found) | {"body": shown_body(found)})


@for_admins
@require_safe
def state(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    """The state of a webhook. An open page fetches it after each change."""
    return render(request, "webhooks/_state.html", _state_context(_webhook(access, webhook_id, without_body=True)))


def _state_context(found: Webhook) -> dict[str, Any]:
    held, has_more = held_items(found)
    unmatched, has_more_unmatched = unmatched_messages(found)
    context = {"webhook": found, "reason": translate_reason(found.reason), "held": held, "has_more_held": has_more}
    return context | {"unmatched": unmatched, "has_more_unmatched": has_more_unmatched}


@for_admins
@require_safe
def body(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    """The exact bytes, as a file that browsers download and do not show."""
    found = _webhook(access, webhook_id)
    headers = {"Content-Disposition": f'attachment; filename="webhook-{found.pk}.txt"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(found.body, content_type="text/plain; charset=utf-8", headers=headers)


@for_admins
@require_POST
def apply_again(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    found = _webhook(access, webhook_id, without_body=True)
    replay.make_webhook_due(webhook=found, by=access.user)
    messages.success(request, gettext("It will be applied again in a moment."))
    return redirect("webhook", access.organization.pk, found.pk)


def _webhook(access: Access, webhook_id: int, *, without_body: bool = False) -> Webhook:
    rows = Webhook.objects.filter(organization_id=access.organization.pk)
    return get_object_or_404(rows.defer("json", "raw") if without_body else rows, pk=webhook_id)
