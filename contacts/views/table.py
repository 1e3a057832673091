"""The table of contacts: filtered, searched, and changed many at a time."""

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

from contacts.listing import PAGE, Cursor, Filters, View, list_contacts, rows_shown
from contacts.models import Label
from contacts.selectors import labels_given, numbers_of
from contacts.services import Unfit, label_many, read_switch, set_who_answers
from organizations.addresses import read_number
from organizations.models import Profile
from organizations.permissions import Access, for_members
from organizations.showing import Grouped

MOST_SELECTED = 500
KEPT = ("view", "number", "profile", "label", "q")
"""What of an address says which contacts are listed."""


@for_members
@require_safe
def contacts(request: HttpRequest, access: Access) -> HttpResponse:
    """The whole page."""
    return render(request, "contacts/contacts.html", _listed(request, access) | {"section": "contacts"})


@for_members
@require_safe
def rows(request: HttpRequest, access: Access) -> HttpResponse:
    """The list alone, or after a cursor further rows of it."""
    return render(request, "contacts/_rows.html", _listed(request, access))


def address_of(request: HttpRequest, access: Access) -> str:
    """The page that lists what this request asks for."""
    kept = {name: request.GET[name] for name in KEPT if request.GET.get(name) and request.GET[name] != View.ALL}
    return reverse("contacts", args=[access.organization.pk]) + (f"?{urlencode(kept)}" if kept else "")


def _listed(request: HttpRequest, access: Access) -> dict[str, Any]:
    filters, after = Filters.read(request.GET), Cursor.read(request.GET.get("after", ""))
    limit = PAGE if after else rows_shown(request.GET)
    listed = list_contacts(access.organization.pk, filters, timezone.now(), after=after, limit=limit)
    labels = list(Label.objects.filter(organization=access.organization))
    given = labels_given(listed.contacts, labels)
    numbers = numbers_of(access.organization)
    shown = {each.phone_number_id: each for each in numbers} if len(numbers) > 1 else {}
    return {
        "rows": [
            {"contact": each, "number": shown.get(each.create_for_phone_number_id), "labels": given[each.pk]}
            for each in listed.contacts
        ],
        "is_further_page": after is not None and "HX-Request" in request.headers,
        "next": listed.next,
        "back_to": listed.back_to,
        "too_many": listed.too_many,
        "filters": filters,
        "views": View,
        "profiles": Profile,
        "numbers": numbers,
        "labels": labels,
    }


@for_members
@require_POST
def bulk(request: HttpRequest, access: Access) -> HttpResponse:
    """What to `do` to all of the chosen `contact`s: who answers as “profile:bot”, or a label as “label:7” or “unlabel:7”."""
    ids = {pk for word in request.POST.getlist("contact") if (pk := read_number(word)) is not None}
    try:
        count = _change_many(access, _some(ids), request.POST.get("do", ""))
        said = ngettext("%(count)s contact changed.", "%(count)s contacts changed.", count) % {"count": Grouped(count)}
        messages.success(request, said)
    except Unfit as refusal:
        messages.error(request, str(refusal))
    back = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(back, None) and back.startswith(reverse("contacts", args=[access.organization.pk]))
    return redirect(back if is_ours else reverse("contacts", args=[access.organization.pk]))


def _some(ids: Collection[int]) -> Collection[int]:
    if not ids:
        raise Unfit(gettext("Choose contacts first."))
    if len(ids) > MOST_SELECTED:
        raise Unfit(gettext("Choose at most 500 contacts at a time."))
    return ids


def _change_many(access: Access, ids: Collection[int], what: str) -> int:
    """Raises Unfit."""
    name, _, value = what.partition(":")
    if not what:
        raise Unfit(gettext("Choose what to do."))
    change: Any = {"organization": access.organization, "contact_ids": ids, "by": access.user, "now": timezone.now()}
    if name not in ("label", "unlabel"):
        return set_who_answers(**change, profile=read_switch(name, value))
    label = Label.objects.filter(organization=access.organization, pk=read_number(value) or 0).first()
    if label is None:
        raise Unfit(gettext("There is no such label any more. Reload the page."))
    return label_many(**change, label=label, give=name == "label")
