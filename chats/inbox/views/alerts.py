"""What tells staff that somebody has written, on whatever page they are."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from organizations.url_parameters import read_integer

from chats.inbox.alerts import MAX_NOTIFICATIONS, latest_unread_messages
from chats.inbox.bubbles import preview
from cloud_api.wa_ids import formatted
from contacts.models import Contact
from organizations.permissions import Access, for_members

LONGEST = 150
"""Letters of a message that a notification shows."""


@for_members
@require_safe
def unread(request: HttpRequest, access: Access) -> HttpResponse:
    """How many conversations have something unread."""
    return render(request, "chats/_unread.html")


@for_members
@require_safe
def notifications(request: HttpRequest, access: Access) -> HttpResponse:
    """What the browser's notifications say, for each `contact` of the address that has something unread."""
    given = [read_integer(each) for each in request.GET.getlist("contact")[:MAX_NOTIFICATIONS]]
    messages = latest_unread_messages(access.organization, [each for each in given if each])
    told = [
        {
            "contact": message.contact_id,
            "title": _name_of(message.contact),
            "body": preview(message).words[:LONGEST],
            "url": reverse("conversation", args=[access.organization.pk, message.contact_id]),
        }
        for message in messages
    ]
    return JsonResponse({"notifications": told})


def _name_of(contact: Contact) -> str:
    """As the pages have it (chats/_who.html)."""
    return contact.alias or contact.name or (formatted(contact.wa_id) if contact.wa_id else str(contact))
