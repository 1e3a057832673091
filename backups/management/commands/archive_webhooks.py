"""`manage.py archive_webhooks`: copies webhooks, erasures and deletions into files, continuously."""

import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, connection

from backups.webhook_archive.writer import ArchiveInUse, ArchiveWriter

PAUSE = 1.0
"""Seconds between two looks at the database."""


class Command(BaseCommand):
    help = (
        "Copies each webhook into a directory within seconds, until SIGTERM, so that a backup can be restored without losing what "
        "Meta has sent since. The directory belongs on another machine or disk than the database. See docs/operations.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument(
            "--keep-days", type=int, metavar="N", help="delete files after N days, at least as many as backups are kept"
        )
        parser.add_argument("--once", action="store_true", help="copy what is new, then exit")

    def handle(self, *, directory: Path, keep_days: int | None, once: bool, **options: Any) -> None:
        if keep_days is not None and keep_days < 1:
            raise CommandError("--keep-days is at least 1")
        try:
            writer = ArchiveWriter(directory, keep=timedelta(days=keep_days) if keep_days else None)
        except ArchiveInUse as refused:
            raise CommandError(str(refused)) from None
        except OSError as failure:
            raise CommandError(f"{failure.filename or directory} cannot be used: {failure.strerror}") from None
        try:
            if once:
                self.stdout.write(f"{writer.write_new()} webhooks archived")
            else:
                self._run(writer)
        finally:
            writer.close()

    def _run(self, writer: ArchiveWriter) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        self.stdout.write("archive started")
        while not stopping.is_set():
            try:
                writer.write_new()
            except (DatabaseError, InterfaceError, OSError) as failure:
                self.stderr.write(f"the archive waits: {type(failure).__name__}")  # its text may quote a row
                connection.close()
            stopping.wait(PAUSE)
        writer.write_new()
        self.stdout.write("archive stopped")
