"""The start page: redirects to the inbox of an organization, or offers a way to one."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from organizations.members import memberships
from organizations.members.organizations import organizations_without_members
from organizations.models import Organization, User
from organizations.permissions import LAST_ORGANIZATION, Access, active_memberships, for_members, get_access

P = ParamSpec("P")

MAX_VACANT = 20
"""Organizations without members that a superuser sees."""


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Redirects to the inbox of the last or first organization of the user, or shows how to get access to one."""
    if last := _last_organization(request):
        return redirect("inbox", last)
    if not Organization.objects.exists():
        return redirect("new_organization")
    return render(request, "organizations/no_organization.html", {"vacant": _vacant(request)})


def _last_organization(request: HttpRequest) -> int | None:
    """Returns the id of the organization that the user opened last, or of the first one to which the user has access."""
    own = [each.organization_id for each in active_memberships(request.user)]  # type: ignore[arg-type]  # signed in
    last = request.session.get(LAST_ORGANIZATION)
    return last if last in own else next(iter(own), None)


def in_frame(view_function: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Decorator for the view of a personal page: shows it in the frame of the organization that the user opened last, if there is
    one."""

    @functools.wraps(view_function)
    def view(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request: Any = args[0]
        if isinstance(request.user, User) and (last := _last_organization(request)):
            request.access = get_access(request.user, last)
        return view_function(*args, **kwargs)

    return view


def clears_browser(view_function: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Decorator for the view that signs out: the browser deletes what it keeps of the pages, their files and their scripts."""

    @functools.wraps(view_function)
    def view(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request: Any = args[0]
        response = view_function(*args, **kwargs)
        if request.method == "POST":
            response["Clear-Site-Data"] = '"cache", "storage"'
        return response

    return view


def _vacant(request: HttpRequest) -> list[Organization]:
    """Returns the organizations that a superuser may take over."""
    is_superuser = request.user.is_superuser
    return organizations_without_members(limit=MAX_VACANT) if is_superuser else []


@login_required
@require_POST
def take_over(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Makes a superuser the creator of an organization without members, such as one that the operator created by command."""
    if not request.user.is_superuser:
        raise Http404
    organization = get_object_or_404(Organization, pk=organization_id)
    memberships.join_as_creator(organization=organization, by=request.user)
    remember_organization(request, organization)
    return redirect("inbox", organization.pk)


@never_cache
@for_members
@require_safe
def access(request: HttpRequest, access: Access) -> HttpResponse:
    """Returns no content if the user still has access to the organization. Open pages request it after a request was refused."""
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def remember_organization(request: HttpRequest, organization: Organization) -> None:
    """Stores the organization in the session, for the next time that the user opens the start page."""
    if request.session.get(LAST_ORGANIZATION) != organization.pk:
        request.session[LAST_ORGANIZATION] = organization.pk
