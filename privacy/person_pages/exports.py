"""Views of exports of one person: requesting one, its progress, and the file."""

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chats.exports.downloads import CONTENT, FileUnavailable, joined_response
from contacts.models import Contact
from contacts.selectors import get_contact_or_404
from jobs.models import State
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.permissions import Access, for_admins
from privacy.models import PersonExport
from privacy.person_export.export_queue import BeingErased, available_parts, exports_of, request_export


@for_admins
@require_http_methods(["GET", "HEAD", "POST"])
def export_person(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """What an export contains, and those whose links still work. POST requests one."""
    contact = get_contact_or_404(access.organization, contact_id)
    if request.method == "POST":
        language = get_language() or "en"
        try:
            request_export(organization=access.organization, contact=contact, by=access.user, language=language, now=timezone.now())
        except BeingErased:
            raise Http404 from None
        return redirect("export_person", access.organization.pk, contact.pk)
    return render(request, "privacy/export_person.html", {**_context(access, contact), "section": "inbox"})


@for_admins
@require_safe
def export_progress(request: HttpRequest, access: Access, contact_id: int) -> HttpResponse:
    """The part of the page that changes while the worker writes the file."""
    contact = get_contact_or_404(access.organization, contact_id)
    return render(request, "privacy/_exports.html", _context(access, contact))


def _context(access: Access, contact: Contact) -> dict[str, object]:
    exports = list(exports_of(access.organization, contact.pk))
    return {
        "contact": contact,
        "exports": exports,
        "is_working": any(each.state not in (State.DONE, State.DEAD) for each in exports),
    }


def _export(access: Access, export_id: int) -> PersonExport:
    own = PersonExport.objects.filter(organization=access.organization)
    return get_object_or_404(own, pk=export_id)


@for_admins
@require_safe
def export_file(request: HttpRequest, access: Access, export_id: int) -> HttpResponseBase:
    """Downloads the file, whole or as a byte range, in pieces from the storage. 404 after the link has ended."""
    export = _export(access, export_id)
    parts = available_parts(export, timezone.now())
    if parts is None:
        raise Http404
    name = f"person-{export.contact_id}-{timezone.localdate(export.create_in).isoformat()}.zip"
    try:
        response = joined_response(request, parts, name=name, compressed=True)
    except FileUnavailable:
        raise Http404 from None
    response["Content-Type"] = "application/zip"
    if response.status_code not in CONTENT:
        return response
    record_action(
        AuditAction.EXPORTED,
        organization=access.organization,
        by=access.user,
        target=("contact", export.contact_id),
        changes={"downloaded": None},
    )
    return response


@for_admins
@require_POST
def retry_export(request: HttpRequest, access: Access, export_id: int) -> HttpResponse:
    """Makes an export due that the worker has given up."""
    export = _export(access, export_id)
    PersonExport.objects.filter(pk=export.pk, state=State.DEAD, expires_at__gt=timezone.now()).make_due()
    return redirect("export_person", access.organization.pk, export.contact_id)
