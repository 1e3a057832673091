"""Contacts as CSV files: all, or those that are listed. How a file comes in: see `contacts.views.imports`."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

from contacts.csv import exports
from contacts.csv.columns import LANGUAGES
from contacts.lists.contact_list import ContactFilters
from contacts.lists.search import FoundContacts, find_contacts
from contacts.views.table import address_of
from organizations.permissions import Access, for_admins, for_members


def _language() -> str:
    language = get_language()
    return language if language in LANGUAGES else LANGUAGES[0]


def _as_file(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Type"] = "text/csv; charset=utf-8"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@for_admins
@require_safe
def export_contacts(request: HttpRequest, access: Access) -> HttpResponseBase:
    """The contacts that the address's filters leave, as a file."""
    filters, now = ContactFilters.read(request.GET), timezone.now()
    found = find_contacts(access.organization.pk, filters.search) if filters.search else FoundContacts([])
    if found is None or found.is_cut:
        messages.error(request, gettext("The search finds too many people to export them. Type more, or clear it to export all."))
        return redirect(address_of(request, access))
    pieces = exports.export_contacts(
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
    return _as_file(HttpResponse(exports.example_file(_language())), "contacts.csv")
