"""All permission rules of the site. A view names the lowest role that may use it. Objects of another organization are a 404 for
everybody, also for superusers."""

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


class RoleRules:
    """What a role may do in an organization, for a user or an API key that has it."""

    role: Role
    user: User | None
    """The user, or the one who created the key, if that user was not deleted."""

    def may(self, role: Role) -> bool:
        """Whether the user has this role or a higher one."""
        return self.role.rank >= role.rank

    @property
    def is_admin(self) -> bool:
        """Whether the user is an administrator, or the creator: may manage numbers, members, labels and the webhook log."""
        return self.may(Role.USER_ADMIN)

    @property
    def is_creator(self) -> bool:
        """Whether the user is a creator: may change the organization itself and its administrators."""
        return self.may(Role.USER_CREATOR)

    def may_erase(self, author_id: int | None) -> bool:
        """Whether a text that the user `author_id` wrote for colleagues may be changed or deleted."""
        return self.is_admin or (self.user is not None and author_id == self.user.pk)


@dataclass(frozen=True)
class Access(RoleRules):
    """What a user may do in an organization. Each view of an organization gets one. `organizations` are all organizations of the
    user."""

    user: User
    organization: Organization
    role: Role
    organizations: Sequence[Organization]
    revision: int
    """The organization's revision when the page was requested: see `organizations.live.revisions`."""

    def may_give(self, role: Role) -> bool:
        """Whether the user may assign this role to a member or an invitation."""
        return self.is_creator or (self.is_admin and role.rank < self.role.rank)

    def may_change(self, member: Membership) -> bool:
        """Whether the user may change this member's role, or deactivate or remove the member. No user may do that to themselves."""
        return member.user_id != self.user.pk and self.may_give(Role(member.role))


def get_access(user: User, organization_id: int) -> Access | None:
    """Returns the user's access to the organization. Returns None without a membership, or if the user, the membership or the
    organization is inactive."""
    revision = Revision.objects.filter(organization=OuterRef("organization")).values("number")
    memberships = list(active_memberships(user).annotate(revision=Subquery(revision)))
    own = next((each for each in memberships if each.organization_id == organization_id), None)
    if own is None:
        return None
    return Access(user, own.organization, Role(own.role), [each.organization for each in memberships], own.revision or 0)


def active_memberships(user: User) -> QuerySet[Membership]:
    """Returns the memberships that give the user access now, in the order of the organizations' names."""
    if not user.activate:
        return Membership.objects.none()
    memberships = Membership.objects.filter(user=user, activate=True, organization__activate=True)
    return memberships.select_related("organization").order_by("organization__organization_name")


def was_creator(user: User, organization_id: int) -> bool:
    """Whether the user is a creator of the organization, which may be inactive."""
    own = Membership.objects.filter(user=user, organization=organization_id, activate=True, role=Role.USER_CREATOR)
    return user.activate and own.exists()


def may_create_organization(user: User) -> bool:
    """Whether the user is a superuser, or the hub has no organization yet."""
    return user.is_superuser or not Organization.objects.exists()


def raise_unless(allowed: bool) -> None:
    """Raises PermissionDenied unless `allowed`."""
    if not allowed:
        raise PermissionDenied


LAST_ORGANIZATION = "organization"
"""Session key of the organization whose inbox was opened last, or that was created last."""


def was_member(user: User, session: SessionBase, organization_id: int) -> bool:
    """Whether the user ever had access to the organization: there is a membership, or the session of a removed member remembers
    it."""
    if session.get(LAST_ORGANIZATION) == organization_id:
        return True
    return Membership.objects.filter(user=user, organization=organization_id).exists()


OrganizationView = Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase]


def require_role(role: Role) -> Callable[[OrganizationView[P]], Callable[..., HttpResponseBase]]:
    """Returns a decorator for views of an organization, whose URLs begin with `organization_id`. The view gets an Access instead.

    Without a signed-in user: redirects to the sign-in. Without access to the organization: 404, with an explanation for former
    members. With a lower role: 403.
    """

    def decorator(view_function: OrganizationView[P]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view_function)
        def view(request: HttpRequest, organization_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return _to_sign_in(request)
            access = get_access(request.user, organization_id)
            if access is None:
                return _no_access(request, request.user, organization_id)
            if not access.may(role):
                raise PermissionDenied
            request.access = access  # type: ignore[attr-defined]  # read by the templates of all pages
            activate_zone_of(access.organization, access.user)
            return view_function(request, access, *args, **kwargs)

        view.least_role = role  # type: ignore[attr-defined]
        return view

    return decorator


def _no_access(request: HttpRequest, user: User, organization_id: int) -> HttpResponse:
    """Returns an explanation for former members. Raises Http404 for others, for whom the organization does not exist."""
    if request.headers.get("HX-Request") or not was_member(user, request.session, organization_id):
        raise Http404
    return render(request, "organizations/no_access.html", status=HTTPStatus.NOT_FOUND)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirects to the sign-in. A fragment cannot show it, so the whole page is redirected, and comes back afterwards."""
    if request.headers.get("HX-Request"):
        back = urlsplit(request.headers.get("HX-Current-URL", ""))
        url = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': back.path})}"
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect_to_login(request.get_full_path())


for_members = require_role(Role.USER)
for_admins = require_role(Role.USER_ADMIN)
for_creators = require_role(Role.USER_CREATOR)
