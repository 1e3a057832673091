"""The files of exports of one person: how they are stopped and deleted."""

from collections.abc import Collection
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When

from chats.media.file_storage import StorageFailed, delete_stored_files
from jobs.models import CurrentTime, State
from jobs.transactions import run_in_transaction
from organizations.storage import record_stored_file
from privacy.models import PersonExport

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""In the past by the clock of every machine."""
BEING_WRITTEN = Q(lease_token__isnull=False, due_at__gt=CurrentTime())
"""Exports that a worker has leased."""


def stop_exports(organization_id: int, contact_ids: Collection[int]) -> bool:
    """Stops the exports of these contacts for good. Returns False while a worker writes a part of one: a part that is saved after
    its row is deleted would stay if the worker died."""
    exports = PersonExport.objects.filter(organization=organization_id, contact_id__in=contact_ids)
    is_due = When(state=State.DUE, then=Value(State.DEAD))
    # Together, so that nobody makes a stopped export due again.
    exports.update(state=Case(is_due, default=F("state")), expires_at=LONG_AGO)
    return not exports.filter(BEING_WRITTEN).exists()


def delete_exports(exports: "QuerySet[Any]") -> int:
    """Deletes the files of each export, then its row. Returns how many. No worker may write one of them. Raises StorageFailed after
    the others if the storage does not delete the files of one, whose row stays."""
    deleted, failure = 0, None
    for export in list(exports):
        names = [*filter(None, [export.file]), *export.parts.values_list("name", flat=True)]
        try:
            delete_stored_files(names)
        except StorageFailed as error:
            failure = error
            continue
        run_in_transaction(partial(_delete, export.pk))
        deleted += 1
    if failure:
        raise failure
    return deleted


def _delete(export_id: int) -> None:
    export = PersonExport.objects.select_for_update().filter(pk=export_id).first()
    if export and export.size:
        record_stored_file(organization_id=export.organization_id, size=-export.size)
    PersonExport.objects.filter(pk=export_id).delete()
