"""The inbox: the list of conversations, and next to it the open one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from chats.conversations.timeline import ThreadPosition
from chats.inbox.bubbles.previews import author_label, preview
from chats.inbox.fragments import fingerprint
from chats.inbox.selectors import last_messages
from chats.inbox.views.conversation import conversation_context
from chats.text_search.results import TextHits, find_texts
from chats.text_search.words import SearchQuery
from contacts.lists.contact_list import (
    PAGE_SIZE,
    ContactFilters,
    ListCursor,
    ListTab,
    count_lists,
    count_owners,
    list_contacts,
    read_row_count,
    waiting_for_person,
)
from contacts.models import Contact, Label
from contacts.owner_display import OwnerChip, owner_chip, people_in_charge
from contacts.owners import Owner
from contacts.selectors import get_contact_or_404, labels_by_contact, numbers_of
from organizations.models import PhoneNumber, Profile
from organizations.permissions import Access, for_members
from organizations.views.home import remember_organization


@for_members
def inbox(request: HttpRequest, access: Access, contact_id: int | None = None) -> HttpResponse:
    """The whole page."""
    remember_organization(request, access.organization)
    context: dict[str, Any] = {"section": "inbox", "profiles": Profile, "lists_conversations": True}
    if contact_id:
        context |= conversation_context(request, get_contact_or_404(access.organization, contact_id))
    return render(request, "chats/inbox.html", context | _list_context(request, access))


@for_members
def rows(request: HttpRequest, access: Access) -> HttpResponse:
    """The list alone: its first `shown` rows, or the page after the cursor `after`."""
    return render(request, "chats/_rows.html", _list_context(request, access) | {"is_part": True})


def _list_context(request: HttpRequest, access: Access) -> dict[str, Any]:
    filters, after = ContactFilters.read(request.GET), ListCursor.read(request.GET.get("after", ""))
    now = timezone.now()
    limit = PAGE_SIZE if after else read_row_count(request.GET)
    page = list_contacts(access.organization.pk, filters, now, after=after, limit=limit, conversations=True)
    last = last_messages(page.contacts)
    labels = list(Label.objects.filter(organization=access.organization))
    labels_of = labels_by_contact(page.contacts, labels) if labels else {}
    numbers = numbers_of(access.organization)
    names = {number.phone_number_id: number for number in numbers}
    in_charge = people_in_charge(page.contacts)
    rows = [
        {
            "contact": contact,
            "last": last.get(contact.pk),
            "preview": preview(last[contact.pk]) if contact.pk in last else None,
            "writer": author_label(last[contact.pk], access.user) if contact.pk in last else "",
            "number": names.get(contact.create_for_phone_number_id) if len(numbers) > 1 else None,
            "labels": labels_of.get(contact.pk, ()),
            "chip": _chip(contact, names, in_charge),
        }
        for contact in page.contacts
    ]
    context: dict[str, Any] = {
        "rows": [row | {"fingerprint": _fingerprint(row, now)} for row in rows],
        "filters": filters,
        "labels": labels,
        "numbers": numbers,
        "next": page.next,
        "back_to": page.back_to,
        "too_many": page.too_many,
        "is_further_page": after is not None,
        "now": now,
    }
    if after is None:
        context |= _counts_context(access, filters, now)
    if filters.search and after is None and not _is_refresh(request):
        context["texts"] = _texts_context(request, filters, numbers)
    return context


def _is_refresh(request: HttpRequest) -> bool:
    """Returns whether an open page refreshes its list of contacts. It keeps the messages that were found."""
    return request.headers.get("HX-Target") == "list-live"


def _fingerprint(row: Mapping[str, Any], now: datetime) -> str:
    """Returns a text that changes with everything that the template shows of the row, and each minute, because it shows minutes."""
    number, shown = row["number"], (row["preview"], row["writer"], row["chip"])
    names = (number.shown_name, number.wa_id) if number else ()
    return fingerprint(now.replace(second=0, microsecond=0), row["contact"], row["last"], *row["labels"], *names, *shown)


def _chip(contact: Contact, numbers: Mapping[str, PhoneNumber], in_charge: Mapping[int, str]) -> OwnerChip | None:
    number = numbers.get(contact.create_for_phone_number_id)  # None: the number has just moved
    return owner_chip(contact, number, in_charge.get(contact.pk, "")) if number else None


def _counts_context(access: Access, filters: ContactFilters, now: datetime) -> dict[str, Any]:
    """Returns the lists and owners to choose from, with the counts of those that have one. Owners only if a bot, an AI or a
    customer who waits for a person is among them."""
    organization = access.organization.pk
    counts, owners = count_lists(organization, filters, now), count_owners(organization, filters, now)
    waiting = counts[ListTab.FOR_PERSON]
    shown = [(owner, count) for owner, count in owners.items() if count.count or filters.owner == owner]
    return {
        "tabs": [(view, counts.get(view)) for view in ListTab if view is not ListTab.FOR_PERSON],
        "for_person": {"tally": waiting, "since": waiting_for_person(organization, now)[1] if waiting.count else None},
        "owners": shown if any(owner is not Owner.PERSON for owner, _ in shown) else (),
    }


@for_members
def texts(request: HttpRequest, access: Access) -> HttpResponse:
    """Messages that match the search, further back in time."""
    texts_context = _texts_context(request, ContactFilters.read(request.GET), numbers_of(access.organization))
    return render(request, "chats/_texts.html", {"texts": texts_context, "access": access, "people": True})


def _texts_context(request: HttpRequest, filters: ContactFilters, numbers: Sequence[PhoneNumber]) -> dict[str, Any]:
    before, query = ThreadPosition.read(request.GET.get("before", "")), SearchQuery.read(filters.search)
    searched = [each for each in numbers if filters.number in ("", each.phone_number_id)] if query.is_enough else []
    found = find_texts(searched, query, before=before) if searched else TextHits([], None)
    return {
        "hits": [(hit, preview(hit)) for hit in found.messages],
        "back_to": found.back_to,
        "wanted": query,
        "is_searched": bool(searched),
        "is_further": before is not None,
    }
