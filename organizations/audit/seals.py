"""Links entries of the audit log into a chain for each organization, and one for the hub.

    digest of an entry = SHA-256 of (digest of the entry before, content of the entry)

The worker does it, some seconds after the entries were written, so that no action waits for another one. Who changes or removes a
sealed entry must compute all following digests again.
"""

import hashlib
import json
from datetime import UTC
from functools import partial

from jobs.bulk_writes import update_columns
from jobs.transactions import run_in_transaction
from organizations.models import AuditChain, AuditEntry

BATCH = 500
"""Entries of one transaction."""
MAX_BATCHES = 40
"""Of one organization in one run. The next run continues."""
MAX_CHAINS = 1_000
"""In one run."""


def seal_entries() -> int:
    """Seals the entries that are not sealed yet, and returns how many. A chore."""
    unsealed = AuditEntry.objects.unsealed().order_by("organization_id")
    ids = list(unsealed.values_list("organization_id", flat=True).distinct()[:MAX_CHAINS])
    return sum(_seal_chain(organization_id) for organization_id in ids)


def _seal_chain(organization_id: int) -> int:
    total = 0
    for _ in range(MAX_BATCHES):
        count = run_in_transaction(partial(_seal_batch, organization_id))
        total += count
        if count < BATCH:
            break
    return total


def _seal_batch(organization_id: int) -> int:
    """Two workers do this one after the other, because of the lock. Where there are no row locks, the position, which is unique,
    makes the second one roll back and run again."""
    AuditChain.objects.get_or_create(pk=organization_id)
    chain = AuditChain.objects.select_for_update().get(pk=organization_id)
    entries = list(AuditEntry.objects.unsealed().filter(organization_id=organization_id).order_by("pk")[:BATCH])
    for entry in entries:
        chain.sealed += 1
        chain.digest = compute_digest(entry, sequence=chain.sealed, previous=chain.digest)
        entry.sequence, entry.digest = chain.sealed, chain.digest
    update_columns(AuditEntry, ("sequence", "digest"), {entry.pk: (entry.sequence, entry.digest) for entry in entries})
    chain.save(update_fields=["sealed", "digest"])
    return len(entries)


def compute_digest(entry: AuditEntry, *, sequence: int, previous: str) -> str:
    """Returns the digest of an entry at a position of the chain, after an entry with the digest `previous`."""
    content = {
        "previous": previous,
        "sequence": sequence,
        "id": entry.pk,
        "organization": entry.organization_id,
        "action": entry.action,
        "actor": [entry.actor_kind, entry.actor_id, entry.actor_label],
        "target": [entry.target_kind, entry.target_id, entry.count, entry.target_ids],
        "changes": entry.changes,
        "origin": [entry.address, entry.agent],
        "time": entry.create_in.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
