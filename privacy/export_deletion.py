"""The files of exports of one person: how they are stopped and deleted."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from chats.media.file_storage import delete_files
from jobs.models import CurrentTime, State
from jobs.transactions import run_in_transaction
from organizations.storage import record_stored_file
from privacy.models import PersonExport, PersonExportPart

BEING_WRITTEN = Q(lease_token__isnull=False, due_at__gt=CurrentTime())
"""Exports that a worker has leased."""


def stop_exports(organization_id: int, contact_ids: Collection[int]) -> bool:
    """Stops the exports of these contacts for good. Returns False while a worker writes a part of one: a part that is saved after
    its row is deleted would stay if the worker died."""
    exports = PersonExport.objects.filter(organization=organization_id, contact_id__in=contact_ids)
    exports.filter(state=State.DUE).update(state=State.DEAD)
    exports.update(expires_at=Now())
    return not exports.filter(BEING_WRITTEN).exists()


def delete_exports(exports: "QuerySet[Any]") -> int:
    """Deletes the files of the exports, then the rows. Returns how many. No worker may write one of them."""
    ids = list(exports.values_list("pk", flat=True))
    delete_files(filter(None, PersonExport.objects.filter(pk__in=ids).values_list("file", flat=True)))
    delete_files(PersonExportPart.objects.filter(export__in=ids).values_list("name", flat=True))
    for pk in ids:
        run_in_transaction(partial(_delete, pk))
    return len(ids)


def _delete(export_id: int) -> None:
    export = PersonExport.objects.select_for_update().filter(pk=export_id).first()
    if export and export.size:
        record_stored_file(organization_id=export.organization_id, size=-export.size)
    PersonExport.objects.filter(pk=export_id).delete()
