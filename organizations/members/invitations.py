"""Invitations into an organization: issued, renewed, withdrawn and accepted."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import IntegrityError

from jobs.transactions import in_transaction, run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import INVITATION_LIFETIME, Invitation, Membership, Organization, Role, User
from organizations.permissions import Access, get_access, raise_unless


class AlreadyMember(ValueError):
    """The e-mail belongs to a member."""


class InvitationGone(ValueError):
    """The invitation was accepted, withdrawn or renewed, its organization was deactivated, or who issued it may no longer do so."""


class UserExists(ValueError):
    """A user with the e-mail exists, and has to sign in."""


@dataclass(frozen=True)
class IssuedInvitation:
    """An invitation, with the token of its link. The token is not stored."""

    invitation: Invitation
    token: str


@in_transaction
def invite(*, email: str, role: Role, by: Access, now: datetime) -> IssuedInvitation:
    """Issues an invitation for an e-mail. An earlier link for the same e-mail stops working. Raises AlreadyMember,
    PermissionDenied."""
    raise_unless(by.may_give(role))
    member = Membership.objects.filter(organization=by.organization, user__email=email).first()
    if member and member.activate:
        raise AlreadyMember
    earlier = Invitation.objects.open(now).filter(organization=by.organization, email=email).first()
    raise_unless(member is None or by.may_change(member))
    raise_unless(earlier is None or by.may_give(Role(earlier.role)))
    return issue_invitation(by.organization, email=email, role=role, invited_by=by.user, now=now)


def issue_invitation(
    organization: Organization, *, email: str, role: Role, invited_by: User | None, now: datetime
) -> IssuedInvitation:
    """Stores a new invitation, or replaces the one for the same e-mail. Must run in a transaction."""
    token, link = _new_link(now)
    columns = link | {"email": email, "role": role, "invited_by": invited_by, "create_in": now, "accepted_at": None}
    invitation, _ = Invitation.objects.update_or_create(organization=organization, email=email, defaults=columns)
    _record(AuditAction.INVITATION_SENT, invitation, {"email": [None, email], "role": [None, role.value]}, by=invited_by)
    publish_revisions([organization.pk])
    return IssuedInvitation(invitation, token)


@in_transaction
def renew_invitation(*, invitation: Invitation, by: Access, now: datetime) -> IssuedInvitation:
    """Issues a new link for an invitation. The old link stops working. Raises InvitationGone, PermissionDenied."""
    raise_unless(by.may_give(Role(invitation.role)))
    token, link = _new_link(now)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(**link, invited_by=by.user):
        raise InvitationGone
    invitation.refresh_from_db()
    _record(AuditAction.INVITATION_SENT, invitation, {"email": [invitation.email, invitation.email]}, by=by.user)
    publish_revisions([by.organization.pk])
    return IssuedInvitation(invitation, token)


@in_transaction
def withdraw_invitation(*, invitation: Invitation, by: Access) -> None:
    """Deletes the invitation. Its link stops working. Raises PermissionDenied."""
    raise_unless(by.may_give(Role(invitation.role)))
    if Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()[0]:
        _record(AuditAction.INVITATION_WITHDRAWN, invitation, {"email": [invitation.email, None]}, by=by.user)
    publish_revisions([by.organization.pk])


def _record(action: AuditAction, invitation: Invitation, changes: Mapping[str, list[str | None]], *, by: User | None) -> None:
    target = ("invitation", invitation.pk)
    record_action(action, organization=invitation.organization_id, by=by, target=target, changes=changes)


def find_invitation(token: str) -> Invitation | None:
    """Returns the invitation to which a link's token belongs, also if it was accepted or has expired."""
    return Invitation.objects.select_related("organization", "invited_by").filter(token_digest=_digest(token)).first()


def _new_link(now: datetime) -> tuple[str, dict[str, object]]:
    """Returns a token, and the columns of an invitation with that token."""
    token = secrets.token_urlsafe(32)
    return token, {"token_digest": _digest(token), "expires_at": now + INVITATION_LIFETIME}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@in_transaction
def accept(*, invitation: Invitation, user: User, now: datetime) -> None:
    """Makes the user a member. The user must have the invitation's e-mail. An inactive member becomes active, with the
    invitation's role. Raises InvitationGone, PermissionDenied."""
    raise_unless(user.activate and user.email == invitation.email)
    _mark_accepted(invitation, now)
    member, is_new = Membership.objects.get_or_create(
        organization=invitation.organization, user=user, defaults={"role": invitation.role, "create_in": now}
    )
    if not (is_new or member.activate):
        member.role, member.activate = invitation.role, True
        member.save(update_fields=["role", "activate"])
    _record_member(member, by=user)
    publish_revisions([invitation.organization_id])


def join_as_new_user(*, invitation: Invitation, name: str, password: str, language: str, now: datetime) -> User:
    """Creates a user for the invitation's e-mail, who becomes a member. Returns the user. Raises UserExists, InvitationGone."""

    def join() -> User:
        _mark_accepted(invitation, now)
        user = User.objects.create_user(invitation.email, password, name=name, language=language)
        member = Membership.objects.create(organization=invitation.organization, user=user, role=invitation.role, create_in=now)
        _record_member(member, by=user)
        publish_revisions([invitation.organization_id])
        return user

    try:
        return run_in_transaction(join)
    except IntegrityError:
        raise UserExists from None


def _record_member(member: Membership, *, by: User) -> None:
    changes = {"user": [None, by.email], "role": [None, member.role]}
    record_action(AuditAction.MEMBER_ADDED, organization=member.organization_id, by=by, target=("user", by.pk), changes=changes)


def _mark_accepted(invitation: Invitation, now: datetime) -> None:
    """Marks the invitation as accepted. Raises InvitationGone."""
    # A conditional update: of two concurrent requests with the same link, only one changes the row.
    own = Invitation.objects.open(now).filter(pk=invitation.pk, token_digest=invitation.token_digest)
    if not own.update(accepted_at=now):
        raise InvitationGone
    if not Organization.objects.filter(pk=invitation.organization_id, activate=True).exists() or not is_backed(invitation):
        raise InvitationGone


def is_backed(invitation: Invitation) -> bool:
    """Whether the member who issued the invitation may still give its role. The operator always may."""
    return invitation in backed_invitations([invitation])


def backed_invitations(invitations: Iterable[Invitation]) -> set[Invitation]:
    """Returns those of an organization's invitations that are backed: see `is_backed`. Makes one query for each issuer."""
    find_access = cache(get_access)

    def is_given(invitation: Invitation) -> bool:
        if invitation.invited_by is None:
            return True
        access = find_access(invitation.invited_by, invitation.organization_id)
        return access is not None and access.may_give(Role(invitation.role))

    return {each for each in invitations if is_given(each)}
