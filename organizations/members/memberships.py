"""Members of an organization: added, given another role, deactivated and removed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.live.revisions import publish_revisions
from organizations.members.invitations import IssuedInvitation, issue_invitation
from organizations.models import Membership, Organization, Role, User
from organizations.permissions import Access, raise_unless


class LastCreator(ValueError):
    """The organization would have no creator without this member."""


@in_transaction
def add_member(*, organization: Organization, email: str, is_first: bool = True, now: datetime) -> Membership | IssuedInvitation:
    """Makes the user with this e-mail a member, or issues an invitation. For the operator's command.

    An invitation, unless the user is a superuser or was a member before: administrators of another organization may have created
    the user by a link that they did not send, so only who gets this organization's link is known to own the address.

    The first member of an organization becomes its creator, and others get the role user. A further e-mail of the same command
    (not `is_first`) gets the role user even if the first one has not accepted yet. An inactive membership becomes active.
    """
    has_creator = _active_members(organization).filter(role=Role.USER_CREATOR).exists()
    role = Role.USER_CREATOR if is_first and not has_creator else Role.USER
    user = User.objects.filter(email=email).first()
    if user is None or not (user.is_superuser or Membership.objects.filter(organization=organization, user=user).exists()):
        return issue_invitation(organization, email=email, role=role, invited_by=None, now=now)
    return _add(organization, user, role)


@in_transaction
def join_as_creator(*, organization: Organization, by: User) -> Membership:
    """Makes a superuser the creator of an organization without members. Does nothing if the superuser is a member already. Raises
    PermissionDenied."""
    Organization.objects.select_for_update().get(
        pk=organization.pk
    )  # of two concurrent calls, the second sees the first one's membership
    if own := _active_members(organization).filter(user=by, organization__activate=True).first():
        return own
    raise_unless(by.is_superuser and organization.activate and not _active_members(organization).exists())
    return _add(organization, by, Role.USER_CREATOR)


def _active_members(organization: Organization) -> QuerySet[Membership]:
    return Membership.objects.filter(organization=organization, activate=True, user__activate=True)


def _add(organization: Organization, user: User, role: Role) -> Membership:
    member, is_new = Membership.objects.get_or_create(organization=organization, user=user, defaults={"role": role})
    if is_new:
        record_added(member)
    elif not member.activate or (role == Role.USER_CREATOR and member.role != role):
        before = {"activate": member.activate, "role": member.role}
        member.activate, member.role = True, max(Role(member.role), role, key=lambda each: each.rank).value
        member.save(update_fields=["activate", "role"])
        record_member_change(member, before=before)
    publish_revisions([organization.pk])
    return member


@in_transaction
def change_role(*, member: Membership, role: Role, by: Access) -> None:
    """Changes the member's role. Raises LastCreator, PermissionDenied, and Membership.DoesNotExist if the member was removed
    concurrently."""
    raise_unless(by.may_give(role))
    current = _lock_member(member, by)
    if role != Role.USER_CREATOR:
        _raise_if_last(current)
    before = {"role": current.role}
    current.role = role.value
    current.save(update_fields=["role"])
    record_member_change(current, before=before, by=by.user)
    publish_revisions([current.organization_id])


@in_transaction
def switch_member(*, member: Membership, activate: bool, by: Access) -> None:
    """Activates or deactivates the member. Raises the same errors as `change_role`."""
    current = _lock_member(member, by)
    if not activate:
        _raise_if_last(current)
    before = {"activate": current.activate}
    current.activate = activate
    current.save(update_fields=["activate"])
    record_member_change(current, before=before, by=by.user)
    publish_revisions([current.organization_id])


@in_transaction
def remove_member(*, member: Membership, by: Access) -> None:
    """Deletes the membership. What the member wrote stays. Raises the same errors as `change_role`."""
    current = _lock_member(member, by)
    _raise_if_last(current)
    changes = {"user": [current.user.email, None], "role": [current.role, None]}
    target = ("user", current.user_id)
    current.delete()
    record_action(AuditAction.MEMBER_REMOVED, organization=by.organization, by=by.user, target=target, changes=changes)
    publish_revisions([by.organization.pk])


def record_added(member: Membership) -> None:
    """Records that the user became a member."""
    changes = {"user": [None, member.user.email], "role": [None, member.role]}
    record_action(AuditAction.MEMBER_ADDED, organization=member.organization_id, target=("user", member.user_id), changes=changes)


def record_member_change(member: Membership, *, before: Mapping[str, Any], by: User | None = None) -> None:
    """Records what differs from `before`, columns of the membership."""
    if changes := differences(before, {column: getattr(member, column) for column in before}):
        target = ("user", member.user_id)
        record_action(AuditAction.MEMBER_CHANGED, organization=member.organization_id, by=by, target=target, changes=changes)


def _lock_member(member: Membership, by: Access) -> Membership:
    """Returns the membership as it is now, locked together with all creators, in the order of their ids. So two creators who
    change each other's memberships at the same time do it one after the other."""
    rows = Membership.objects.filter(organization=by.organization).filter(Q(pk=member.pk) | Q(role=Role.USER_CREATOR))
    current = {row.pk: row for row in rows.select_for_update().order_by("pk")}.get(member.pk)
    if current is None:
        raise Membership.DoesNotExist
    raise_unless(by.may_change(current))
    return current


def _raise_if_last(member: Membership) -> None:
    others = Membership.objects.filter(organization=member.organization_id, role=Role.USER_CREATOR).exclude(pk=member.pk)
    if member.role == Role.USER_CREATOR and not others.filter(activate=True, user__activate=True).exists():
        raise LastCreator
