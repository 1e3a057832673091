"""Who may do what: all permission rules of the site. Views name the least role that they ask for; another organization's things are
a 404 for everybody, superusers too."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from organizations.models import Membership, Organization, Role, User

P = ParamSpec("P")


@dataclass(frozen=True)
class Access:
    """A user's way into an organization that is theirs: every page is given one."""

    user: User
    organization: Organization
    role: Role

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


def access_to(user: User, organization_id: int) -> Access | None:
    """The user's access to the organization; None if they have none, or user, membership or organization is switched off."""
    membership = open_memberships(user).filter(organization=organization_id).first()
    return Access(user, membership.organization, Role(membership.role)) if membership else None


def open_memberships(user: User) -> "QuerySet[Membership]":
    """The memberships by which the user may come in now."""
    if not user.activate:
        return Membership.objects.none()
    open_ones = Membership.objects.filter(user=user, activate=True, organization__activate=True)
    return open_ones.select_related("organization")


def may_create_organization(user: User) -> bool:
    """Superusers may, and whoever signs in first to a hub that has none."""
    return user.is_superuser or not Organization.objects.exists()


Page = Callable[Concatenate[HttpRequest, Access, P], HttpResponseBase]




def page_for(role: Role) -> Callable[[Page[P]], Callable[..., HttpResponseBase]]:
    """Makes a view of an organization's page, whose address begins with `organization_id`. The view gets an Access instead of that.

    Nobody signed in: to the sign-in. No access to the organization: 404. Not the role: 403.
    """

    def guard(page: Page[P]) -> Callable[..., HttpResponseBase]:
        @login_required
        @functools.wraps(page)
        def view(request: HttpRequest, organization_id: int, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            access = access_to(request.user, organization_id) if isinstance(request.user, User) else None
            if access is None:
                raise Http404
            if not access.may(role):
                raise PermissionDenied
            request.access = access  # type: ignore[attr-defined]  # for the frame around every page
            return page(request, access, *args, **kwargs)

        view.least_role = role  # type: ignore[attr-defined]
        return view

    return guard


for_members = page_for(Role.USER)
for_admins = page_for(Role.USER_ADMIN)
for_creators = page_for(Role.USER_CREATOR)
