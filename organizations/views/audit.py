"""The audit log of an organization, for administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from organizations.audit.descriptions import describe_entry, target_label
from organizations.audit.forms import AuditFilterForm, RetentionForm
from organizations.audit.retention import set_audit_days
from organizations.audit.selectors import AuditCursor, AuditFilters, list_entries
from organizations.permissions import Access, for_admins, for_creators

FRAME = {"section": "settings", "part": "audit"}


@for_admins
@require_safe
def audit_log(request: HttpRequest, access: Access) -> HttpResponse:
    """The entries that match the filters of the URL, from the latest on, or after the cursor `after`. htmx gets only the rows."""
    form = AuditFilterForm(request.GET, organization=access.organization)
    filters = form.filters if form.is_valid() else AuditFilters()
    after = AuditCursor.read(request.GET.get("after", ""))
    page = list_entries(access.organization, filters, after=after)
    context = {
        "form": form,
        "target": target_label(filters.target_kind, filters.target_id) if filters.target_id else "",
        "is_filtered": filters != AuditFilters(),
        "is_latest": after is None,
        "lines": [describe_entry(entry) for entry in page.entries],
        "next": page.next,
        "retention_form": RetentionForm(initial={"days": access.organization.audit_days}),
    }
    template = "_audit_rows" if "HX-Request" in request.headers else "audit"
    return render(request, f"organizations/{template}.html", FRAME | context)


@for_creators
@require_POST
def retention(request: HttpRequest, access: Access) -> HttpResponse:
    """Sets how long entries are kept."""
    form = RetentionForm(request.POST)
    if form.is_valid():
        set_audit_days(organization=access.organization, days=form.cleaned_data["days"], by=access.user)
        messages.success(request, gettext("Saved."))
    else:
        messages.error(request, gettext("Choose one of the times."))
    return redirect("audit_log", access.organization.pk)
