"""The table of contacts: filters, search, and changes of many contacts at a time."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from contacts.lists.contact_list import PAGE_SIZE, ContactFilters, ListCursor, ListTab, list_contacts, read_row_count
from contacts.models import Contact, Label
from contacts.owner_display import OwnerChip, is_answered_by_bot, owner_chip, people_in_charge
from contacts.selectors import labels_by_contact, numbers_of
from contacts.services import InvalidInput, read_profile, set_automatic_messages, set_label, set_who_answers
from organizations.models import PhoneNumber, Profile
from organizations.permissions import Access, for_members
from organizations.text_display import GroupedInt
from organizations.url_parameters import read_integer

MAX_SELECTED = 500
FILTER_PARAMETERS = ("view", "number", "profile", "label", "q")


@for_members
@require_safe
def contacts(request: HttpRequest, access: Access) -> HttpResponse:
    """The whole page."""
    return render(request, "contacts/contacts.html", _list_context(request, access) | {"section": "contacts"})


@for_members
@require_safe
def rows(request: HttpRequest, access: Access) -> HttpResponse:
    """The list alone, or further rows of it, after a cursor."""
    return render(request, "contacts/_rows.html", _list_context(request, access))


def list_url(request: HttpRequest, access: Access) -> str:
    """Returns the URL of the list with the filters of this request."""
    query = request.GET
    filters = {name: query[name] for name in FILTER_PARAMETERS if query.get(name) and query[name] != ListTab.ALL}
    return reverse("contacts", args=[access.organization.pk]) + (f"?{urlencode(filters)}" if filters else "")


def _list_context(request: HttpRequest, access: Access) -> dict[str, Any]:
    filters, after = ContactFilters.read(request.GET), ListCursor.read(request.GET.get("after", ""))
    limit = PAGE_SIZE if after else read_row_count(request.GET)
    page = list_contacts(access.organization.pk, filters, timezone.now(), after=after, limit=limit)
    labels = list(Label.objects.filter(organization=access.organization))
    labels_of = labels_by_contact(page.contacts, labels)
    numbers = numbers_of(access.organization)
    numbers_by_id = {each.phone_number_id: each for each in numbers}
    in_charge = people_in_charge(page.contacts)
    rows = []
    for each in page.contacts:
        number = numbers_by_id.get(each.create_for_phone_number_id)  # None: the number has just moved
        chip = _chip(each, number, in_charge.get(each.pk, "")) if number else None
        shown_number = number if len(numbers) > 1 else None
        rows.append({"contact": each, "number": shown_number, "labels": labels_of[each.pk], "chip": chip})
    return {
        "rows": rows,
        "is_further_page": after is not None and "HX-Request" in request.headers,
        "next": page.next,
        "back_to": page.back_to,
        "too_many": page.too_many,
        "filters": filters,
        "views": [(each.value, each.label) for each in ListTab if each is not ListTab.FOR_PERSON or each is filters.view],
        "profiles": Profile,
        "numbers": numbers,
        "answers": any(each.answers_since for each in numbers),
        "labels": labels,
    }


def _chip(contact: Contact, number: PhoneNumber, person: str) -> OwnerChip | None:
    """Returns who is in charge, unless the control beside it says the same."""
    is_as_chosen = contact.owner == contact.profile and is_answered_by_bot(contact, number)
    return None if is_as_chosen else owner_chip(contact, number, person)


@for_members
@require_POST
def bulk(request: HttpRequest, access: Access) -> HttpResponse:
    """Changes the selected contacts. `do` is who answers as “profile:bot”, automatic messages as “automatic:on” or “automatic:off”,
    or a label as “label:7” or “unlabel:7”."""
    ids = {pk for text in request.POST.getlist("contact") if (pk := read_integer(text)) is not None}
    try:
        count = _change_many(access, ids, request.POST.get("do", ""))
        text = ngettext("%(count)s contact changed.", "%(count)s contacts changed.", count) % {"count": GroupedInt(count)}
        messages.success(request, text)
    except InvalidInput as refusal:
        messages.error(request, str(refusal))
    back, contacts_url = request.POST.get("back", ""), reverse("contacts", args=[access.organization.pk])
    is_own_url = url_has_allowed_host_and_scheme(back, None) and back.startswith(contacts_url)
    return redirect(back if is_own_url else contacts_url)


def _change_many(access: Access, ids: Collection[int], action: str) -> int:
    """Returns the number of contacts. Raises InvalidInput."""
    if not ids:
        raise InvalidInput(gettext("Choose contacts first."))
    if len(ids) > MAX_SELECTED:
        raise InvalidInput(gettext("Choose at most 500 contacts at a time."))
    if not action:
        raise InvalidInput(gettext("Choose what to do."))
    name, _, value = action.partition(":")
    change: Any = {"organization": access.organization, "contact_ids": ids, "by": access.user, "now": timezone.now()}
    if name == "automatic" and value in ("on", "off"):
        return set_automatic_messages(**change, on=value == "on")
    if name not in ("label", "unlabel"):
        return set_who_answers(**change, profile=read_profile(name, value))
    label = Label.objects.filter(organization=access.organization, pk=read_integer(value) or 0).first()
    if label is None:
        raise InvalidInput(gettext("There is no such label any more. Reload the page."))
    return set_label(**change, label=label, give=name == "label")
