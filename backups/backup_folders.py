"""The folder that holds backups.

    2026-11-27T03-00-00/   one backup: a file for each table, `files.txt`, and last its manifest
    files/                 the files of messages, which all backups share: a file never changes, and its name is never used again

A backup without a manifest was interrupted and counts as none.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import InvalidToken
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from backups.tables.rows import TableFile
from organizations.fields import decrypt, encrypt

FORMAT = 1
MANIFEST, FILES, NAMES = "manifest.json", "files", "files.txt"
KEY_CHECK = "readable"
"""The text that a backup contains encrypted, to find out whether a hub has its keys."""


class ManifestError(ValueError):
    """The folder has no complete backup, or one that this hub cannot restore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup contains."""

    taken_at: datetime
    """By the database's clock. Everything that was committed before it is in the backup."""
    migrations: list[str]
    key_check: str
    tables: dict[str, TableFile]
    files: int
    missing_files: int
    """Files that were deleted while the backup was made."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ManifestError."""
        try:
            values: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        except FileNotFoundError:
            raise ManifestError(f"{folder.name} has no {MANIFEST}: it is no complete backup") from None
        if values.pop("format") != FORMAT:
            raise ManifestError(f"the backup {folder.name} has a format that this version does not read")
        values["taken_at"] = datetime.fromisoformat(values["taken_at"])
        values["tables"] = {name: TableFile(**table) for name, table in values["tables"].items()}
        return cls(**values)

    def write(self, folder: Path) -> None:
        """Writes the manifest durably. Everything else must be in the folder."""
        values = asdict(self) | {"format": FORMAT, "taken_at": self.taken_at.isoformat()}
        for path in folder.iterdir():
            sync(path)
        path = folder / f".{MANIFEST}"
        path.write_text(json.dumps(values, indent=1))
        sync(path)
        path.rename(folder / MANIFEST)
        sync(folder)
        sync(folder.parent)

    def require_keys(self) -> None:
        """Raises ManifestError if no key of this hub decrypts the secrets of the backup."""
        try:
            decrypt(self.key_check)
        except InvalidToken:
            raise ManifestError(
                "no key of FIELD_ENCRYPTION_KEYS opens the secrets of this backup: put the key that was current when it was made "
                "behind the current one"
            ) from None


class FileNames:
    """Writes the names of the files that rows name into `files.txt`. `columns` are those of each table that name one."""

    def __init__(self, folder: Path, columns: Mapping[str, Sequence[str]]) -> None:
        self._columns = columns
        self._file = (folder / NAMES).open("w")
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._file.close()

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Adds the files of a row."""
        for column in self._columns.get(table, ()):
            if row[column]:
                self._file.write(f"{row[column]}\n")
                self.count += 1


def names_in(folder: Path) -> Iterator[str]:
    """Yields the names of the files of messages that the backup contains."""
    with (folder / NAMES).open() as file:
        for line in file:
            yield line.removesuffix("\n")


def new_key_check() -> str:
    return encrypt(KEY_CHECK)


def applied_migrations() -> list[str]:
    """Returns the names of the migrations that the database has."""
    return sorted(".".join(each) for each in MigrationRecorder(connections["default"]).applied_migrations())


def backups_in(directory: Path) -> Iterator[Path]:
    """Yields the complete backups, the oldest first."""
    yield from (path.parent for path in sorted(directory.glob(f"*/{MANIFEST}")))


def remove_old(directory: Path, *, keep: int) -> tuple[int, int]:
    """Deletes all but the latest `keep` backups, interrupted ones, and files that no backup lists any more. Returns how many
    backups and files."""
    complete = list(backups_in(directory))
    kept = set(complete[-keep:])
    others = [path for path in directory.iterdir() if path.is_dir() and path.name != FILES and path not in kept]
    for path in others:
        shutil.rmtree(path)
    listed = {name for path in kept for name in names_in(path)}
    stored = [path for path in (directory / FILES).rglob("*") if path.is_file()]
    unlisted = [path for path in stored if str(path.relative_to(directory / FILES)) not in listed]
    for path in unlisted:
        path.unlink()
    return len(others), len(unlisted)


def sync(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
