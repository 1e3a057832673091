"""Removes old entries of the audit log. The chain keeps the position and the digest of the last one, so the rest can be
verified."""

import random
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
"""In one run of the chore, which runs each minute."""


@in_transaction
def set_audit_days(*, organization: Organization, days: int, by: User) -> None:
    """Sets after how many days entries of the organization are removed."""
    before = Organization.objects.select_for_update().get(pk=organization.pk).audit_days
    if before != days:
        Organization.objects.filter(pk=organization.pk).update(audit_days=days)
        record_action(AuditAction.AUDIT_CHANGED, organization=organization, by=by, changes={"audit_days": [before, days]})


def remove_old_entries() -> int:
    """A chore: removes entries that are older than their organization keeps them, and returns how many. Organizations take turns,
    so that none waits until another one has nothing left to remove."""
    days = dict(Organization.objects.values_list("pk", "audit_days"))
    first = AuditEntry.objects.filter(organization_id=OuterRef("pk"), sequence=OuterRef("removed") + 1)
    chains = AuditChain.objects.annotate(oldest=Subquery(first.values("create_in")[:1])).values_list("pk", "oldest")
    now = timezone.now()
    before = {pk: now - timedelta(days=days.get(pk, DEFAULT_AUDIT_DAYS)) for pk, _ in chains}
    due = [pk for pk, oldest in chains if oldest is not None and oldest < before[pk]]
    random.shuffle(due)
    total, batches = 0, 0
    while due and batches < MAX_BATCHES:
        organization_id = due.pop(0)
        count = run_in_transaction(partial(_remove_batch, organization_id, before[organization_id]))
        total, batches = total + count, batches + 1
        if count == BATCH:
            due.append(organization_id)
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
