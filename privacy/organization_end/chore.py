"""The chore that deletes organizations whose grace time is over, a little at a time.

    grace ──> deleting ──> deleted
      └─> cancelled

A deletion that has begun cannot be cancelled. The last step runs some time after the organization's row is gone: until then, a
process may still accept webhooks with its secrets.
"""

import time
from datetime import timedelta

from django.utils import timezone

from chats.media.file_storage import delete_folder
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, PhoneNumber
from privacy.models import DeletionStep, OrganizationDeletion
from privacy.organization_end.late_webhooks import delete_late_webhooks
from privacy.organization_end.rows import delete_rows_by_id, delete_rows_of
from privacy.organization_end.users import remove_users

MAX_SECONDS = 2.0
"""How long one run of the chore works."""
SETTLING_TIME = timedelta(minutes=10)
"""After the organization's row is gone, for webhooks that were accepted shortly before."""


def delete_organizations() -> int:
    """A chore: deletes rows of organizations that are due. Returns how many."""
    until = time.monotonic() + MAX_SECONDS
    now = timezone.now()
    due = OrganizationDeletion.objects.filter(step=DeletionStep.GRACE, due_at__lte=now)
    for deletion in due:
        run_in_transaction(lambda deletion=deletion: _begin(deletion))  # type: ignore[misc]
    deleting = OrganizationDeletion.objects.filter(step=DeletionStep.DELETING).order_by("due_at")
    return sum(_work_on(deletion, until) for deletion in deleting)


def _begin(deletion: OrganizationDeletion) -> None:
    numbers = PhoneNumber.objects.filter(organization=deletion.organization_id).values_list("phone_number_id", flat=True)
    pending = OrganizationDeletion.objects.filter(pk=deletion.pk, step=DeletionStep.GRACE)
    pending.update(step=DeletionStep.DELETING, phone_number_ids=list(numbers))
    Organization.objects.filter(pk=deletion.organization_id).update(activate=False)


def _work_on(deletion: OrganizationDeletion, until: float) -> int:
    if deletion.finished_at:
        return _finish(deletion)
    remove_users(deletion.organization_id)
    total = 0
    for table, count in delete_rows_of(deletion.organization_id):
        deletion.counts[table] = deletion.counts.get(table, 0) + count
        total += count
        if time.monotonic() > until:
            deletion.save(update_fields=["counts"])
            return total
    deletion.finished_at = timezone.now()
    deletion.save(update_fields=["counts", "finished_at"])
    return total


def _finish(deletion: OrganizationDeletion) -> int:
    """Deletes what arrived while the organization was deleted. Returns the number of rows."""
    if deletion.finished_at is None or timezone.now() < deletion.finished_at + SETTLING_TIME:
        return 0
    total = sum(count for _, count in delete_rows_by_id(deletion.organization_id))
    total += delete_late_webhooks(deletion.phone_number_ids, until=deletion.finished_at + SETTLING_TIME)
    delete_folder(f"files/{deletion.organization_id}")

    def finish() -> None:
        target = ("organization", deletion.organization_id)
        own = OrganizationDeletion.objects.filter(pk=deletion.pk, step=DeletionStep.DELETING)
        if own.update(step=DeletionStep.DELETED, phone_number_ids=[]):
            record_action(AuditAction.ORGANIZATION_DELETED, organization=None, by=deletion.requested_by, target=target)

    run_in_transaction(finish)
    return total
