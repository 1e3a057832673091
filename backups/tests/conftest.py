"""A hub whose database is lost and restored."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from backups.webhook_archive.writer import ArchiveWriter
from bots.answering.tests.conftest import number, publish
from events.delivery.tests.conftest import add

__all__ = ["add", "number", "publish"]


@pytest.fixture
def archive(tmp_path: Path) -> Callable[[], Path]:
    """Copies into the archive what is new, as a process that has just started. Returns its directory."""

    def write() -> Path:
        writer = ArchiveWriter(tmp_path / "archive")
        writer.write_new()
        writer.close()
        return tmp_path / "archive"

    return write


@pytest.fixture
def make_backup(tmp_path: Path) -> Callable[..., Path]:
    """Runs `manage.py backup`. Returns the folder that it prints."""

    def backup(*options: str) -> Path:
        output = StringIO()
        call_command("backup", str(tmp_path / "backups"), *options, stdout=output)
        return Path(output.getvalue().splitlines()[0])

    return backup


def restore(backup: Path, archive: Path | None = None) -> str:
    """Loses every row, and restores the backup. Returns what the command prints."""
    call_command("flush", interactive=False, verbosity=0)
    output = StringIO()
    options = ["--archive", str(archive)] if archive else []
    call_command("restore", str(backup), *options, stdout=output)
    return output.getvalue()
