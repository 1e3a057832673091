"""Members of an organization and their roles."""

from collections.abc import Callable

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from organizations.members import memberships
from organizations.members.forms import InviteForm, RoleForm
from organizations.members.invitations import backed_invitations
from organizations.models import Invitation, Membership, Role
from organizations.permissions import Access, for_admins

MAX_SHOWN = 100
"""Members, and invitations, on the page. The search finds others."""


@for_admins
@require_safe
def members(request: HttpRequest, access: Access) -> HttpResponse:
    return members_page(request, access, form=InviteForm(access=access))


def members_page(request: HttpRequest, access: Access, *, form: InviteForm, link: str = "", sent: bool = True) -> HttpResponse:
    """Shows the members and the invitations that match the search, up to `MAX_SHOWN` of each. `link` is the link of an invitation
    that was just issued, which is shown only now."""
    now = timezone.now()
    search = " ".join(request.GET.get("q", "").split())[:100]
    rows = Membership.objects.filter(organization=access.organization).select_related("user").order_by("user__name", "user__email")
    invitations = Invitation.objects.filter(organization=access.organization, accepted_at=None).order_by("email")
    if search:
        rows = rows.filter(Q(user__name__icontains=search) | Q(user__email__icontains=search))
        invitations = invitations.filter(email__icontains=search)
    members, invited = list(rows[: MAX_SHOWN + 1]), list(invitations.select_related("invited_by")[: MAX_SHOWN + 1])
    backed = backed_invitations(each for each in invited if each.expires_at > now)
    context = {
        "members": [(member, access.may_change(member)) for member in members[:MAX_SHOWN]],
        "invitations": [(each, access.may_give(Role(each.role)), each in backed) for each in invited[:MAX_SHOWN]],
        "search": search,
        "shown": MAX_SHOWN,
        "has_more": max(len(members), len(invited)) > MAX_SHOWN,
        "roles": [role for role in Role if access.may_give(role)],
    }
    context |= {"form": form, "link": link, "sent": sent, "section": "settings", "part": "members"}
    return render(request, "organizations/members.html", context, status=422 if form.errors else 200)


@for_admins
@require_POST
def change_role(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    get_object_or_404(Membership.objects.filter(organization=access.organization), pk=member_id)
    form = RoleForm(request.POST, access=access)
    if not form.is_valid():
        messages.error(request, gettext("You may not give this role."))
        return redirect("members", access.organization.pk)
    role = form.cleaned_data["role"]
    return _change_member(request, access, member_id, lambda member: memberships.change_role(member=member, role=role, by=access))


@for_admins
@require_POST
def switch(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    activate = request.POST.get("activate") == "on"
    return _change_member(
        request, access, member_id, lambda member: memberships.switch_member(member=member, activate=activate, by=access)
    )


@for_admins
@require_POST
def remove(request: HttpRequest, access: Access, member_id: int) -> HttpResponse:
    return _change_member(request, access, member_id, lambda member: memberships.remove_member(member=member, by=access))


def _change_member(request: HttpRequest, access: Access, member_id: int, change: Callable[[Membership], None]) -> HttpResponse:
    """Changes a member and redirects to the members page with a message."""
    member = get_object_or_404(Membership.objects.filter(organization=access.organization), pk=member_id)
    try:
        change(member)
        messages.success(request, gettext("Saved."))
    except memberships.LastCreator:
        messages.error(request, gettext("An organization needs a creator. Make another member a creator first."))
    except Membership.DoesNotExist:
        raise Http404 from None
    return redirect("members", access.organization.pk)
