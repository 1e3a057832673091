"""`manage.py backup`: makes a backup while the hub runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backups.backup_folders import BackupsInUse, remove_old, reserve
from backups.backups import make_backup


class Command(BaseCommand):
    help = (
        "Makes a backup of the database and of the files of messages, while the hub runs. Secrets in it stay encrypted: keep "
        "FIELD_ENCRYPTION_KEYS and SECRET_KEY elsewhere. docs/operations.md says how to restore it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, help="where backups are; this one gets a folder named after the time, in UTC")
        parser.add_argument("--keep", type=int, metavar="N", help="afterwards delete all but the latest N backups")
        parser.add_argument(
            "--without-files", action="store_true", help="leave out the files of messages, which a bucket keeps in versions itself"
        )

    def handle(self, *, directory: Path, keep: int | None, without_files: bool, **options: Any) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep is at least 1")
        try:
            with reserve(directory):
                self._back_up(directory, keep, with_files=not without_files)
        except BackupsInUse as refused:
            raise CommandError(str(refused)) from None
        except OSError as failure:
            where = failure.filename or directory
            raise CommandError(f"the backup was not finished: {where}: {failure.strerror}") from None

    def _back_up(self, directory: Path, keep: int | None, *, with_files: bool) -> None:
        folder = make_backup(directory, with_files=with_files)
        self.stdout.write(str(folder))
        if keep:
            backups, files = remove_old(directory, keep=keep)
            self.stdout.write(f"deleted: {backups} old backups, {files} files")
