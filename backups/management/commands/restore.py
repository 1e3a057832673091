"""`manage.py restore`: restores a backup into an empty database, and what the archive of webhooks has since."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from backups.restores import RestoreRefused, restore_backup
from organizations.audit.commands import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Restores a backup into an empty database, and applies the webhooks that the archive has since. Nothing is sent twice: "
        "messages that were queued become uncertain, and bots and events leave out what happened before. No other process of the "
        "hub may run. See docs/operations.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("backup", type=Path, help="the folder that manage.py backup has printed")
        parser.add_argument("--archive", type=Path, metavar="DIR", help="the directory of manage.py archive_webhooks")

    def handle(self, *, backup: Path, archive: Path | None, **options: Any) -> None:
        try:
            restored = restore_backup(backup, archive)
        except RestoreRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{restored.rows} rows restored, {restored.missing_files} files missing")
        for name, count in restored.ended.items():
            self.stdout.write(f"{name}: {count}")
        self.stdout.write(f"webhooks of the archive: {restored.webhooks}")
        self.stdout.write(f"persons to erase again: {restored.erasures}; organizations to delete again: {restored.deletions}")
        self.stdout.write("everybody has to sign in again; start the worker, then the web processes")
