"""Many rows in one statement, at lower cost than `bulk_create`. For code in which this decides the throughput of a worker.

`bulk_create` compiles each value of each row as an expression, which takes a third of the time of applying a webhook. These
functions accept plain values only. The caller sets defaults and does what `pre_save` would do. Rows do not get their ids,
because MySQL does not return them.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import add, attrgetter
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.constants import OnConflict

MAX_VALUES = 30_000
"""Values in one statement. SQLite allows 32,766."""
MAX_CASES = 200
"""Rows of one UPDATE with a value for each row. The server compares every row with each of them."""
MAX_TEXT = 3 * 2**20
"""Characters in one statement. MariaDB allows 16 MB, and a character may take four bytes."""


def insert_rows(rows: Sequence[models.Model]) -> None:
    """Inserts new rows of one model. Columns that are null in every row get the database's default."""
    if rows:
        fields = [each for each in _columns(rows) if not isinstance(each, models.AutoField)]
        _insert(rows, [each for each in fields if any(getattr(row, each.attname) is not None for row in rows)], "")


def insert_missing_rows(rows: Sequence[models.Model]) -> None:
    """Inserts the rows that do not exist yet, by the model's unique columns. MySQL truncates values that are too long."""
    if rows:
        fields = [each for each in _columns(rows) if not isinstance(each, models.AutoField)]
        _insert(rows, fields, "", insert=connection.ops.insert_statement(on_conflict=OnConflict.IGNORE))


def insert_or_add(rows: Sequence[models.Model], *, columns: Sequence[str], unique: Sequence[str]) -> None:
    """Inserts rows. Where a row with the same `unique` columns exists, adds these columns to it. Concurrent transactions lose
    nothing. Rows are locked in the order in which they are given."""
    if rows:
        fields = [each for each in _columns(rows) if not each.primary_key]
        suffix = connection.ops.on_conflict_suffix_sql(fields, OnConflict.UPDATE, columns, unique)
        for name in map(connection.ops.quote_name, columns):
            stored = f"{connection.ops.quote_name(rows[0]._meta.db_table)}.{name}"
            suffix = suffix.replace(f"{name} = ", f"{name} = {stored} + ")
        _insert(rows, fields, suffix)


def update_rows(rows: Sequence[models.Model], columns: Sequence[str]) -> None:
    """Writes these columns of rows that exist and are locked.

    Uses an INSERT with an update on conflict, because SQL has no other statement that updates many rows with different values.
    """
    if rows:
        fields = _columns(rows)
        unique = [str(rows[0]._meta.pk.column)]
        _insert(rows, fields, connection.ops.on_conflict_suffix_sql(fields, OnConflict.UPDATE, columns, unique))


def update_groups(
    model: type[models.Model], columns: Sequence[str], values: Mapping[int, tuple[Any, ...]], before: Mapping[int, tuple[Any, ...]]
) -> None:
    """Writes these columns of locked rows, of each row only those that changed. Rows with the same changes share a statement, so
    this is for changes that many rows have in common, such as the time of a batch. Both mappings are by primary key."""
    groups: dict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
    for pk, row in values.items():
        changes = zip(columns, row, before[pk], strict=True)
        groups[tuple((column, new) for column, new, old in changes if new != old)].append(pk)
    for changed, ids in groups.items():
        if changed:
            model._default_manager.filter(pk__in=ids).update(**dict(changed))


def update_columns(model: type[models.Model], columns: Sequence[str], values: Mapping[int, Sequence[Any]]) -> None:
    """Writes these columns of rows that exist and are locked, and reads no other columns. `values` maps primary keys to values
    in the order of the columns."""
    quote = connection.ops.quote_name
    by_name = {each.name: each for each in model._meta.local_concrete_fields}
    fields = [by_name[column] for column in columns]
    converters = [_converter(field) for field in fields]
    pk = quote(str(model._meta.pk.column))
    ids = sorted(values)
    with connection.cursor() as cursor:
        for start in range(0, len(ids), MAX_CASES):
            part = ids[start : start + MAX_CASES]
            cases = f"CASE {pk} {' '.join(['WHEN %s THEN %s'] * len(part))} END"
            changes: list[str] = []
            arguments: list[Any] = []
            for index, (field, convert) in enumerate(zip(fields, converters, strict=True)):
                column = [convert(values[each][index]) for each in part]
                is_common = column.count(column[0]) == len(column)
                changes.append(f"{quote(str(field.column))} = {'%s' if is_common else cases}")
                arguments += column[:1] if is_common else chain.from_iterable(zip(part, column, strict=True))
            all_values = ", ".join(["%s"] * len(part))
            statement = f"UPDATE {quote(model._meta.db_table)} SET {', '.join(changes)} WHERE {pk} IN ({all_values})"  # noqa: S608  no input in it
            cursor.execute(statement, [*arguments, *part])


def _columns(rows: Sequence[models.Model]) -> "list[models.Field[Any, Any]]":
    return list(rows[0]._meta.local_concrete_fields)


def _insert(
    rows: Sequence[models.Model], fields: "Sequence[models.Field[Any, Any]]", suffix: str, insert: str = "INSERT INTO"
) -> None:
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(each.column)) for each in fields)
    columns = [_converted(each, rows) for each in fields]
    literals = [_common_literal(column) for column in columns]
    varying = [column for column, literal in zip(columns, literals, strict=True) if literal is None]
    start = f"{insert} {quote(rows[0]._meta.db_table)} ({names}) VALUES "
    row_values = f"({', '.join(literal or '%s' for literal in literals)})"
    values = list(zip(*varying, strict=True)) if varying else [()] * len(rows)
    with connection.cursor() as cursor:
        for chunk in _chunks(values, _texts(varying)):
            all_values = ", ".join([row_values] * len(chunk))
            cursor.execute(f"{start}{all_values} {suffix}", [*chain.from_iterable(chunk)])


def _converted(field: "models.Field[Any, Any]", rows: Sequence[models.Model]) -> list[Any]:
    """Returns the field's values of all rows, as the driver accepts them. By column, because that is faster than by row."""
    values = map(attrgetter(field.attname), rows)
    convert = _converter(field)
    return list(values if convert is _as_it_is else map(convert, values))


def _common_literal(column: Sequence[Any]) -> str | None:
    """Returns the SQL of the value that all rows have, if it needs no quoting: the driver then has one value less for each row."""
    first = column[0]
    if first is not None and first != "" and type(first) not in (int, bool):
        return None
    if len(column) == 1 or column.count(first) < len(column):
        return None
    return "NULL" if first is None else "''" if first == "" else str(int(first))


def _texts(columns: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Returns the columns that contain texts."""
    return [column for column in columns if any(isinstance(value, str) for value in column)]


def _chunks(rows: Sequence[tuple[Any, ...]], texts: Sequence[Sequence[Any]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Yields as many rows at a time as every server accepts in one statement. `texts` are the columns with texts."""
    sizes = [0] * len(rows)
    for column in texts:
        sizes = list(map(add, sizes, (len(value or "") for value in column)))
    most_rows = max(1, MAX_VALUES // max(1, len(rows[0])))
    start = size = 0
    for index, own in enumerate(sizes):
        if index > start and (size + own > MAX_TEXT or index - start == most_rows):
            yield rows[start:index]
            start, size = index, 0
        size += own
    yield rows[start:]


def _converter(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    """Returns the function that prepares this field's values for the driver. A value that the driver accepts stays as it is, and
    a time is converted once for all rows. Django's general way costs more than everything else about a row."""
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
