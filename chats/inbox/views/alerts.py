"""Alerts of unread messages, on all pages."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from chats.inbox.alerts import MAX_NOTIFICATIONS, latest_unread_messages
from chats.inbox.bubbles.previews import preview
from organizations.permissions import Access, for_members
from organizations.url_parameters import read_integer

MAX_BODY_LENGTH = 150
"""Characters of a message in a notification."""


@for_members
@require_safe
def unread(request: HttpRequest, access: Access) -> HttpResponse:
    """The number of unread conversations."""
    return render(request, "chats/_unread.html")


@for_members
@require_safe
def notifications(request: HttpRequest, access: Access) -> HttpResponse:
    """The texts of the browser's notifications, for each `contact` of the URL with unread messages."""
    ids = [read_integer(each) for each in request.GET.getlist("contact")[:MAX_NOTIFICATIONS]]
    messages = latest_unread_messages(access.organization, [each for each in ids if each])
    notices = [
        {
            "contact": message.contact_id,
            "title": message.contact.display_name,
            "body": preview(message).words[:MAX_BODY_LENGTH],
            "url": reverse("conversation", args=[access.organization.pk, message.contact_id]),
        }
        for message in messages
    ]
    return JsonResponse({"notifications": notices})
