"""Whether a conversation needs staff: done or not, read or not, the person blocked or not. The open page fetches what it shows
again, and a plain form goes back to the conversation."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from contacts.lists.cursors import EPOCH
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST
from organizations.url_parameters import MAX_TIMESTAMP, read_integer

from chats.conversations import done_and_blocked
from chats.conversations.read_state import mark_as_unread
from contacts.models import Contact
from contacts.selectors import contacts_of
from organizations.permissions import Access, for_members

HUB_CHANGED = {"HX-Trigger": "hub:changed"}


@for_members
@require_POST
def done(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The conversation needs no answer (`value` is “on”), or it needs one after all (“off”)."""
    seen = read_integer(request.POST.get("seen", ""), maximum=MAX_TIMESTAMP)  # microseconds since 1970
    mark_done = partial(done_and_blocked.mark_as_done, seen=None if seen is None else EPOCH + timedelta(microseconds=seen))
    return _decide(request, access, contact_id, {"on": mark_done, "off": done_and_blocked.reopen})


@for_members
@require_POST
def block(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Block the person (`value` is “on”), or take that back (“off”)."""
    return _decide(request, access, contact_id, {"on": done_and_blocked.block, "off": done_and_blocked.unblock})


def _decide(request: HttpRequest, access: Access, contact_id: int, ways: dict[str, Callable[..., Any]]) -> HttpResponse:
    contact = _contact(access, contact_id)
    decide = ways.get(request.POST.get("value", ""))
    if decide is None:
        return HttpResponseBadRequest(gettext("There is no such switch."), content_type="text/plain; charset=utf-8")
    decide(contact=contact, by=access.user, now=timezone.now())
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers=HUB_CHANGED)
    return redirect("conversation", access.organization.pk, contact.pk)


@for_members
@require_POST
def unread(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """Mark the conversation as unread, and close it: one that is open is read."""
    contact = _contact(access, contact_id)
    if not mark_as_unread(contact):
        return _nothing_to_read(request, access, contact)
    address = reverse("inbox", args=[access.organization.pk])
    if not request.headers.get("HX-Request"):
        return redirect(address)
    response = render(request, "chats/_nothing_open.html")
    for name, value in (HUB_CHANGED | {"HX-Push-Url": address}).items():
        response[name] = value
    return response


def _nothing_to_read(request: HttpRequest, access: Access, contact: Contact) -> HttpResponse:
    words = gettext("Nothing from this person can be marked as unread.")
    if request.headers.get("HX-Request"):
        told = json.dumps({"hub:toast": {"words": words, "kind": "alert-error"}})
        return HttpResponse(status=422, headers={"HX-Trigger": told, "HX-Reswap": "none"})
    messages.error(request, words)
    return redirect("conversation", access.organization.pk, contact.pk)


def _contact(access: Access, contact_id: int) -> Contact:
    return get_object_or_404(contacts_of(access.organization), pk=contact_id)
