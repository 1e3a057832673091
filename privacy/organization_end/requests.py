"""Requests the deletion of an organization, which is inactive from then on, and cancels it."""

from datetime import datetime, timedelta

from django.conf import settings

from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import Organization, User
from organizations.permissions import Access, raise_unless, was_creator
from privacy.models import DeletionStep, OrganizationDeletion


class DeletionGone(ValueError):
    """The deletion was cancelled, or has begun."""


@in_transaction
def request_deletion(*, by: Access, now: datetime) -> OrganizationDeletion:
    """Deactivates the organization, which is deleted for good in ORGANIZATION_DELETION_DAYS. Its webhooks are stored and wait.
    Returns the pending deletion; the one that exists if it was requested already. Raises PermissionDenied."""
    raise_unless(by.is_creator)
    organization = Organization.objects.select_for_update().get(pk=by.organization.pk)
    if pending := pending_deletion(organization.pk):
        return pending
    Organization.objects.filter(pk=organization.pk).update(activate=False)
    deletion = OrganizationDeletion.objects.create(
        organization_id=organization.pk,
        organization_name=organization.organization_name,
        requested_by=by.user,
        requester=by.user.email,
        requested_at=now,
        due_at=now + timedelta(days=settings.ORGANIZATION_DELETION_DAYS),
    )
    record_action(AuditAction.DELETION_REQUESTED, organization=organization, by=by.user, target=("organization", organization.pk))
    publish_revisions([organization.pk])
    return deletion


@in_transaction
def cancel_deletion(*, deletion: OrganizationDeletion, by: User, now: datetime) -> None:
    """Activates the organization again. What has waited is applied. Raises DeletionGone, PermissionDenied."""
    raise_unless(was_creator(by, deletion.organization_id))
    pending = OrganizationDeletion.objects.filter(pk=deletion.pk, step=DeletionStep.GRACE)
    if not pending.update(step=DeletionStep.CANCELLED, finished_at=now):
        raise DeletionGone
    Organization.objects.filter(pk=deletion.organization_id).update(activate=True)
    organization_id = deletion.organization_id
    record_action(AuditAction.DELETION_CANCELLED, organization=organization_id, by=by, target=("organization", organization_id))
    publish_revisions([organization_id])


def pending_deletion(organization_id: int) -> OrganizationDeletion | None:
    """Returns the deletion of the organization that can still be cancelled."""
    return OrganizationDeletion.objects.filter(organization_id=organization_id, step=DeletionStep.GRACE).first()
