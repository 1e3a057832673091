"""The folder that holds backups.

    2026-11-27T03-00-00/   one backup: a file for each table, `files.txt`, and last its manifest
    files/                 the files of messages, which all backups share: a file never changes, and its name is never used again

A backup without a manifest was interrupted and counts as none. Whatever else the folder holds belongs to others and stays.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from cryptography.fernet import InvalidToken
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.utils._os import safe_join

from backups.tables.rows import TableFile
from organizations.fields import decrypt, encrypt

FORMAT = 1
MANIFEST, FILES, NAMES = "manifest.json", "files", "files.txt"
FOLDER_NAME = "%Y-%m-%dT%H-%M-%S"
"""Name of a backup: when it was begun, in UTC."""
KEY_CHECK = "readable"
"""The text that a backup contains encrypted, to find out whether a hub has its keys."""


class ManifestError(ValueError):
    """The folder has no complete backup, or one that this hub cannot restore."""


class BackupsInUse(Exception):
    """Another process makes a backup in the same directory."""


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
            return cls._parse(json.loads((folder / MANIFEST).read_text()), folder)
        except (FileNotFoundError, NotADirectoryError):
            raise ManifestError(f"{folder} has no {MANIFEST}: it is no complete backup") from None
        except OSError as failure:
            raise ManifestError(f"{folder / MANIFEST} cannot be read: {failure.strerror}") from None
        except ManifestError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ManifestError(f"{folder / MANIFEST} is damaged") from None

    @classmethod
    def _parse(cls, values: dict[str, Any], folder: Path) -> Self:
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


@contextmanager
def reserve(directory: Path) -> Iterator[None]:
    """Creates the directory if it is missing, and keeps other processes from making backups in it. Raises BackupsInUse."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupsInUse(f"another process makes a backup in {directory}") from None
        except OSError:
            pass  # some network file systems lock no directory
        yield
    finally:
        os.close(handle)


def new_folder(directory: Path) -> Path:
    """Creates the folder of a backup that begins now."""
    folder = directory / datetime.now(UTC).strftime(FOLDER_NAME)
    folder.mkdir(mode=0o700)
    return folder


def remove_old(directory: Path, *, keep: int) -> tuple[int, int]:
    """Deletes all but the latest `keep` backups, interrupted ones, and their files that no other backup lists. Returns how many
    backups and files. The directory must be reserved."""
    folders = sorted(path for path in directory.iterdir() if _is_backup(path))
    kept = [path for path in folders if (path / MANIFEST).exists()][-keep:]
    old = [path for path in folders if path not in kept]
    # A backup that somebody has renamed stays, and so do its files.
    staying = [path.parent for path in directory.glob(f"*/{NAMES}") if path.parent not in old]
    listed = {name for path in staying for name in names_in(path)}
    unlisted = {name for path in old if (path / NAMES).exists() for name in names_in(path)} - listed
    deleted = sum(_delete_file(directory / FILES, name) for name in unlisted)
    for path in old:
        shutil.rmtree(path)
    return len(old), deleted


def stored_path(files: Path, name: str) -> Path:
    """Returns where a file of messages is in the folder that all backups share."""
    return Path(safe_join(str(files), name))


def part_of(path: Path) -> Path:
    """Returns where a file is while it is copied."""
    return path.with_name(f".{path.name}.part")


def _is_backup(path: Path) -> bool:
    try:
        datetime.strptime(path.name, FOLDER_NAME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return path.is_dir() and not path.is_symlink()


def _delete_file(files: Path, name: str) -> bool:
    """Returns whether the file was there."""
    path = stored_path(files, name)
    part_of(path).unlink(missing_ok=True)
    was_there = path.exists()
    path.unlink(missing_ok=True)
    return was_there


def sync(path: Path) -> None:
    """Waits until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
