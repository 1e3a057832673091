"""The inbox: the list of conversations, and beside it the one that is open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from chats.conversations.timeline import Place
from chats.inbox.bubbles import preview, writer_of
from chats.inbox.selectors import last_messages
from chats.inbox.views.conversation import of_conversation
from chats.text_search.results import Hits, find_texts
from chats.text_search.words import Wanted
from contacts.lists.contact_list import PAGE, Cursor, Filters, Tally, View, list_contacts, rows_shown, tallies
from contacts.models import Contact, Label
from contacts.selectors import labels_given, numbers_of
from organizations.models import PhoneNumber, Profile
from organizations.permissions import Access, for_members
from organizations.views.home import remember


@for_members
def inbox(request: HttpRequest, access: Access, contact_id: int | None = None) -> HttpResponse:
    """The whole page."""
    remember(request, access.organization)
    context: dict[str, Any] = {"section": "inbox", "profiles": Profile, "lists_conversations": True}
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
    limit = PAGE if after else rows_shown(request.GET)
    listed = list_contacts(access.organization.pk, filters, now, after=after, limit=limit, conversations=True)
    last = last_messages(listed.contacts)
    labels = list(Label.objects.filter(organization=access.organization))
    given = labels_given(listed.contacts, labels) if labels else {}
    numbers = numbers_of(access.organization)
    names = {number.phone_number_id: number for number in numbers}
    context: dict[str, Any] = {
        "rows": [
            {
                "contact": contact,
                "last": last.get(contact.pk),
                "preview": preview(last[contact.pk]) if contact.pk in last else None,
                "writer": writer_of(last[contact.pk], access.user) if contact.pk in last else "",
                "number": names.get(contact.create_for_phone_number_id) if len(numbers) > 1 else None,
                "labels": given.get(contact.pk, ()),
            }
            for contact in listed.contacts
        ],
        "filters": filters,
        "tabs": _tabs(access, filters, now) if after is None else (),
        "labels": labels,
        "numbers": numbers,
        "next": listed.next,
        "back_to": listed.back_to,
        "too_many": listed.too_many,
        "is_further_page": after is not None,
        "now": now,
    }
    if filters.search and after is None and not _is_refresh(request):
        context["texts"] = _found_texts(request, filters, numbers)
    return context


def _is_refresh(request: HttpRequest) -> bool:
    """Whether the page brings its list of people up to date, and leaves the messages that were found as they are."""
    return request.headers.get("HX-Target") == "list-live"


def _tabs(access: Access, filters: Filters, now: datetime) -> list[tuple[View, Tally | None]]:
    """The lists to choose from, and how many conversations those have that ask for something."""
    counts = tallies(access.organization.pk, filters, now)
    return [(view, counts.get(view)) for view in View]


@for_members
def texts(request: HttpRequest, access: Access) -> HttpResponse:
    """Messages that say what is searched for, one step back in time."""
    found = _found_texts(request, Filters.read(request.GET), numbers_of(access.organization))
    return render(request, "chats/_texts.html", {"texts": found, "access": access, "people": True})


def _found_texts(request: HttpRequest, filters: Filters, numbers: Sequence[PhoneNumber]) -> dict[str, Any]:
    before, wanted = Place.read(request.GET.get("before", "")), Wanted.read(filters.search)
    searched = [each for each in numbers if filters.number in ("", each.phone_number_id)] if wanted.is_enough else []
    found = find_texts(searched, wanted, before=before) if searched else Hits([], None)
    return {
        "hits": [(hit, preview(hit)) for hit in found.messages],
        "back_to": found.back_to,
        "wanted": wanted,
        "is_searched": bool(searched),
        "is_further": before is not None,
    }
