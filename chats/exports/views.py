"""The page of exports: the form, the list with progress, and the files."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from chats.exports.downloads import CONTENT, FileUnavailable, export_response
from chats.exports.forms import ExportForm
from chats.exports.links import file_url, is_valid_link
from chats.exports.services import (
    TooManyExports,
    available_parts,
    cancel_export,
    delete_export,
    exports_of,
    record_download,
    retry_export,
    start_export,
)
from chats.models import Export
from contacts.csv.columns import LANGUAGES
from contacts.models import Label
from contacts.selectors import numbers_of
from organizations.permissions import Access, for_admins

MAX_SHOWN = 50


@for_admins
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: HttpRequest, access: Access) -> HttpResponse:
    """The exports and the form for a new one. A post starts it."""
    numbers = numbers_of(access.organization)
    options: dict[str, Any] = {"organization": access.organization, "numbers": numbers}
    if request.method != "POST":
        form = ExportForm(initial=request.GET.dict() | {"token": uuid.uuid4()}, **options)
        return render(request, "chats/exports.html", _list_context(access) | {"form": form})
    form = ExportForm(request.POST, **options)
    if form.is_valid():
        try:
            _start(access, form)
        except TooManyExports:
            form.add_error(
                None, gettext("There are too many exports. Wait until one is ready, or delete one that you do not need.")
            )
        else:
            return redirect("exports", access.organization.pk)
    return render(request, "chats/exports.html", _list_context(access) | {"form": form}, status=422)


def _start(access: Access, form: ExportForm) -> None:
    language = get_language() or ""
    wanted = form.request(
        language=language if language in LANGUAGES else LANGUAGES[0], time_zone=timezone.get_current_timezone_name()
    )
    token = form.cleaned_data["token"]
    start_export(organization=access.organization, request=wanted, by=access.user, now=timezone.now(), form_token=token)


@for_admins
@never_cache
@require_safe
def exports_list(request: HttpRequest, access: Access) -> HttpResponse:
    """The list, which the page fetches while the worker works."""
    return render(request, "chats/_exports_list.html", _list_context(access))


def _list_context(access: Access) -> dict[str, Any]:
    rows, now = list(exports_of(access.organization)[:MAX_SHOWN]), timezone.now()
    names = {each.phone_number_id: each.shown_name for each in numbers_of(access.organization)}
    labels = dict(Label.objects.filter(organization=access.organization).values_list("pk", "name"))
    shown = [
        {
            "export": row,
            "url": file_url(row, access.user) if row.is_available(now) else "",
            "number": names.get(row.phone_number_id, row.phone_number_id),
            "label": labels.get(row.label_id, "") if row.label_id else "",
        }
        for row in rows
    ]
    is_working = any(row.is_working for row in rows)
    return {"rows": shown, "is_working": is_working, "section": "settings", "part": "exports"}


@for_admins
@require_safe
def export_file(request: HttpRequest, access: Access, organization_export_id: int) -> HttpResponseBase:
    """The file, with a valid link only. `gzip=yes`: as a gzip file."""
    export = _export(access, organization_export_id)
    parts = available_parts(export, timezone.now())
    if parts is None or not is_valid_link(request.GET.get("link", ""), export, access.user):
        messages.error(request, gettext("This link has ended. The file is offered here for as long as it exists."))
        return redirect("exports", access.organization.pk)
    try:
        response = export_response(request, export, parts, compressed=request.GET.get("gzip") == "yes")
    except FileUnavailable:
        messages.error(request, gettext("The file cannot be read at the moment. Try again later."))
        return redirect("exports", access.organization.pk)
    if response.status_code in CONTENT:  # or a part, which may be all but the first byte
        record_download(export=export, by=access.user)
    return response


@for_admins
@require_POST
def cancel(request: HttpRequest, access: Access, organization_export_id: int) -> HttpResponse:
    """Cancels an export that is not finished."""
    if cancel_export(export=_export(access, organization_export_id), by=access.user):
        messages.success(request, gettext("The export was cancelled."))
    return redirect("exports", access.organization.pk)


@for_admins
@require_POST
def delete(request: HttpRequest, access: Access, organization_export_id: int) -> HttpResponse:
    """Deletes the file of a finished export."""
    if delete_export(export=_export(access, organization_export_id), by=access.user):
        messages.success(request, gettext("The file was deleted from the hub."))
    return redirect("exports", access.organization.pk)


@for_admins
@require_POST
def again(request: HttpRequest, access: Access, organization_export_id: int) -> HttpResponse:
    """Lets a failed export go on."""
    retry_export(export=_export(access, organization_export_id))
    return redirect("exports", access.organization.pk)


def _export(access: Access, organization_export_id: int) -> Export:
    """Returns the organization's export. Raises Http404 for other organizations' exports too."""
    return get_object_or_404(exports_of(access.organization), pk=organization_export_id)
