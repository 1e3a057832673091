"""The files of messages that a backup contains: copied from the storage, which is a directory or a bucket, and back."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from django.apps import apps
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import models

from backups.backup_folders import part_of, stored_path, sync
from chats.models import ExportPart
from privacy.models import PersonExport, PersonExportPart

Progress = Callable[[int], object]
NAME_COLUMNS = {(ExportPart, "name"), (PersonExport, "file"), (PersonExportPart, "name")}
"""Columns with names of files that are no FileField."""


def file_columns() -> dict[str, list[str]]:
    """Returns by table the columns that name a file in the storage."""
    found: dict[str, list[str]] = {}
    for model in apps.get_models():
        names = [
            str(each.column)
            for each in model._meta.local_concrete_fields
            if isinstance(each, models.FileField) or (model, each.name) in NAME_COLUMNS
        ]
        if names:
            found[model._meta.db_table] = names
    return found


def copy_from_storage(names: Iterable[str], folder: Path, bar: Progress) -> int:
    """Copies the files that the folder does not have. Returns how many the storage does not have any more."""
    missing = 0
    for name in names:
        path = stored_path(folder, name)
        if not path.exists():
            missing += not _copy(name, path)
        bar(1)
    return missing


def copy_to_storage(names: Iterable[str], folder: Path, bar: Progress) -> int:
    """Copies files into the storage, under the same names. Those that it has stay. Returns how many the folder does not have."""
    missing = 0
    for name in names:
        path = stored_path(folder, name)
        if not path.exists():
            missing += 1
        elif not default_storage.exists(name):
            with path.open("rb") as file:
                default_storage.save(name, File(file))
        bar(1)
    return missing


def _copy(name: str, path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        with default_storage.open(name) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
    except FileNotFoundError:
        part.unlink(missing_ok=True)
        return False
    sync(part)
    part.rename(path)
    return True
