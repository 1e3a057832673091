"""Ids that no row gets again. Rows that were stored after the backup are lost, but their ids may be known to other programs, to
pages that are open and to erasures. A new row with such an id would be taken for the lost one."""

from django.db import connection, models

from backups.tables.rows import backed_up_models

SKIPPED = 1_000_000
"""Ids left free in each table. More rows than this in one table between the backup and its loss need a newer backup."""


def skip_ids() -> None:
    """Lets the next row of each table get an id that is far above those that are stored."""
    for model in backed_up_models():
        if isinstance(model._meta.pk, models.AutoField):
            _skip(model._meta.db_table, str(model._meta.pk.column))


def _skip(table: str, key: str) -> None:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX({quote(key)}), 0) FROM {quote(table)}")  # noqa: S608  names of ours
        last = int(cursor.fetchone()[0]) + SKIPPED
        if connection.vendor == "mysql":
            cursor.execute(f"ALTER TABLE {quote(table)} AUTO_INCREMENT = {last + 1}")
            return
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
        cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])
