"""Marks a conversation as done or unread, and blocks its contact. An open page then refreshes itself. A plain form post returns to
the conversation."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from chats.conversations import done_and_blocked
from chats.conversations.read_state import mark_as_unread
from chats.inbox.views.composer import refuse_with_toast
from contacts.lists.cursors import read_time
from contacts.selectors import get_contact_or_404
from organizations.permissions import Access, for_members

HUB_CHANGED = {"HX-Trigger": "hub:changed"}


@for_members
@require_POST
def done(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Marks the conversation as done (`value` is “on”), or reopens it (“off”). `seen`: the time of the last message on the page."""
    mark_done = partial(done_and_blocked.mark_as_done, seen=read_time(request.POST.get("seen", "")))
    return _change(request, access, contact_id, {"on": mark_done, "off": done_and_blocked.reopen})


@for_members
@require_POST
def block(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Blocks the contact (`value` is “on”), or unblocks it (“off”)."""
    return _change(request, access, contact_id, {"on": done_and_blocked.block, "off": done_and_blocked.unblock})


def _change(request: HttpRequest, access: Access, contact_id: int, changes: dict[str, Callable[..., Any]]) -> HttpResponse:
    contact = get_contact_or_404(access.organization, contact_id)
    change = changes.get(request.POST.get("value", ""))
    if change is None:
        return HttpResponseBadRequest(gettext("There is no such switch."), content_type="text/plain; charset=utf-8")
    change(contact=contact, by=access.user, now=timezone.now())
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers=HUB_CHANGED)
    return redirect("conversation", access.organization.pk, contact.pk)


@for_members
@require_POST
def unread(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Marks the conversation as unread, and closes it, because an open conversation is marked as read."""
    contact = get_contact_or_404(access.organization, contact_id)
    if not mark_as_unread(contact):
        return refuse_with_toast(request, access, contact, gettext("Nothing from this person can be marked as unread."))
    inbox_url = reverse("inbox", args=[access.organization.pk])
    if not request.headers.get("HX-Request"):
        return redirect(inbox_url)
    response = render(request, "chats/_nothing_open.html")
    for name, value in (HUB_CHANGED | {"HX-Push-Url": inbox_url}).items():
        response[name] = value
    return response
