"""Deletes the files of exports that have ended. First an export ends, then its files are deleted, then the rows of its parts: if a
process dies in between, or the storage does not answer, the next run goes on."""

from collections.abc import Sequence

from django.db.models import Q
from django.utils import timezone

from chats.exports.export_lane import RETENTION
from chats.exports.parts import delete_part_file
from chats.models import Export, ExportPart
from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.storage import record_stored_file

PARTS_AT_ONCE = 500


def expire_exports() -> int:
    """A chore: ends exports that have expired, or failed long ago, and deletes files of ended ones. Returns how many files were
    deleted."""
    now = timezone.now()
    failed = Q(state=State.DEAD, create_in__lt=now - RETENTION)
    expired = Export.objects.filter(Q(state=State.DONE, expires_at__lte=now) | failed, ending=Export.Ending.NONE)
    ids = list(expired.values_list("pk", flat=True))
    Export.objects.filter(pk__in=ids, ending=Export.Ending.NONE).update(ending=Export.Ending.EXPIRED, state=State.DONE)
    return delete_ended_files()


def delete_ended_files(organization_id: int | None = None) -> int:
    """Deletes the files of ended exports, by default those of all organizations. Files that the storage does not delete are left to
    the next run. Returns how many were deleted."""
    ended = ExportPart.objects.exclude(export__ending=Export.Ending.NONE).order_by("pk")
    if organization_id is not None:
        ended = ended.filter(export__organization=organization_id)
    deleted, last = 0, 0
    while parts := list(ended.filter(pk__gt=last).select_related("export")[:PARTS_AT_ONCE]):
        last = parts[-1].pk
        gone = [part for part in parts if delete_part_file(part)]
        run_in_transaction(lambda gone=gone: _delete_rows(gone))  # type: ignore[misc]
        deleted += len(gone)
    return deleted


def _delete_rows(parts: Sequence[ExportPart]) -> None:
    """Deletes the rows of parts whose files are deleted, and frees their storage use. Must run in a transaction."""
    for part in parts:
        is_deleted, _ = ExportPart.objects.filter(pk=part.pk).delete()
        if is_deleted and part.compressed_size:
            record_stored_file(organization_id=part.export.organization_id, size=-part.compressed_size)
