"""Many rows in one statement, at less cost than `bulk_create`, for the paths where that decides how much a worker can do.

`bulk_create` compiles each value of each row as an expression, which is a third of what applying a webhook would cost; here values
are all there is. Defaults and `pre_save` are the caller's care, and no row learns its id: MySQL tells none.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.constants import OnConflict

MOST_VALUES = 30_000
"""In one statement; SQLite takes 32,766."""
MOST_TEXT = 3 * 2**20
"""Letters in one statement. MariaDB takes 16 MB of bytes, and a letter may be four."""


def insert_rows(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model. Columns that are null in every row are left to the database."""
    if rows:
        fields = [each for each in _columns(rows) if not each.primary_key]
        _insert(rows, [each for each in fields if any(getattr(row, each.attname) is not None for row in rows)], "")


def update_rows(rows: Sequence[models.Model], columns: Sequence[str]) -> None:
    """Write these columns of rows that exist and are locked: one UPDATE of many rows with different values, for which SQL has no
    other word than an INSERT that finds them there."""
    if rows:
        fields = _columns(rows)
        unique = [str(rows[0]._meta.pk.column)]
        _insert(rows, fields, connection.ops.on_conflict_suffix_sql(fields, OnConflict.UPDATE, columns, unique))


def _columns(rows: Sequence[models.Model]) -> "list[models.Field[Any, Any]]":
    return list(rows[0]._meta.local_concrete_fields)


def _insert(rows: Sequence[models.Model], fields: "Sequence[models.Field[Any, Any]]", suffix: str) -> None:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(each.column)) for each in fields)
    start = f"INSERT INTO {quote(rows[0]._meta.db_table)} ({columns}) VALUES "  # noqa: S608  no input in it
    place = f"({', '.join(['%s'] * len(fields))})"
    converted = [(each.attname, _converter(each)) for each in fields]
    with connection.cursor() as cursor:
        for chunk in _chunks([[convert(getattr(row, name)) for name, convert in converted] for row in rows]):
            places = ", ".join([place] * len(chunk))
            cursor.execute(f"{start}{places} {suffix}", [value for row in chunk for value in row])


def _chunks(rows: Sequence[list[Any]]) -> Iterator[list[list[Any]]]:
    """As many rows at a time as every server takes in one statement."""
    chunk: list[list[Any]] = []
    size = 0
    for row in rows:
        own = sum(len(value) for value in row if isinstance(value, str))
        if chunk and (size + own > MOST_TEXT or (len(chunk) + 1) * len(row) > MOST_VALUES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += own
    yield chunk


def _converter(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    """How this field's values are written. What a driver takes as it is goes as it is, and a time is converted once, however many
    rows have it: the ordinary way costs more than all else about a row."""
    if isinstance(field, models.ForeignKey):
        return _converter(field.target_field)
    if isinstance(field, models.DateTimeField):
        return lru_cache(maxsize=2048)(connection.ops.adapt_datetimefield_value)
    if isinstance(field, models.JSONField):
        return lambda value: None if value is None else json.dumps(value, ensure_ascii=False)
    if isinstance(field, models.CharField | models.IntegerField | models.BooleanField) or type(field) is models.TextField:
        return _as_it_is
    this_connection = connections[DEFAULT_DB_ALIAS]
    return lambda value: field.get_db_prep_save(value, this_connection)


def _as_it_is(value: Any) -> Any:
    return value
