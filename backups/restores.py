"""Restores a backup into an empty database, and what arrived after it from the archive of webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from backups.after_restore import deletions, erasures, past_answers, unfinished_work, webhooks
from backups.backup_folders import FILES, NAMES, Manifest, ManifestError, applied_migrations, names_in
from backups.progress import progress_bar
from backups.stored_files import copy_to_storage
from backups.tables.row_ids import skip_ids
from backups.tables.rows import backed_up_models, digest_of, file_of, load_table
from backups.tables.snapshots import database_time
from backups.webhook_archive.reader import Archive, ArchiveError
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.models import Organization, User
from webhooks.models import Webhook

MARGIN = timedelta(minutes=10)
"""Webhooks that arrived so long before the backup are looked for in the archive too, because they may have been committed later.
It also allows for clocks that differ."""


class RestoreRefused(ValueError):
    """Nothing was changed. The text says what the operator has to do."""


@dataclass(slots=True)
class Restored:
    """What a restore did, for the operator. `missing_files` are those that the backup does not have."""

    rows: int = 0
    missing_files: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    webhooks: int = 0
    erasures: int = 0
    deletions: int = 0


def restore_backup(folder: Path, archive_directory: Path | None) -> Restored:
    """Restores the backup in the folder, then what the archive has since. Raises RestoreRefused. No other process of the hub may
    run. A restore that was interrupted begins again with an empty database."""
    try:
        manifest = Manifest.read(folder)
        manifest.require_keys()
        archive = Archive(archive_directory) if archive_directory else None
    except (ManifestError, ArchiveError) as failure:
        raise RestoreRefused(str(failure)) from None
    _check(manifest, folder, archive)
    restored = Restored(rows=_load_rows(manifest, folder))
    with progress_bar("files", total=manifest.files, unit=" files") as bar:
        restored.missing_files = copy_to_storage(names_in(folder), folder.parent / FILES, bar.update)
    skip_ids()
    _prepare_to_go_on(manifest, archive, restored)
    changes: dict[str, Sequence[Any]] = {"backup": [None, folder.name], "webhooks": [None, restored.webhooks]}
    run_in_transaction(lambda: record_action(AuditAction.RESTORED, organization=None, changes=changes))
    return restored


def _check(manifest: Manifest, folder: Path, archive: Archive | None) -> None:
    if any(model._default_manager.exists() for model in (User, Organization, Webhook)):
        raise RestoreRefused("the database is not empty: restore into a new one, which manage.py prepare_database creates")
    if manifest.migrations != applied_migrations():
        raise RestoreRefused("the backup was made by another version: restore with that version, then update")
    if archive and archive.began_at > manifest.taken_at:
        raise RestoreRefused("the archive of webhooks began after this backup: restore a later backup, or leave --archive out")
    for model in backed_up_models():
        stored = manifest.tables.get(model._meta.db_table)
        if stored is None or _digest_or_none(file_of(folder, model)) != stored.sha256:
            raise RestoreRefused(f"the file of the table {model._meta.db_table} is damaged or missing")
    try:
        is_whole = sum(1 for _name in names_in(folder)) == manifest.files
    except (OSError, UnicodeDecodeError):
        is_whole = False
    if not is_whole:
        raise RestoreRefused(f"{NAMES}, the list of the files of messages, is damaged or missing")


def _digest_or_none(path: Path) -> str | None:
    try:
        return digest_of(path)
    except OSError:
        return None


def _load_rows(manifest: Manifest, folder: Path) -> int:
    total = sum(each.rows for each in manifest.tables.values())
    connection.disable_constraint_checking()
    try:
        with progress_bar("rows", total=total) as bar:
            for model in backed_up_models():
                load_table(model, folder, manifest.tables[model._meta.db_table], bar.update)
    finally:
        connection.enable_constraint_checking()
    return total


def _prepare_to_go_on(manifest: Manifest, archive: Archive | None, restored: Restored) -> None:
    """Ends what was under way, and applies what the archive has. Erasures and deletions come first, so that no webhook brings
    anybody back."""
    now = database_time(connection)
    past_answers.report_nothing()
    past_answers.keep_bots_silent(now)
    restored.ended = unfinished_work.end_unfinished_work()
    if archive:
        since = manifest.taken_at - MARGIN
        restored.erasures = erasures.erase_again(archive.erasures(since).values(), since=since)
        deleted = deletions.apply_deletions(archive.deletions(since).values())
        restored.deletions = len(deleted)
        with progress_bar("archive", total=archive.bytes_since(since), unit="B") as bar:
            restored.webhooks = webhooks.store_archived(archive.webhooks(since, bar.update), deleted=deleted)
        skip_ids()  # of webhooks, after those of the archive
    with progress_bar("webhooks") as bar:
        webhooks.apply_webhooks(bar.update)
    past_answers.skip_reminders(now)
    past_answers.resume_reports()
