"""Exports of one person as rows of the worker's lane. The file is deleted when its link ends."""

import secrets
import tempfile
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from django.core.files.base import File
from django.db.models import QuerySet
from django.utils import timezone, translation

from chats.media.file_storage import delete_files, save_file
from chats.models import Message
from contacts.models import Contact
from jobs.models import Lease, State
from jobs.transactions import in_transaction, run_in_transaction
from jobs.wakeups import wake_after_commit
from jobs.worker import Lane
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, User, hub_time_zone
from organizations.storage import record_stored_file
from privacy.erasure.requests import contacts_of_person
from privacy.models import PersonExport
from privacy.person_export.archive import write_archive

LIFETIME = timedelta(days=7)
"""How long the link works."""


class ExportCancelled(Exception):
    """The row is gone or another worker's: the person is being erased, for example."""


@in_transaction
def request_export(*, organization: Organization, contact: Contact, by: User, language: str, now: datetime) -> PersonExport:
    """Queues an export of the person. Returns the one that is under way if there is one."""
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


def is_available(export: PersonExport, now: datetime) -> bool:
    """Returns whether the file is complete and its link works."""
    return export.state == State.DONE and now < export.expires_at


def delete_expired_exports() -> int:
    """A chore: deletes exports whose links have ended, with their files. Returns how many."""
    expired = list(PersonExport.objects.filter(expires_at__lte=timezone.now())[:100])
    delete_files(each.file for each in expired if each.file)
    for each in expired:
        run_in_transaction(partial(_delete, each))
    return len(expired)


def _delete(export: PersonExport) -> None:
    deleted, _ = PersonExport.objects.filter(pk=export.pk).delete()
    if deleted and export.size:
        record_stored_file(organization_id=export.organization_id, size=-export.size)


# ---- The worker


def run_exports(lease: Lease) -> None:
    """Writes the files of the lease."""
    for pk in lease.ids:
        export = PersonExport.objects.select_related("organization").get(pk=pk)
        contact = Contact.objects.filter(organization=export.organization, pk=export.contact_id).first()
        if contact is None:
            lease.set_dead([pk], "the contact is gone")
            continue
        zone = ZoneInfo(export.organization.time_zone or hub_time_zone())
        with translation.override(export.language), timezone.override(zone):
            _write(lease, export, contact)


def _write(lease: Lease, export: PersonExport, contact: Contact) -> None:
    held = lease.held([export.pk])
    delete_files(filter(None, [export.file]))  # of a worker that died
    name = f"exports/{export.organization_id}/{secrets.token_urlsafe(18)}.zip"

    def record_progress(written: int) -> None:
        if not held.update(written=written):
            raise ExportCancelled

    with tempfile.TemporaryFile() as file:
        try:
            write_archive(file, contacts_of_person(contact), record_progress)
        except ExportCancelled:
            return
        size = file.tell()
        file.seek(0)
        # The row names the file before it exists, so a worker that dies leaves no file that nobody deletes.
        if not held.update(file=name):
            return
        save_file(name, File(file))
    if not run_in_transaction(partial(_finish, lease, export, size)):
        delete_files([name])


def _finish(lease: Lease, export: PersonExport, size: int) -> bool:
    columns = {"state": State.DONE, "lease_token": None, "size": size, "reason": ""}
    is_held = bool(lease.held([export.pk]).update(**columns))
    if is_held:
        record_stored_file(organization_id=export.organization_id, size=size)
    return is_held


LANE = Lane("person-exports", model=PersonExport, work=run_exports, limit=1, seconds=120.0)
