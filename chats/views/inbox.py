"""The inbox: the list of conversations, and beside it the one that is open."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from chats.presenting import preview
from chats.selectors import Place, find_texts, last_messages
from chats.views.conversation import of_conversation
from contacts.listing import PAGE, Cursor, Filters, View, list_contacts
from contacts.models import Contact
from contacts.selectors import numbers_of
from organizations.models import Profile
from organizations.permissions import Access, for_members
from organizations.views.home import remember

MOST_ROWS = 400
"""Rows of one list that are kept up to date."""


@for_members
def inbox(request: HttpRequest, access: Access, contact_id: int | None = None) -> HttpResponse:
    """The whole page."""
    remember(request, access.organization)
    context: dict[str, Any] = {"section": "inbox", "views": View, "profiles": Profile}
    if contact_id:
        contact = get_object_or_404(Contact.objects.filter(organization=access.organization), pk=contact_id)
        context |= of_conversation(request, contact)
    return render(request, "chats/inbox.html", context | _listed(request, access))


@for_members
def rows(request: HttpRequest, access: Access) -> HttpResponse:
    """The list alone: from its beginning, as many rows as are `shown`, or the page after the cursor `after`."""
    return render(request, "chats/_rows.html", _listed(request, access) | {"is_part": True})


def _listed(request: HttpRequest, access: Access) -> dict[str, Any]:
    filters, after = Filters.read(request.GET), Cursor.read(request.GET.get("after", ""))
    now = timezone.now()
    limit = PAGE if after else _shown(request)
    listed = list_contacts(access.organization.pk, filters, now, after=after, limit=limit, conversations=True)
    last = last_messages(listed.contacts)
    numbers = numbers_of(access.organization)
    names = {number.phone_number_id: number for number in numbers}
    return {
        "rows": [
            {
                "contact": contact,
                "last": last.get(contact.pk),
                "preview": preview(last[contact.pk]) if contact.pk in last else None,
                "number": names.get(contact.create_for_phone_number_id) if len(numbers) > 1 else None,
            }
            for contact in listed.contacts
        ],
        "filters": filters,
        "numbers": numbers,
        "next": listed.next,
        "too_many": listed.too_many,
        "is_further_page": after is not None,
        "now": now,
    }


def _shown(request: HttpRequest) -> int:
    """As many rows as the page has, which grows with what was loaded after them."""
    shown = request.GET.get("shown", "")
    return min(max(int(shown), PAGE), MOST_ROWS) if shown.isascii() and shown.isdigit() and len(shown) < 6 else PAGE


@for_members
def texts(request: HttpRequest, access: Access) -> HttpResponse:
    """Messages that say what is searched for, one step back in time."""
    filters, before = Filters.read(request.GET), Place.read(request.GET.get("before", ""))
    numbers = [each for each in numbers_of(access.organization) if filters.number in ("", each.phone_number_id)]
    hits = find_texts(numbers, filters.search, before=before) if len(filters.search) > 1 and numbers else None
    found = [(hit, preview(hit)) for hit in hits.messages] if hits else []
    context = {
        "hits": found,
        "back_to": hits and hits.back_to,
        "filters": filters,
        "access": access,
        "is_further": before is not None,
    }
    return render(request, "chats/_texts.html", context)
