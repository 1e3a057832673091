"""The lane that writes exports. A lease writes one part, so exports of several organizations advance in turn.

    read the next lines ──> store a row for the part ──> save its file ──> in one transaction: the part's size, and the position
                                                                           after it, if the lease is still this worker's

A worker may die anywhere. The next one deletes an unfinished part, and begins after the last finished one, so that no line is
missing or there twice. Of the exports of one organization, only the oldest is written.
"""

from datetime import timedelta

from django.core.files.base import ContentFile
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone, translation

from chats.exports.chunks import Chunk
from chats.exports.contact_lines import last_contact_id, read_contacts
from chats.exports.message_columns import message_headers
from chats.exports.message_lines import last_message_id, read_messages
from chats.exports.parts import PartText, delete_part_file, new_part_name
from chats.media.file_storage import StorageFailed, delete_files, save_file
from chats.models import Export, ExportPart, ExportProblem
from contacts.csv.exports import contact_headers
from jobs.models import Lease, State
from jobs.replicas import replica_reads
from jobs.transactions import run_in_transaction
from jobs.workers.worker import Lane
from organizations.permissions import get_access
from organizations.storage import record_stored_file

RETENTION = timedelta(days=7)
"""How long a finished export can be downloaded, and a failed one can be retried."""
MAX_LINES = 5_000
MAX_BYTES = 8 * 2**20
MAX_STEPS = 20
"""A part ends after the step in which it has reached one of these limits. So a lease takes seconds."""
WAIT = timedelta(seconds=30)
"""How long an export waits for an older one, at most."""


class ExportTaken(Exception):
    """Another worker has leased the export, or it has ended."""


def write_exports(lease: Lease) -> None:
    """Writes one part of each export of the lease."""
    for export in Export.objects.filter(pk__in=lease.ids).select_related("organization", "created_by"):
        try:
            with translation.override(export.language):
                _write_part(lease, export)
        except ExportTaken:
            continue
        except StorageFailed as failure:
            lease.held([export.pk]).update(problem=ExportProblem.STORAGE)
            lease.retry([export.pk], str(failure))


def _write_part(lease: Lease, export: Export) -> None:
    if _has_older(export):
        lease.held([export.pk]).update(lease_token=None, due_at=Now() + WAIT)
        return
    if not _may_export(export):
        lease.held([export.pk]).update(problem=ExportProblem.LOST_ACCESS)
        lease.set_dead([export.pk], ExportProblem.LOST_ACCESS)
        _start_next(export)
        return
    if export.end_id is None:
        export.end_id = last_contact_id() if export.content == Export.Content.CONTACTS else last_message_id()
        _update(lease, export, end_id=export.end_id)
    run_in_transaction(lambda: _delete_unfinished(lease, export))
    text = PartText()
    with replica_reads():
        lines, chunk = _read(export, text)
    part = _save(lease, export, text) if text.size else None
    try:
        run_in_transaction(lambda: _store(lease, export, part, lines, chunk))
    except ExportTaken:
        if part:
            delete_files([part.name])
        raise


def _has_older(export: Export) -> bool:
    return bool(Export.objects.filter(organization=export.organization_id, state=State.DUE, pk__lt=export.pk).exists())


def _may_export(export: Export) -> bool:
    """Returns whether the organization is active, and the user who started the export still is its administrator."""
    if export.created_by is None:
        return bool(export.organization.activate)
    access = get_access(export.created_by, export.organization_id)
    return access is not None and access.is_admin


def _lock(lease: Lease, export: Export) -> None:
    """Locks the export, so that no other worker can begin or finish a part until the transaction ends. Raises ExportTaken."""
    if not lease.held([export.pk]).select_for_update().values_list("pk"):
        raise ExportTaken


def _delete_unfinished(lease: Lease, export: Export) -> None:
    """Deletes what a worker that died had begun. Must run in a transaction. Raises ExportTaken and StorageFailed."""
    _lock(lease, export)
    for part in export.parts.filter(size=None):
        if not delete_part_file(part):
            raise StorageFailed("An unfinished part cannot be deleted.")
        part.delete()


def _read(export: Export, text: PartText) -> tuple[int, Chunk]:
    """Adds the next lines to the text. Returns their number, and the last chunk."""
    read = read_contacts if export.content == Export.Content.CONTACTS else read_messages
    position = dict(export.position)
    lines = steps = 0
    if not position and export.format == Export.Format.CSV:
        headers = contact_headers if export.content == Export.Content.CONTACTS else message_headers
        text.add(headers(export.language))
    while True:
        chunk = read(export, position)
        text.add(chunk.text)
        lines, steps, position = lines + chunk.lines, steps + 1, chunk.position
        if chunk.is_last or lines >= MAX_LINES or text.size >= MAX_BYTES or steps == MAX_STEPS:
            return lines, chunk


def _save(lease: Lease, export: Export, text: PartText) -> ExportPart:
    """Saves the text in the storage, after a row that says so. Raises ExportTaken and StorageFailed."""
    content = text.finish()
    part = run_in_transaction(lambda: _begin(lease, export))
    save_file(part.name, ContentFile(content))
    part.size, part.compressed_size = text.size, len(content)
    return part


def _begin(lease: Lease, export: Export) -> ExportPart:
    """Stores that a part is being written. Must run in a transaction. Raises ExportTaken."""
    _lock(lease, export)
    part: ExportPart = ExportPart.objects.create(
        export=export, position=export.parts.count(), name=new_part_name(export.organization_id)
    )
    return part


def _store(lease: Lease, export: Export, part: ExportPart | None, lines: int, chunk: Chunk) -> None:
    """Stores that the part is finished, and returns the lease. Raises ExportTaken."""
    now = timezone.now()
    finished = {"state": State.DONE, "finished_at": now, "expires_at": now + RETENTION}
    columns: dict[str, object] = finished if chunk.is_last else {"due_at": Now()}
    percent = 100 if chunk.is_last else min(99, int(100 * chunk.fraction))
    columns |= {"position": chunk.position, "percent": percent, "lines": F("lines") + lines, "lease_token": None}
    columns |= {"attempts": 0, "reason": "", "problem": ExportProblem.NONE}
    _update(lease, export, **columns, size=F("size") + (part.size or 0 if part else 0))
    if part:
        part.save(update_fields=["size", "compressed_size"])
        record_stored_file(organization_id=export.organization_id, size=part.compressed_size)
    if chunk.is_last:
        _start_next(export)


def _start_next(export: Export) -> None:
    """Makes the exports that wait for this one due."""
    waiting = Export.objects.filter(organization=export.organization_id, state=State.DUE, lease_token=None, pk__gt=export.pk)
    waiting.update(due_at=Now())


def _update(lease: Lease, export: Export, **columns: object) -> None:
    if not lease.held([export.pk]).update(**columns):
        raise ExportTaken


LANE = Lane("exports", model=Export, work=write_exports, limit=1, seconds=60.0)
