"""Exports of one person as rows of the worker's lane. A lease writes one part, so an export goes on with the next part if its
worker dies. The parts are deleted when the link ends."""

import logging
import secrets
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation

from chats.exports.parts import new_part_name
from chats.media.file_storage import StorageFailed, delete_files, save_file
from chats.models import Message
from contacts.models import Contact
from jobs.models import MAX_ATTEMPTS, Lease, State
from jobs.transactions import in_transaction, run_in_transaction
from jobs.wakeups import wake_after_commit
from jobs.workers.worker import Lane
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, User, hub_time_zone
from organizations.storage import record_stored_file
from privacy.erasure.requests import contacts_of_person, is_being_erased
from privacy.export_deletion import BEING_WRITTEN, delete_exports
from privacy.models import PersonExport, PersonExportPart
from privacy.person_export.archive import write_archive, write_files

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=7)
"""How long the link works."""
EXPORTS_AT_ONCE = 100


class BeingErased(Exception):
    """The person is being erased, or the contact is gone: there is nothing to export any more."""


class ExportCancelled(Exception):
    """The row is gone or another worker's: the person is being erased, for example."""


@in_transaction
def request_export(*, organization: Organization, contact: Contact, by: User, language: str, now: datetime) -> PersonExport:
    """Queues an export of the person. Returns the one that is under way if there is one. Raises BeingErased."""
    # The lock: an erasure that begins at the same time stops the export, or is seen here.
    locked = Contact.objects.select_for_update().filter(pk=contact.pk).first()
    if locked is None or is_being_erased(locked):
        raise BeingErased
    own = PersonExport.objects.filter(organization=organization, contact_id=contact.pk)
    if running := own.filter(state=State.DUE).first():
        return running
    record_action(AuditAction.EXPORTED, organization=organization, by=by, target=("contact", contact.pk))
    wake_after_commit(PersonExport)
    return PersonExport.objects.create(
        organization=organization,
        queue_id=organization.pk,
        contact_id=contact.pk,
        requested_by=by,
        create_in=now,
        expires_at=now + LIFETIME,
        language=language,
        total=Message.objects.filter(contact=contact).count(),
    )


def exports_of(organization: Organization, contact_id: int) -> "QuerySet[PersonExport]":
    """Returns the exports of the contact whose links have not ended, the latest first."""
    own = PersonExport.objects.filter(organization=organization, contact_id=contact_id)
    return own.filter(expires_at__gt=timezone.now()).order_by("-pk")


def available_parts(export: PersonExport, now: datetime) -> Sequence[PersonExportPart] | None:
    """Returns the parts of the file in order, None if it cannot be downloaded."""
    if export.state != State.DONE or now >= export.expires_at:
        return None
    parts = list(export.parts.order_by("position"))
    last = PersonExportPart(name=export.file, size=export.size - sum(part.compressed_size for part in parts))
    return [*parts, last]


def delete_expired_exports() -> int:
    """A chore: deletes exports whose links have ended, with their files. Returns how many. Files that the storage does not delete
    are left to the next run."""
    expired = PersonExport.objects.filter(expires_at__lte=timezone.now()).exclude(BEING_WRITTEN)
    try:
        return delete_exports(expired.order_by("?")[:EXPORTS_AT_ONCE])  # in another order each time, so that none waits for others
    except StorageFailed as failure:
        log.error("files of exports of persons cannot be deleted: %s", failure)
        return 0


# ---- The worker


def run_exports(lease: Lease) -> None:
    """Writes the next part of each export of the lease."""
    for pk in lease.ids:
        export = PersonExport.objects.select_related("organization").get(pk=pk)
        contact = Contact.objects.filter(organization=export.organization, pk=export.contact_id).first()
        if contact is None or is_being_erased(contact):
            lease.set_dead([pk], "the contact is gone")
            continue
        zone = ZoneInfo(export.organization.time_zone or hub_time_zone())
        with translation.override(export.language), timezone.override(zone):
            _write_part(lease, export, contacts_of_person(contact))


def _write_part(lease: Lease, export: PersonExport, contacts: Sequence[Contact]) -> None:
    """Writes the next part: files of messages if some are left, or else the last part."""
    if not run_in_transaction(partial(_delete_unfinished, lease, export)):
        return
    parts = list(export.parts.order_by("position"))
    part = PersonExportPart(export=export, position=len(parts), name=new_part_name(export.organization_id))
    with tempfile.TemporaryFile() as file:
        part.entries, part.last_message = write_files(file, contacts, parts, skips_unreadable=_is_last_attempt(export))
        if not part.entries:
            _write_last_part(lease, export, contacts, parts)
            return
        size = file.tell()
        file.seek(0)
        # The row names the part before it exists, so a worker that dies leaves no part that nobody deletes.
        if not run_in_transaction(partial(_store_name, lease, export, part)):
            return
        save_file(part.name, File(file))
    if not run_in_transaction(partial(_store_part, lease, export, part, size)):
        delete_files([part.name])


def _is_last_attempt(export: PersonExport) -> bool:
    """Returns whether the export would be given up if it failed now. Better a file is missing than all of them."""
    return export.attempts + 1 >= MAX_ATTEMPTS


def _is_locked(lease: Lease, export: PersonExport) -> bool:
    """Locks the export until the transaction ends. Returns False if this worker does not have it any more."""
    return bool(lease.held([export.pk]).select_for_update().values_list("pk"))


def _delete_unfinished(lease: Lease, export: PersonExport) -> bool:
    """Deletes what a worker that died had begun. If the storage fails, its error is raised and the rows stay. Returns False if this
    worker does not have the export any more. Must run in a transaction."""
    if not _is_locked(lease, export):
        return False
    if export.file:
        default_storage.delete(export.file)
    for part in export.parts.filter(size=None):
        default_storage.delete(part.name)
        part.delete()
    return True


def _store_name(lease: Lease, export: PersonExport, part: PersonExportPart) -> bool:
    is_held = bool(lease.held([export.pk]).update(file=""))
    if is_held:
        part.save(force_insert=True)
    return is_held


def _store_part(lease: Lease, export: PersonExport, part: PersonExportPart, size: int) -> bool:
    """Stores that the part is finished, and returns the lease. Returns False if this worker does not have the export any more."""
    if not _is_locked(lease, export) or not PersonExportPart.objects.filter(pk=part.pk).update(size=size):
        return False
    lease.held([export.pk]).update(due_at=Now(), lease_token=None, attempts=0, reason="", size=F("size") + size)
    record_stored_file(organization_id=export.organization_id, size=size)
    return True


def _write_last_part(lease: Lease, export: PersonExport, contacts: Sequence[Contact], parts: Sequence[PersonExportPart]) -> None:
    held = lease.held([export.pk])
    name = f"exports/{export.organization_id}/{secrets.token_urlsafe(18)}.zip"

    def record_progress(written: int) -> None:
        if not held.update(written=written):
            raise ExportCancelled

    with tempfile.TemporaryFile() as file:
        try:
            write_archive(file, contacts, parts, record_progress, skips_unreadable=_is_last_attempt(export))
        except ExportCancelled:
            return
        size = file.tell()
        file.seek(0)
        if not held.update(file=name):
            return
        save_file(name, File(file))
    if not run_in_transaction(partial(_finish, lease, export, size)):
        delete_files([name])


def _finish(lease: Lease, export: PersonExport, size: int) -> bool:
    columns = {"state": State.DONE, "lease_token": None, "size": F("size") + size, "reason": ""}
    is_held = bool(lease.held([export.pk]).update(**columns))
    if is_held:
        record_stored_file(organization_id=export.organization_id, size=size)
    return is_held


LANE = Lane("person-exports", model=PersonExport, work=run_exports, limit=1, seconds=120.0)
