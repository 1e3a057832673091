"""How organizations come to be and whom they take in: making, naming and closing them, invitations, and what becomes of members."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet

from cloud_api.wa_ids import BRAZIL
from jobs.transactions import in_transaction, run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import INVITATION_LIFETIME, Invitation, Membership, Organization, Role, User, hub_time_zone
from organizations.permissions import Access, may_create_organization


class NameTaken(ValueError):
    """Another organization has the name."""


class AlreadyMember(ValueError):
    """Who is invited is a member."""


class LastCreator(ValueError):
    """Without this member nobody would own the organization."""


class InvitationGone(ValueError):
    """The invitation was accepted, withdrawn or renewed, or its organization was switched off, before it could be accepted."""


class UserExists(ValueError):
    """The e-mail has a user already, who has to sign in."""


@dataclass(frozen=True)
class IssuedInvitation:
    """An invitation and its link's secret part, which is known only now."""

    invitation: Invitation
    token: str


def create_organization(*, name: str, country: str = BRAZIL, time_zone: str = "", by: User) -> Organization:
    """Make an organization that is owned by whoever makes it; without a time zone it has the hub's. Raises NameTaken,
    PermissionDenied."""
    if not may_create_organization(by):
        raise PermissionDenied
    _raise_if_taken(name)

    def create() -> Organization:
        zone = time_zone or hub_time_zone()
        organization = Organization.objects.create(organization_name=name, country=country, time_zone=zone, create_by=by)
        Membership.objects.create(organization=organization, user=by, role=Role.USER_CREATOR)
        return organization

    try:
        return run_in_transaction(create)
    except IntegrityError:
        raise NameTaken from None


def change_organization(*, name: str, country: str, time_zone: str, by: Access) -> None:
    """Its name, the country of numbers typed without one, and the zone of times. Raises NameTaken, PermissionDenied."""
    _raise_unless(by.owns)
    _raise_if_taken(name, but=by.organization)

    def change() -> None:
        own = Organization.objects.filter(pk=by.organization.pk)
        own.update(organization_name=name, country=country, time_zone=time_zone)
        publish_revisions([by.organization.pk])

    try:
        run_in_transaction(change)
    except IntegrityError:
        raise NameTaken from None


@in_transaction
def deactivate_organization(*, by: Access) -> None:
    """Shut the organization for everybody. Its webhooks are stored, and wait. Raises PermissionDenied."""
    _raise_unless(by.owns)
    Organization.objects.filter(pk=by.organization.pk).update(activate=False)
    publish_revisions([by.organization.pk])


def _raise_if_taken(name: str, *, but: Organization | None = None) -> None:
    """Names that differ only in case would be mistaken for each other; the column itself forbids that on MySQL alone."""
    same = Organization.objects.filter(organization_name__iexact=name)
    if (same.exclude(pk=but.pk) if but else same).exists():
        raise NameTaken


@in_transaction
def invite(*, email: str, role: Role, by: Access, now: datetime) -> IssuedInvitation:
    """Invite the e-mail's owner; a link that they were sent before is good no longer. Raises AlreadyMember, PermissionDenied."""
    _raise_unless(by.may_give(role))
    member = Membership.objects.filter(organization=by.organization, user__email=email).first()
    if member and member.activate:
        raise AlreadyMember
    before = Invitation.objects.open(now).filter(organization=by.organization, email=email).first()
    _raise_unless(member is None or by.may_change(member))
    _raise_unless(before is None or by.may_give(Role(before.role)))
    return _issue(by.organization, email=email, role=role, invited_by=by.user, now=now)


def _issue(organization: Organization, *, email: str, role: Role, invited_by: User | None, now: datetime) -> IssuedInvitation:
    token, link = _new_link(now)
    columns = link | {"email": email, "role": role, "invited_by": invited_by, "create_in": now, "accepted_at": None}
    invitation, _ = Invitation.objects.update_or_create(organization=organization, email=email, defaults=columns)
    publish_revisions([organization.pk])
    return IssuedInvitation(invitation, token)


@in_transaction
def add_member(*, organization: Organization, email: str, is_first: bool = True, now: datetime) -> Membership | IssuedInvitation:
    """Make the user with this e-mail a member because the hub's operator says so, or invite them if there is no such user.

    The first member of an organization owns it; a later one is a user of it, also one who is named behind somebody else (not
    `is_first`) who has yet to accept. A membership that was switched off is switched on.
    """
    has_creator = _open_members(organization).filter(role=Role.USER_CREATOR).exists()
    role = Role.USER_CREATOR if is_first and not has_creator else Role.USER
    user = User.objects.filter(email=email).first()
    if user is None:
        return _issue(organization, email=email, role=role, invited_by=None, now=now)
    return _added(organization, user, role)


@in_transaction
def join_as_creator(*, organization: Organization, by: User) -> Membership:
    """Make a superuser the owner of an organization that has no member; asked again, nothing changes. Raises PermissionDenied."""
    Organization.objects.select_for_update().get(pk=organization.pk)  # of two at once the second sees the first
    if own := _open_members(organization).filter(user=by, organization__activate=True).first():
        return own
    _raise_unless(by.is_superuser and organization.activate and not _open_members(organization).exists())
    return _added(organization, by, Role.USER_CREATOR)


def organizations_without_members(*, limit: int) -> list[Organization]:
    """Those that `connect_number` has made and nobody has joined, by name."""
    members = Membership.objects.filter(organization=OuterRef("pk"), activate=True, user__activate=True)
    return list(Organization.objects.filter(~Exists(members), activate=True).order_by("organization_name")[:limit])


def _open_members(organization: Organization) -> QuerySet[Membership]:
    return Membership.objects.filter(organization=organization, activate=True, user__activate=True)


def _added(organization: Organization, user: User, role: Role) -> Membership:
    member, is_new = Membership.objects.get_or_create(organization=organization, user=user, defaults={"role": role})
    if not is_new and (not member.activate or (role == Role.USER_CREATOR and member.role != role)):
        member.activate, member.role = True, max(Role(member.role), role, key=lambda each: each.rank)
        member.save(update_fields=["activate", "role"])
    publish_revisions([organization.pk])
    return member


@in_transaction
def renew_invitation(*, invitation: Invitation, by: Access, now: datetime) -> IssuedInvitation:
    """Another link for the same invitation, as good as a new one; the link before is good no longer. Raises InvitationGone,
    PermissionDenied."""
    _raise_unless(by.may_give(Role(invitation.role)))
    token, link = _new_link(now)
    if not Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(**link):
        raise InvitationGone
    invitation.refresh_from_db()
    publish_revisions([by.organization.pk])
    return IssuedInvitation(invitation, token)


@in_transaction
def withdraw_invitation(*, invitation: Invitation, by: Access) -> None:
    """The link is good no longer. Raises PermissionDenied."""
    _raise_unless(by.may_give(Role(invitation.role)))
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
    publish_revisions([by.organization.pk])


def find_invitation(token: str) -> Invitation | None:
    """The invitation that a link is for, whatever became of it."""
    return Invitation.objects.select_related("organization", "invited_by").filter(token_digest=_digest(token)).first()


def _new_link(now: datetime) -> tuple[str, dict[str, object]]:
    """A token, and the columns that know it."""
    token = secrets.token_urlsafe(32)
    return token, {"token_digest": _digest(token), "expires_at": now + INVITATION_LIFETIME}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@in_transaction
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
    publish_revisions([invitation.organization_id])


def join_as_new_user(*, invitation: Invitation, name: str, password: str, language: str, now: datetime) -> User:
    """Make a user of whoever was invited, and a member of the user. Raises UserExists, InvitationGone."""

    def join() -> User:
        _use_up(invitation, now)
        user = User.objects.create_user(invitation.email, password, name=name, language=language)
        Membership.objects.create(organization=invitation.organization, user=user, role=invitation.role, create_in=now)
        publish_revisions([invitation.organization_id])
        return user

    try:
        return run_in_transaction(join)
    except IntegrityError:
        raise UserExists from None


def _use_up(invitation: Invitation, now: datetime) -> None:
    """Of two who accept at the same moment, by the same link, one changes the row."""
    own = Invitation.objects.open(now).filter(pk=invitation.pk, token_digest=invitation.token_digest)
    if not own.update(accepted_at=now):
        raise InvitationGone
    if not Organization.objects.filter(pk=invitation.organization_id, activate=True).exists():
        raise InvitationGone


@in_transaction
def change_role(*, member: Membership, role: Role, by: Access) -> None:
    """Raises LastCreator, PermissionDenied; Membership.DoesNotExist if somebody has just removed them."""
    _raise_unless(by.may_give(role))
    current = _locked(member, by)
    if role != Role.USER_CREATOR:
        _raise_if_last(current)
    current.role = role
    current.save(update_fields=["role"])
    publish_revisions([current.organization_id])


@in_transaction
def switch_member(*, member: Membership, activate: bool, by: Access) -> None:
    """Shut the door for the member, or open it again. Raises as `change_role` does."""
    current = _locked(member, by)
    if not activate:
        _raise_if_last(current)
    current.activate = activate
    current.save(update_fields=["activate"])
    publish_revisions([current.organization_id])


@in_transaction
def remove_member(*, member: Membership, by: Access) -> None:
    """What they wrote stays. Raises as `change_role` does."""
    current = _locked(member, by)
    _raise_if_last(current)
    current.delete()
    publish_revisions([by.organization.pk])


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
