"""The steps of a contact import: file, columns, preview, import."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts.csv import import_queue
from contacts.csv.encodings import ENCODINGS, example_words
from contacts.csv.forms import ColumnsForm, ImportForm
from contacts.csv.import_queue import Step, content_of, layout_of
from contacts.csv.tables import MAX_BYTES, FileRefused, Layout, guess_layout, sample_cells
from contacts.models import ContactImport
from contacts.selectors import numbers_of
from jobs.models import State
from organizations.permissions import Access, for_members
from organizations.storage import StorageFull

SAMPLES = 3
SECTION = {"section": "contacts"}


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def import_contacts(request: HttpRequest, access: Access) -> HttpResponse:
    """The form for a file, and why a file cannot be imported."""
    numbers = numbers_of(access.organization)
    is_post = request.method == "POST"
    form = ImportForm(request.POST, request.FILES, numbers=numbers) if is_post else ImportForm(numbers=numbers)
    unfinished = import_queue.unfinished_import(access.organization, access.user)
    context: dict[str, Any] = {"form": form, "numbers": numbers, "unfinished": unfinished, **SECTION}
    if not is_post or not numbers:
        return render(request, "contacts/import.html", context)
    if form.is_valid():
        try:
            created = _create(access, form)
        except FileRefused as refusal:
            context["faults"] = refusal.problems
        except StorageFull:
            form.add_error("file", gettext("The organization's storage is full. Only the operator of the hub can give it more."))
        else:
            return redirect("contact_import_columns", access.organization.pk, created.pk)
    return render(request, "contacts/import.html", context, status=422)


def _create(access: Access, form: ImportForm) -> ContactImport:
    upload = form.cleaned_data["file"]
    return import_queue.create_import(
        organization=access.organization,
        number=form.cleaned_data["number"],
        content=upload.read(MAX_BYTES + 1),  # one byte more, so that a larger file is refused
        file_name=upload.name or "",
        by=access.user,
        now=timezone.now(),
    )


def _import(access: Access, import_id: int) -> ContactImport:
    """Returns the organization's import. Raises Http404 for other organizations' imports too."""
    return get_object_or_404(ContactImport.objects.filter(organization=access.organization), pk=import_id)


@for_members
@require_safe
def contact_import(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """The preview, the progress or the result of the import."""
    shown = _import(access, import_id)
    if shown.step == Step.COLUMNS:
        return redirect("contact_import_columns", access.organization.pk, shown.pk)
    return render(request, "contacts/import_progress.html", _progress(shown))


@for_members
@require_safe
def progress(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """The part of the page that is fetched every second while the worker works."""
    imports = ContactImport.objects.filter(organization=access.organization).defer("content")
    return render(request, "contacts/_import_progress.html", _progress(get_object_or_404(imports, pk=import_id)))


def _progress(shown: ContactImport) -> dict[str, Any]:
    counts = dict.fromkeys(("added", "updated", "unchanged", "wrong", "mistakes"), 0) | shown.counts
    good = sum(counts[name] for name in ("added", "updated", "unchanged"))
    return {
        "import": shown,
        "counts": counts | {"known": counts["updated"] + counts["unchanged"], "good": good},
        "is_working": shown.state == State.DUE,
        "has_failed": shown.state == State.DEAD,
        "file_is_wrong": any(line == 0 for line, *_rest in shown.faults),
        "has_labels": any(row.get("labels") for row in shown.shown),
        **SECTION,
    }


@for_members
@require_http_methods(["GET", "HEAD", "POST"])
def columns(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """The form for the columns of the file, with a few cells of each."""
    chosen = _import(access, import_id)
    if chosen.state != State.WAITING:
        return redirect("contact_import", access.organization.pk, chosen.pk)
    content = content_of(chosen)
    if request.method != "POST":
        return _columns_page(request, chosen, content, _requested_layout(request, access, chosen, content))
    form = ColumnsForm(request.POST, layout=layout_of(chosen))
    if not form.is_valid():
        return _columns_page(request, chosen, content, layout_of(chosen), gettext("Choose what each column is."))
    try:
        sample_cells(content, form.layout, SAMPLES)
        import_queue.choose_columns(
            contact_import=chosen, layout=form.layout, language=get_language() or "", may_label=access.is_admin
        )
    except FileRefused as refusal:
        readable = form.layout if refusal.problems.first[0].line else layout_of(chosen)
        return _columns_page(request, chosen, content, readable, refusal.problems.first[0].words)
    return redirect("contact_import", access.organization.pk, chosen.pk)


def _requested_layout(request: HttpRequest, access: Access, chosen: ContactImport, content: bytes) -> Layout:
    """Returns the stored layout, or a new guess if the URL contains another encoding or another meaning of the first line."""
    encoding, header = request.GET.get("encoding", ""), request.GET.get("header", "")
    if not encoding and not header:
        return layout_of(chosen)
    try:
        return guess_layout(
            content,
            country=access.organization.country,
            encoding=encoding if encoding in ENCODINGS else chosen.encoding,
            has_header=header != "no",
        )
    except FileRefused:  # the content is no text in this encoding
        return layout_of(chosen)


def _columns_page(request: HttpRequest, chosen: ContactImport, content: bytes, layout: Layout, problem: str = "") -> HttpResponse:
    form = ColumnsForm(layout=layout)
    shown = [
        {"field": form[f"column_{index}"], "header": header, "cells": cells, "key": layout.columns[index]}
        for index, (header, cells) in enumerate(sample_cells(content, layout, SAMPLES))
    ]
    context = {
        "import": chosen,
        "layout": layout,
        "columns": [each for each in shown if each["key"]],
        "others": [each for each in shown if not each["key"]],
        "encodings": [(name, ENCODINGS[name], words) for name, words in example_words(content).items()],
        "problem": problem,
        **SECTION,
    }
    return render(request, "contacts/import_columns.html", context, status=422 if problem else 200)


@for_members
@require_POST
def begin(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """Starts the import of a checked file, with `leave_out` without the lines that have problems."""
    chosen = _import(access, import_id)
    import_queue.start_storing(
        contact_import=chosen,
        by=access.user,
        language=get_language() or "",
        may_label=access.is_admin,
        skips_wrong=request.POST.get("leave_out") == "yes",
    )
    return redirect("contact_import", access.organization.pk, chosen.pk)


@for_members
@require_POST
def again(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """Retries an import that a worker gave up."""
    chosen = _import(access, import_id)
    import_queue.retry_import(contact_import=chosen)
    return redirect("contact_import", access.organization.pk, chosen.pk)


@for_members
@require_POST
def cancel(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """Cancels the import, and deletes its file."""
    import_queue.cancel_import(contact_import=_import(access, import_id))
    messages.success(request, gettext("The file was deleted from the hub."))
    return redirect("contacts_import", access.organization.pk)
