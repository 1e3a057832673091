"""Verifies the chain of the audit log: finds the first entry that was changed or removed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from organizations.audit.seals import compute_digest
from organizations.models import AuditChain, AuditEntry

BATCH = 2_000


class Fault(Enum):
    """What is wrong with a chain."""

    CHANGED = "was changed"
    MISSING = "is missing"
    ADDED = "was added behind the end of the chain"


@dataclass(frozen=True, slots=True)
class BrokenEntry:
    """The first entry that does not fit into the chain. `entry_id` is None if it is missing."""

    fault: Fault
    sequence: int
    entry_id: int | None


@dataclass(frozen=True, slots=True)
class Verification:
    """The result for one chain. `sealed` and `digest` are its end: who notes them elsewhere can compare them later."""

    organization_id: int
    verified: int
    removed: int
    sealed: int
    digest: str
    broken: BrokenEntry | None


def chains() -> list[int]:
    """Returns the ids of the organizations that have sealed entries, or had some. `HUB` is the hub's."""
    sealed = AuditEntry.objects.filter(sequence__isnull=False).order_by("organization_id")
    entries = sealed.values_list("organization_id", flat=True).distinct()
    return sorted({*AuditChain.objects.values_list("pk", flat=True), *entries})


def verify_chain(organization_id: int) -> Verification:
    """Verifies all sealed entries of an organization, or of the hub. Entries may be written, sealed and removed meanwhile."""
    while True:
        chain = _chain(organization_id)
        verified, broken = _verify(chain)
        if broken is None or _chain(organization_id).removed == chain.removed:
            return Verification(organization_id, verified, chain.removed, chain.sealed, chain.digest, broken)
        # Retention has removed entries while they were read.


def _chain(organization_id: int) -> AuditChain:
    return AuditChain.objects.filter(pk=organization_id).first() or AuditChain(organization_id=organization_id)


def _verify(chain: AuditChain) -> tuple[int, BrokenEntry | None]:
    """Returns how many entries fit into the chain, and the first one that does not."""
    sequence, digest = chain.removed, chain.removed_digest
    for entry in _sealed_entries(chain):
        if entry.sequence != sequence + 1:
            break
        if compute_digest(entry, sequence=sequence + 1, previous=digest) != entry.digest:
            return sequence - chain.removed, BrokenEntry(Fault.CHANGED, sequence + 1, entry.pk)
        sequence, digest = sequence + 1, entry.digest
    verified = sequence - chain.removed
    if sequence < chain.sealed:
        return verified, BrokenEntry(Fault.MISSING, sequence + 1, None)
    if digest != chain.digest:
        return verified, BrokenEntry(Fault.CHANGED, sequence, None)
    return verified, _added_entry(chain)


def _sealed_entries(chain: AuditChain) -> Iterator[AuditEntry]:
    """Yields the entries up to the end of the chain, in their order."""
    sequence = chain.removed
    while True:
        rows = AuditEntry.objects.filter(organization_id=chain.pk, sequence__gt=sequence, sequence__lte=chain.sealed)
        batch = list(rows.order_by("sequence")[:BATCH])
        if not batch:
            return
        yield from batch
        sequence = batch[-1].sequence or 0


def _added_entry(chain: AuditChain) -> BrokenEntry | None:
    """Returns an entry that claims to be in the chain and is not: behind its end, or before its beginning."""
    entries = AuditEntry.objects.filter(organization_id=chain.pk)
    added = entries.filter(sequence__gt=chain.sealed).order_by("-sequence").first()
    # The worker may have sealed entries since the chain was read.
    if added and added.sequence and added.sequence > _chain(chain.pk).sealed:
        return BrokenEntry(Fault.ADDED, added.sequence, added.pk)
    return None
