"""Creates, changes and deactivates organizations."""

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Exists, OuterRef

from cloud_api.wa_ids import BRAZIL
from jobs.transactions import in_transaction, run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences, record_action
from organizations.live.revisions import publish_revisions
from organizations.models import Membership, Organization, Role, User, hub_time_zone
from organizations.permissions import Access, may_create_organization, raise_unless


class NameTaken(ValueError):
    """Another organization has the name."""


def create_organization(*, name: str, country: str = BRAZIL, time_zone: str = "", by: User) -> Organization:
    """Creates an organization whose creator is `by`. Without a time zone it has the hub's. Raises NameTaken, PermissionDenied."""
    if not may_create_organization(by):
        raise PermissionDenied
    _raise_if_taken(name)

    def create() -> Organization:
        zone = time_zone or hub_time_zone()
        organization = Organization.objects.create(organization_name=name, country=country, time_zone=zone, create_by=by)
        Membership.objects.create(organization=organization, user=by, role=Role.USER_CREATOR)
        record_action(AuditAction.ORGANIZATION_CREATED, organization=organization, by=by, changes={"name": [None, name]})
        return organization

    try:
        return run_in_transaction(create)
    except IntegrityError:
        raise NameTaken from None


def change_organization(*, name: str, country: str, time_zone: str, by: Access) -> None:
    """Changes the name, the country of phone numbers without a country code, and the time zone. Raises NameTaken,
    PermissionDenied."""
    raise_unless(by.is_creator)
    _raise_if_taken(name, exclude=by.organization)

    def change() -> None:
        columns = {"organization_name": name, "country": country, "time_zone": time_zone}
        own = Organization.objects.filter(pk=by.organization.pk)
        before = own.select_for_update().values("pk", *columns).get()
        own.update(**columns)
        if changes := differences(before, columns):
            record_action(AuditAction.ORGANIZATION_CHANGED, organization=by.organization, by=by.user, changes=changes)
        publish_revisions([by.organization.pk])

    try:
        run_in_transaction(change)
    except IntegrityError:
        raise NameTaken from None


@in_transaction
def deactivate_organization(*, by: Access) -> None:
    """Deactivates the organization: no member has access, and its webhooks are stored and wait. Raises PermissionDenied."""
    raise_unless(by.is_creator)
    Organization.objects.filter(pk=by.organization.pk).update(activate=False)
    record_action(AuditAction.ORGANIZATION_CHANGED, organization=by.organization, by=by.user, changes={"activate": [True, False]})
    publish_revisions([by.organization.pk])


def organizations_without_members(*, limit: int) -> list[Organization]:
    """Returns organizations that `connect_number` created and that have no members, in the order of their names."""
    members = Membership.objects.filter(organization=OuterRef("pk"), activate=True, user__activate=True)
    return list(Organization.objects.filter(~Exists(members), activate=True).order_by("organization_name")[:limit])


def _raise_if_taken(name: str, *, exclude: Organization | None = None) -> None:
    # Names that differ only in case would be confused. The column itself prevents them only on MySQL.
    same = Organization.objects.filter(organization_name__iexact=name)
    if (same.exclude(pk=exclude.pk) if exclude else same).exists():
        raise NameTaken
