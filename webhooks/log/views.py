"""The webhook log of an organization: what Meta sent for it, what became of it, and a way to apply it again."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe
from organizations.url_parameters import read_integer

from organizations.permissions import Access, for_admins
from webhooks.log.selectors import (
    LATEST,
    MOST_COUNTED,
    Page,
    Which,
    count_unmatched,
    held_items,
    page_of,
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
    """The log from its latest line on, or from the line that the address names."""
    before = _row_id(request, "before")
    page = page_of(access.organization, which=_which(request), before=before)
    shown = _shown(request, page, since=page.last if page.has_more else 0) | {"is_latest": before is None, "older": page}
    if _which(request) == Which.UNMATCHED:
        shown |= {"unmatched": count_unmatched(access.organization), "most_counted": MOST_COUNTED}
    shown |= {"unapplied": count_held_items(access.organization.pk), "max_held_items": max_held_items(access.organization.pk)}
    return render(request, "webhooks/log.html", FRAME | shown)


@for_admins
@require_safe
def latest(request: HttpRequest, access: Access) -> HttpResponse:
    """The lines from the one that an open page ends with (`since`) to the latest. If those are too many, the latest of them and a
    way to the others."""
    since = _row_id(request, "since") or 0
    page = page_of(access.organization, which=_which(request), down_to=since, limit=LATEST)
    return render(request, "webhooks/_latest.html", _shown(request, page, since=since))


@for_admins
@require_safe
def older(request: HttpRequest, access: Access) -> HttpResponse:
    """The lines after those that are shown, and the way to the next."""
    since = _row_id(request, "since") or 0
    before = _row_id(request, "before")
    page = page_of(access.organization, which=_which(request), before=before, down_to=since)
    return render(request, "webhooks/_older.html", _shown(request, page, since=since))


def _shown(request: HttpRequest, page: Page, *, since: int) -> dict[str, Any]:
    return {"page": page, "since": since, "show": _which(request).value}


def _which(request: HttpRequest) -> Which:
    """What the address asks for; all of the log for anything else."""
    asked = request.GET.get("show", "")
    return Which(asked) if asked in set(Which) else Which.ALL


def _row_id(request: HttpRequest, name: str) -> int | None:
    """An id from the address; None where there is none, or none that a row could have."""
    return read_integer(request.GET.get(name, "")) or None


@for_admins
@require_safe
def webhook(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    """One webhook, with its body."""
    found = _webhook(access, webhook_id)
    return render(request, "webhooks/webhook.html", FRAME | _state(found) | {"body": shown_body(found)})


@for_admins
@require_safe
def state(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    """What became of it so far, as the open page fetches it when something has changed."""
    return render(request, "webhooks/_state.html", _state(_webhook(access, webhook_id, without_body=True)))


def _state(found: Webhook) -> dict[str, Any]:
    held, has_more = held_items(found)
    unmatched, has_more_unmatched = unmatched_messages(found)
    shown = {"webhook": found, "reason": translate_reason(found.reason), "held": held, "has_more_held": has_more}
    return shown | {"unmatched": unmatched, "has_more_unmatched": has_more_unmatched}


@for_admins
@require_safe
def body(request: HttpRequest, access: Access, webhook_id: int) -> HttpResponse:
    """The exact bytes, as a file that no browser shows."""
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
