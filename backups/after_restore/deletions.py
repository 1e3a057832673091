"""Deletions of organizations that were requested, cancelled or carried out after the backup."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from backups.webhook_archive.records import DeletionRecord
from jobs.transactions import run_in_transaction
from organizations.models import Organization, User
from privacy.models import DeletionStep, OrganizationDeletion

CARRIED_OUT = (DeletionStep.DELETING, DeletionStep.DELETED)


def apply_deletions(records: Collection[DeletionRecord]) -> set[int]:
    """Stores the deletions as they were. One that had begun is due again, and the worker deletes the restored rows. Returns the
    ids of the organizations that are deleted."""
    for record in records:
        stored = OrganizationDeletion.objects.filter(pk=record.id).first()
        if stored is None or DeletionRecord.of(stored) != record:
            run_in_transaction(lambda record=record: _apply(record))  # type: ignore[misc]
    return {each.organization_id for each in records if each.step in CARRIED_OUT}


def _apply(record: DeletionRecord) -> None:
    values: dict[str, Any] = asdict(record)
    pk, requested_by = values.pop("id"), values.pop("requested_by")
    values["requested_by"] = User.objects.filter(pk=requested_by).first()
    if record.step in CARRIED_OUT:
        values |= {"step": DeletionStep.GRACE, "finished_at": None}
    OrganizationDeletion.objects.update_or_create(pk=pk, defaults=values)
    is_cancelled = record.step == DeletionStep.CANCELLED
    Organization.objects.filter(pk=record.organization_id).update(activate=is_cancelled)
