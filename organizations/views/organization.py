"""Creates, changes and deactivates an organization."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from organizations.members.forms import DeactivateForm, OrganizationForm
from organizations.members.organizations import NameTaken, change_organization, create_organization, deactivate_organization
from organizations.permissions import Access, for_creators, may_create_organization
from organizations.views.home import remember_organization


def _name_taken_text() -> str:
    return gettext("Another organization has this name. Choose another one.")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_organization(request: HttpRequest) -> HttpResponse:
    """Creates an organization whose creator is the user, and continues with connecting a number."""
    if not may_create_organization(request.user):  # type: ignore[arg-type]  # signed in
        raise PermissionDenied
    form = OrganizationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = create_organization(**form.cleaned_data, by=request.user)  # type: ignore[arg-type]
            remember_organization(request, created)
            return redirect("new_number", created.pk)
        except NameTaken:
            form.add_error("name", _name_taken_text())
    return render(request, "organizations/new_organization.html", {"form": form}, status=_status(request))


@for_creators
@require_http_methods(["GET", "HEAD", "POST"])
def organization(request: HttpRequest, access: Access) -> HttpResponse:
    """The organization's name, country and time zone, and the form that deactivates it."""
    form = OrganizationForm(request.POST or None, organization=access.organization)
    if request.method == "POST" and form.is_valid():
        try:
            change_organization(**form.cleaned_data, by=access)
            messages.success(request, gettext("Saved."))
            return redirect("organization", access.organization.pk)
        except NameTaken:
            form.add_error("name", _name_taken_text())
    return _page(request, form, _deactivate_form(access))


@for_creators
@require_POST
def deactivate(request: HttpRequest, access: Access) -> HttpResponse:
    form = _deactivate_form(access, request)
    if not form.is_valid():
        return _page(request, OrganizationForm(organization=access.organization), form)
    deactivate_organization(by=access)
    messages.success(request, gettext("%(name)s is switched off.") % {"name": access.organization})
    return redirect("home")


def _deactivate_form(access: Access, request: HttpRequest | None = None) -> DeactivateForm:
    return DeactivateForm(request and request.POST, name=access.organization.organization_name, auto_id="deactivate_%s")


def _page(request: HttpRequest, form: OrganizationForm, deactivate_form: DeactivateForm) -> HttpResponse:
    context = {"form": form, "deactivate_form": deactivate_form, "section": "settings", "part": "organization"}
    return render(request, "organizations/organization.html", context, status=_status(request))


def _status(request: HttpRequest) -> int:
    """Returns the status of a page with a form. A posted form is shown again only with errors."""
    return 422 if request.method == "POST" else 200
