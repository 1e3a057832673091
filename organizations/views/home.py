"""Where a user comes in: to the inbox of an organization, or to making the first one."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from organizations.models import Organization
from organizations.permissions import may_create_organization, open_memberships

LAST_SEEN = "organization"
"""The key in the session of the organization whose inbox was seen last, or that was made last."""


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The inbox of the organization seen last, or of the first; without any, the way to one."""
    mine = [each.organization_id for each in open_memberships(request.user)]  # type: ignore[arg-type]  # signed in
    if mine:
        last = request.session.get(LAST_SEEN)
        return redirect("inbox", last if last in mine else mine[0])
    if may_create_organization(request.user):  # type: ignore[arg-type]
        return redirect("new_organization")
    return render(request, "organizations/no_organization.html")


def remember(request: HttpRequest, organization: Organization) -> None:
    """The next time the user comes in here."""
    if request.session.get(LAST_SEEN) != organization.pk:
        request.session[LAST_SEEN] = organization.pk
