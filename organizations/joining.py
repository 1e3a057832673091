"""How organizations come to be and whom they take in: making, naming and closing them, invitations, and what becomes of members."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q

from organizations.live import announce
from organizations.models import INVITATION_LASTS, Invitation, Membership, Organization, Role, User
from organizations.permissions import Access, may_create_organization


class NameTaken(ValueError):
    """Another organization has the name."""


class AlreadyMember(ValueError):
    """Who is invited is a member."""


class LastCreator(ValueError):
    """Without this member nobody would own the organization."""


class InvitationGone(ValueError):
    """The invitation was accepted, withdrawn or renewed, or its organization was switched off, before it could be accepted."""


class HasUser(ValueError):
    """The e-mail has a user already, who has to sign in."""


@dataclass(frozen=True)
class Issued:
    """An invitation and its link's secret part, which is known only now."""

    invitation: Invitation
    token: str


def create_organization(*, name: str, by: User) -> Organization:
    """Make an organization that is owned by whoever makes it. Raises NameTaken, PermissionDenied."""
    if not may_create_organization(by):
        raise PermissionDenied
    _raise_if_taken(name)
    try:
        with transaction.atomic():
            organization = Organization.objects.create(organization_name=name, create_by=by)
            Membership.objects.create(organization=organization, user=by, role=Role.USER_CREATOR)
    except IntegrityError:
        raise NameTaken from None
    return organization


def rename_organization(*, name: str, by: Access) -> None:
    """Raises NameTaken, PermissionDenied."""
    _raise_unless(by.owns)
    _raise_if_taken(name, but=by.organization)
    try:
        with transaction.atomic():
            Organization.objects.filter(pk=by.organization.pk).update(organization_name=name)
            announce([by.organization.pk])
    except IntegrityError:
        raise NameTaken from None


@transaction.atomic
def deactivate_organization(*, by: Access) -> None:
    """Shut the organization for everybody. Its webhooks are stored, and wait. Raises PermissionDenied."""
    _raise_unless(by.owns)
    Organization.objects.filter(pk=by.organization.pk).update(activate=False)
    announce([by.organization.pk])


def _raise_if_taken(name: str, *, but: Organization | None = None) -> None:
    """Names that differ only in case would be mistaken for each other; the column itself forbids that on MySQL alone."""
    same = Organization.objects.filter(organization_name__iexact=name)
    if (same.exclude(pk=but.pk) if but else same).exists():
        raise NameTaken


@transaction.atomic
def invite(*, email: str, role: Role, by: Access, now: datetime) -> Issued:
    """Invite the e-mail's owner; a link that they were sent before is good no longer. Raises AlreadyMember, PermissionDenied."""
    _raise_unless(by.may_give(role))
    member = Membership.objects.filter(organization=by.organization, user__email=email).first()
    if member and member.activate:
        raise AlreadyMember
    before = Invitation.objects.open(now).filter(organization=by.organization, email=email).first()
    _raise_unless(member is None or by.may_change(member))
    _raise_unless(before is None or by.may_give(Role(before.role)))
    token, link = _new_link(now)
    columns = link | {"email": email, "role": role, "invited_by": by.user, "create_in": now, "accepted_at": None}
    invitation, _ = Invitation.objects.update_or_create(organization=by.organization, email=email, defaults=columns)
    announce([by.organization.pk])
    return Issued(invitation, token)


@transaction.atomic
def renew_invitation(*, invitation: Invitation, by: Access, now: datetime) -> Issued:
    """Another link for the same invitation, as good as a new one; the link before is good no longer. Raises InvitationGone,
    PermissionDenied."""
    _raise_unless(by.may_give(Role(invitation.role)))
    token, link = _new_link(now)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(**link):
        raise InvitationGone
    invitation.refresh_from_db()
    announce([by.organization.pk])
    return Issued(invitation, token)


@transaction.atomic
def withdraw_invitation(*, invitation: Invitation, by: Access) -> None:
    """The link is good no longer. Raises PermissionDenied."""
    _raise_unless(by.may_give(Role(invitation.role)))
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
    announce([by.organization.pk])


def invitation_of(token: str) -> Invitation | None:
    """The invitation that a link is for, whatever became of it."""
    return Invitation.objects.select_related("organization", "invited_by").filter(token_digest=_digest(token)).first()


def _new_link(now: datetime) -> tuple[str, dict[str, object]]:
    """A token, and the columns that know it."""
    token = secrets.token_urlsafe(32)
    return token, {"token_digest": _digest(token), "expires_at": now + INVITATION_LASTS}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def accept(*, invitation: Invitation, user: User, now: datetime) -> None:
    """Make the user, whose e-mail it must be, a member; one who was shut out comes back with the invitation's role. Raises
    InvitationGone, PermissionDenied."""
    _raise_unless(user.activate and user.email == invitation.email)
    _use_up(invitation, now)
    member, is_new = Membership.objects.get_or_create(
        organization=invitation.organization, user=user, defaults={"role": invitation.role, "create_in": now}
    )
    if not (is_new or member.activate):
        member.role, member.activate = invitation.role, True
        member.save(update_fields=["role", "activate"])
    announce([invitation.organization_id])


def join_as_new_user(*, invitation: Invitation, name: str, password: str, language: str, now: datetime) -> User:
    """Make a user of whoever was invited, and a member of the user. Raises HasUser, InvitationGone."""
    try:
        with transaction.atomic():
            _use_up(invitation, now)
            user = User.objects.create_user(invitation.email, password, name=name, language=language)
            Membership.objects.create(organization=invitation.organization, user=user, role=invitation.role, create_in=now)
            announce([invitation.organization_id])
    except IntegrityError:
        raise HasUser from None
    return user


def _use_up(invitation: Invitation, now: datetime) -> None:
    """Of two who accept at the same moment, by the same link, one changes the row."""
    own = Invitation.objects.open(now).filter(pk=invitation.pk, token_digest=invitation.token_digest)
    if not own.update(accepted_at=now):
        raise InvitationGone
    if not Organization.objects.filter(pk=invitation.organization_id, activate=True).exists():
        raise InvitationGone


@transaction.atomic
def change_role(*, member: Membership, role: Role, by: Access) -> None:
    """Raises LastCreator, PermissionDenied; Membership.DoesNotExist if somebody has just removed them."""
    _raise_unless(by.may_give(role))
    current = _locked(member, by)
    if role != Role.USER_CREATOR:
        _raise_if_last(current)
    current.role = role
    current.save(update_fields=["role"])
    announce([current.organization_id])


@transaction.atomic
def switch_member(*, member: Membership, activate: bool, by: Access) -> None:
    """Shut the door for the member, or open it again. Raises as `change_role` does."""
    current = _locked(member, by)
    if not activate:
        _raise_if_last(current)
    current.activate = activate
    current.save(update_fields=["activate"])
    announce([current.organization_id])


@transaction.atomic
def remove_member(*, member: Membership, by: Access) -> None:
    """What they wrote stays. Raises as `change_role` does."""
    current = _locked(member, by)
    _raise_if_last(current)
    current.delete()
    announce([by.organization.pk])


def _locked(member: Membership, by: Access) -> Membership:
    """The member as they are now. Locks them and all creators, in the order of their ids, so that two creators who act on each
    other at the same moment do it one after the other."""
    rows = Membership.objects.filter(organization=by.organization).filter(Q(pk=member.pk) | Q(role=Role.USER_CREATOR))
    current = {row.pk: row for row in rows.select_for_update().order_by("pk")}.get(member.pk)
    if current is None:
        raise Membership.DoesNotExist
    _raise_unless(by.may_change(current))
    return current


def _raise_if_last(member: Membership) -> None:
    others = Membership.objects.filter(organization=member.organization_id, role=Role.USER_CREATOR).exclude(pk=member.pk)
    if member.role == Role.USER_CREATOR and not others.filter(activate=True, user__activate=True).exists():
        raise LastCreator


def _raise_unless(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied
