"""Where a user comes in: to the inbox of an organization, or to the way to one."""

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
from organizations.models import Organization, User
from organizations.permissions import LAST_ORGANIZATION, Access, active_memberships, for_members, get_access

P = ParamSpec("P")

MOST_VACANT = 20
"""Organizations without members that a superuser is shown."""


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The inbox of the organization seen last, or of the first; without any, the way to one."""
    if last := _last_organization(request):
        return redirect("inbox", last)
    if not Organization.objects.exists():
        return redirect("new_organization")
    return render(request, "organizations/no_organization.html", {"vacant": _vacant(request)})


def _last_organization(request: HttpRequest) -> int | None:
    """The id of the organization seen last, or of the first, of those that the user may enter."""
    mine = [each.organization_id for each in active_memberships(request.user)]  # type: ignore[arg-type]  # signed in
    last = request.session.get(LAST_ORGANIZATION)
    return last if last in mine else next(iter(mine), None)


def in_frame(page: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Makes a view of a personal page: it stands in the frame of the organization that the user saw last, if there is one."""

    @functools.wraps(page)
    def view(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request: Any = args[0]
        if isinstance(request.user, User) and (last := _last_organization(request)):
            request.access = get_access(request.user, last)
        return page(*args, **kwargs)

    return view


def _vacant(request: HttpRequest) -> list[Organization]:
    """Organizations that a superuser may take over."""
    is_superuser = request.user.is_superuser
    return memberships.organizations_without_members(limit=MOST_VACANT) if is_superuser else []


@login_required
@require_POST
def take_over(request: HttpRequest, organization_id: int) -> HttpResponse:
    """Enter an organization that has no members, as its owner. For superusers: an operator has connected its number by command."""
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
    """Nothing, for whoever may still enter the organization: open pages ask when something was refused."""
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def remember_organization(request: HttpRequest, organization: Organization) -> None:
    """The next time the user comes in here."""
    if request.session.get(LAST_ORGANIZATION) != organization.pk:
        request.session[LAST_ORGANIZATION] = organization.pk
