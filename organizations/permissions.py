"""Who may do what: all permission rules of the site. Views name the least role that they ask for; another organization's things are
a 404 for everybody, superusers too."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url

from organizations.login.preferences import activate_zone_of
from organizations.models import Membership, Organization, Revision, Role, User

P = ParamSpec("P")


@dataclass(frozen=True)
class Access:
    """A user's way into an organization that is theirs: every page is given one. `organizations` are all that they may enter."""

    user: User
    organization: Organization
    role: Role
    organizations: Sequence[Organization]
    revision: int
    """Of the organization when the page was asked for: see `organizations.live.revisions`."""

    def may(self, role: Role) -> bool:
        """Whether the user may do what is asked of this role at least."""
        return self.role.rank >= role.rank

    @property
    def manages(self) -> bool:
        """Numbers, members, labels and the webhook log."""
        return self.may(Role.USER_ADMIN)

    @property
    def owns(self) -> bool:
        """The organization itself, and who administers it."""
        return self.may(Role.USER_CREATOR)

    def may_give(self, role: Role) -> bool:
        """Whether the user may invite somebody as, or make somebody, this."""
        return self.owns or (self.manages and role.rank < self.role.rank)

    def may_change(self, member: Membership) -> bool:
        """Whether the user may give the member another role, or shut and remove them. Nobody does that to themselves."""
        return member.user_id != self.user.pk and self.may_give(Role(member.role))

    def may_erase(self, author_id: int | None) -> bool:
        """Whether the user may delete what this user wrote for colleagues."""
        return self.manages or author_id == self.user.pk


def get_access(user: User, organization_id: int) -> Access | None:
    """The user's access to the organization; None if they have none, or user, membership or organization is switched off."""
    revision = Revision.objects.filter(organization=OuterRef("organization")).values("number")
    mine = list(active_memberships(user).annotate(revision=Subquery(revision)))
    own = next((each for each in mine if each.organization_id == organization_id), None)
    if own is None:
        return None
    return Access(user, own.organization, Role(own.role), [each.organization for each in mine], own.revision or 0)


def active_memberships(user: User) -> QuerySet[Membership]:
    """The memberships by which the user may come in now, by the organizations' names."""
    if not user.activate:
        return Membership.objects.none()
    mine = Membership.objects.filter(user=user, activate=True, organization__activate=True)
    return mine.select_related("organization").order_by("organization__organization_name")


def may_create_organization(user: User) -> bool:
    """Superusers may, and whoever signs in first to a hub that has none."""
    return user.is_superuser or not Organization.objects.exists()


LAST_ORGANIZATION = "organization"
"""The key in the session of the organization whose inbox was seen last, or that was made last."""


def was_member(user: User, session: SessionBase, organization_id: int) -> bool:
    """Whether the user once could enter the organization: a membership says it, or the session of a member who was removed."""
    if session.get(LAST_ORGANIZATION) == organization_id:
        return True
    return Membership.objects.filter(user=user, organization=organization_id).exists()


Page = Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase]


def require_role(role: Role) -> Callable[[Page[P]], Callable[..., HttpResponseBase]]:
    """Makes a view of an organization's page, whose address begins with `organization_id`. The view gets an Access instead of that.

    Nobody signed in: to the sign-in. No access to the organization: 404, which says more to whoever had access once. Not the role:
    403.
    """

    def guard(page: Page[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(page)
        def view(request: HttpRequest, organization_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return _to_sign_in(request)
            access = get_access(request.user, organization_id)
            if access is None:
                return _no_access(request, request.user, organization_id)
            if not access.may(role):
                raise PermissionDenied
            request.access = access  # type: ignore[attr-defined]  # for the frame around every page
            activate_zone_of(access.organization, access.user)
            return page(request, access, *args, **kwargs)

        view.least_role = role  # type: ignore[attr-defined]
        return view

    return guard


def _no_access(request: HttpRequest, user: User, organization_id: int) -> HttpResponse:
    """Says nothing to outsiders: for them the organization does not exist. Raises Http404."""
    if request.headers.get("HX-Request") or not was_member(user, request.session, organization_id):
        raise Http404
    return render(request, "organizations/no_access.html", status=HTTPStatus.NOT_FOUND)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """A part of a page cannot show the sign-in: the page as a whole goes there, and comes back."""
    if request.headers.get("HX-Request"):
        back = urlsplit(request.headers.get("HX-Current-URL", ""))
        address = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back.path})}"
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect_to_login(request.get_full_path())


for_members = require_role(Role.USER)
for_admins = require_role(Role.USER_ADMIN)
for_creators = require_role(Role.USER_CREATOR)
