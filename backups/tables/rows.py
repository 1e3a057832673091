"""Reads and writes the rows of a table as compressed lines of JSON, with memory for a few rows."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from backups.tables.columns import columns_of
from backups.tables.snapshots import stream_rows
from organizations.models import UserSession

Progress = Callable[[int], object]
"""Called with the number of rows since the last call."""
LEFT_OUT: tuple[type[models.Model], ...] = (Session, UserSession)
"""A restored hub asks everybody to sign in again: a session that was ended since would be back."""
ROWS_IN_TRANSACTION = 2_000
TEXT_IN_TRANSACTION = 8 * 2**20
"""Characters."""
SUFFIX = ".jsonl.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """What the manifest says about the file of a table."""

    columns: Sequence[str]
    rows: int
    sha256: str


def backed_up_models() -> list[type[models.Model]]:
    """Returns the models whose rows a backup contains: all with a table, apart from sessions."""
    found = apps.get_models(include_auto_created=True)
    return [each for each in found if each._meta.managed and not each._meta.proxy and each not in LEFT_OUT]


def count_rows(source: BaseDatabaseWrapper, model: type[models.Model]) -> int:
    with source.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {_quote(model._meta.db_table)}")  # noqa: S608  a name of ours
        return int(cursor.fetchone()[0])


def dump_table(
    source: BaseDatabaseWrapper, model: type[models.Model], folder: Path, on_row: Callable[[dict[str, Any]], object], bar: Progress
) -> TableFile:
    """Writes the rows of the table into a file of this folder, in the order of their ids. Calls `on_row` with each."""
    columns = columns_of(model)
    names = [each.name for each in columns]
    table, key = _quote(model._meta.db_table), [_quote(str(each.column)) for each in model._meta.pk_fields]
    statement = f"SELECT {', '.join(map(_quote, names))} FROM {table} ORDER BY {', '.join(key)}"  # noqa: S608  names of ours
    count = 0
    path = file_of(folder, model)
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=3) as file:
        for row in stream_rows(source, statement):
            values = [column.to_file(value) for column, value in zip(columns, row, strict=True)]
            file.write(json.dumps(values) + "\n")
            on_row(dict(zip(names, values, strict=True)))
            count += 1
            bar(1)
    return TableFile(columns=names, rows=count, sha256=digest_of(path))


def load_table(model: type[models.Model], folder: Path, stored: TableFile, bar: Progress) -> None:
    """Replaces the rows of the table by those of its file. Constraint checks must be off."""
    by_name = {each.name: each for each in columns_of(model)}
    columns = [by_name[name] for name in stored.columns]
    table, names = _quote(model._meta.db_table), ", ".join(map(_quote, stored.columns))
    marks = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608  names of ours
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")  # noqa: S608  what migrations have inserted
    for lines in _batches(file_of(folder, model)):
        rows = [[column.from_file(value) for column, value in zip(columns, json.loads(line), strict=True)] for line in lines]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, rows)
        bar(len(rows))


def file_of(folder: Path, model: type[models.Model]) -> Path:
    return folder / f"{model._meta.db_table}{SUFFIX}"


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _batches(path: Path) -> Iterator[list[str]]:
    lines: list[str] = []
    size = 0
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            lines.append(line)
            size += len(line)
            if len(lines) == ROWS_IN_TRANSACTION or size > TEXT_IN_TRANSACTION:
                yield lines
                lines, size = [], 0
    if lines:
        yield lines


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)
