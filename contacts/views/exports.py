"""Downloads of contacts as CSV files."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_safe

from contacts.csv.columns import LANGUAGES
from contacts.csv.exports import example_file
from contacts.csv.exports import export_contacts as export_rows
from contacts.lists.contact_list import ContactFilters
from contacts.lists.search import FoundContacts, find_contacts
from contacts.views.contact_table import FILTER_PARAMETERS, list_url
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.permissions import Access, for_admins, for_members


def _language() -> str:
    language = get_language()
    return language if language in LANGUAGES else LANGUAGES[0]


def _as_download(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Type"] = "text/csv; charset=utf-8"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


@for_admins
@require_safe
def export_contacts(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Downloads the contacts that match the filters of the URL."""
    filters, now = ContactFilters.read(request.GET), timezone.now()
    found = find_contacts(access.organization.pk, filters.search) if filters.search else FoundContacts([])
    if found is None or found.is_cut:
        messages.error(request, gettext("The search finds too many people to export them. Type more, or clear it to export all."))
        return redirect(list_url(request, access))
    used = [name for name in FILTER_PARAMETERS if request.GET.get(name)]
    record_action(
        AuditAction.EXPORTED,
        organization=access.organization,
        by=access.user,
        target=("contacts", ""),
        changes=dict.fromkeys(used),
    )
    pieces = export_rows(
        organization=access.organization,
        filters=filters,
        now=now,
        language=_language(),
        zone=timezone.get_current_timezone(),
    )
    name = f"contacts-{timezone.localdate(now).isoformat()}.csv"
    return _as_download(StreamingHttpResponse(pieces), name)


@for_members
@require_safe
def import_template(request: HttpRequest, access: Access) -> HttpResponseBase:
    """Downloads a file to fill in."""
    return _as_download(HttpResponse(example_file(_language())), "contacts.csv")
