"""Removes old entries of the audit log. The chain keeps the position and the digest of the last one, so the rest can be
verified."""

from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile

from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from jobs.transactions import in_transaction, run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import DEFAULT_AUDIT_DAYS, AuditChain, AuditEntry, Organization, User

BATCH = 500
"""Entries of one transaction."""
MAX_BATCHES = 40
"""In one run. The next run continues."""


@in_transaction
def set_audit_days(*, organization: Organization, days: int, by: User) -> None:
    """Sets after how many days entries of the organization are removed."""
    before = Organization.objects.select_for_update().get(pk=organization.pk).audit_days
    if before != days:
        Organization.objects.filter(pk=organization.pk).update(audit_days=days)
        record_action(AuditAction.AUDIT_CHANGED, organization=organization, by=by, changes={"audit_days": [before, days]})


def remove_old_entries() -> int:
    """Removes entries that are older than their organization keeps them, and returns how many. A chore."""
    days = dict(Organization.objects.values_list("pk", "audit_days"))
    first = AuditEntry.objects.filter(organization_id=OuterRef("pk"), sequence=OuterRef("removed") + 1)
    oldest = AuditChain.objects.annotate(oldest=Subquery(first.values("create_in")[:1])).order_by("pk")
    total, batches = 0, 0
    for organization_id, since in list(oldest.values_list("pk", "oldest")):
        before = timezone.now() - timedelta(days=days.get(organization_id, DEFAULT_AUDIT_DAYS))
        if since is None or since >= before:
            continue
        while batches < MAX_BATCHES and (count := run_in_transaction(partial(_remove_batch, organization_id, before))):
            total, batches = total + count, batches + 1
    return total


def _remove_batch(organization_id: int, before: datetime) -> int:
    """Removes the oldest entries of a chain. Unsealed entries stay, and with them what follows."""
    chain = AuditChain.objects.select_for_update().get(pk=organization_id)
    sealed = AuditEntry.objects.filter(organization_id=organization_id, sequence__gt=chain.removed)
    oldest = sealed.order_by("sequence").only("sequence", "digest", "create_in")[:BATCH]
    old = list(takewhile(lambda entry: entry.create_in < before, oldest))
    if old:
        chain.removed, chain.removed_digest = old[-1].sequence or 0, old[-1].digest
        chain.save(update_fields=["removed", "removed_digest"])
        # Not the method of the entries' own QuerySet, which refuses.
        models.QuerySet.delete(AuditEntry.objects.filter(pk__in=[entry.pk for entry in old]))
    return len(old)
