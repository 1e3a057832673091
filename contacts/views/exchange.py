"""Contacts as CSV files: out, all or those that are listed; in, all of a file or nothing."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_safe

from contacts import exporting, importing
from contacts.columns import LANGUAGES
from contacts.forms import ImportForm
from contacts.listing import Filters
from contacts.searching import MOST_FOUND, find_contacts
from contacts.selectors import numbers_of
from contacts.sheets import MOST_BYTES, Refused
from contacts.views.table import address_of
from organizations.permissions import Access, for_members


def _language() -> str:
    language = get_language()
    return language if language in LANGUAGES else LANGUAGES[0]


def _as_file(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Type"] = "text/csv; charset=utf-8"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@for_members
@require_safe
def export_contacts(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The contacts that the address's filters leave, as a file."""
    filters, now = Filters.read(request.GET), timezone.now()
    if filters.search and len(find_contacts(access.organization.pk, filters.search)) >= MOST_FOUND:
        messages.error(request, gettext("The search finds too many people to export them. Type more, or clear it to export all."))
        return redirect(address_of(request, access))
    pieces = exporting.export_contacts(
        organization=access.organization,
        filters=filters,
        now=now,
        language=_language(),
        zone=timezone.get_current_timezone(),
    )
    name = f"contacts-{timezone.localdate(now).isoformat()}.csv"
    return _as_file(StreamingHttpResponse(pieces), name)


@for_members
@require_safe
def import_template(request: HttpRequest, access: Access) -> HttpResponseBase:
    """A file to fill in."""
    return _as_file(HttpResponse(exporting.template(_language())), "contacts.csv")


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def import_contacts(request: HttpRequest, access: Access) -> HttpResponse:
    """The form; what is wrong with a file; and afterwards, with the counts in the address, what came of it."""
    numbers = numbers_of(access.organization)
    form = ImportForm(request.POST, request.FILES, numbers=numbers) if request.method == "POST" else ImportForm(numbers=numbers)
    context: dict[str, Any] = {"form": form, "numbers": numbers, "section": "contacts", "done": _done(request)}
    if request.method != "POST" or not numbers:
        return render(request, "contacts/import.html", context)
    if form.is_valid():
        try:
            return _imported(access, form)
        except Refused as refusal:
            context["faults"] = refusal.faults
    return render(request, "contacts/import.html", context, status=422)


def _imported(access: Access, form: ImportForm) -> HttpResponse:
    upload = form.cleaned_data["file"]
    done = importing.import_contacts(
        organization=access.organization,
        number=form.cleaned_data["number"],
        content=upload.read(MOST_BYTES + 1),  # one more, by which it is seen to be too large
        may_label=access.manages,
        now=timezone.now(),
    )
    counts: dict[str, Any] = {
        "added": done.added,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "ignored": done.ignored[:10],
    }
    return redirect(f"{reverse('contacts_import', args=[access.organization.pk])}?{urlencode(counts, doseq=True)}")


def _done(request: HttpRequest) -> dict[str, Any] | None:
    counts = {name: request.GET.get(name, "") for name in ("added", "updated", "unchanged")}
    if not all(count.isascii() and count.isdigit() and len(count) < 9 for count in counts.values()):
        return None
    return {name: int(count) for name, count in counts.items()} | {"ignored": request.GET.getlist("ignored")[:10]}
