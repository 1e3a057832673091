"""A connection that sees the database as it was at one time, while others write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

BEGIN = {
    "sqlite": ["BEGIN", "SELECT 1 FROM django_migrations LIMIT 1"],  # the first read begins the snapshot
    "mysql": ["SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"],
}
NOW = {"sqlite": "SELECT STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')", "mysql": "SELECT CAST(NOW(6) AS CHAR)"}


@contextmanager
def open_snapshot() -> Iterator[BaseDatabaseWrapper]:
    """Opens a connection of its own, whose queries all see one state of the database. It locks nothing."""
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        for statement in BEGIN[connection.vendor]:
            _fetch_one(connection, statement)
        yield connection
    finally:
        connection.close()


def database_time(connection: BaseDatabaseWrapper) -> datetime:
    """Returns the present time by the clock of the database, which also dates webhooks."""
    return datetime.fromisoformat(_fetch_one(connection, NOW[connection.vendor])[0]).replace(tzinfo=UTC)


def stream_rows(connection: BaseDatabaseWrapper, statement: str) -> Iterator[Sequence[Any]]:
    """Yields the rows of a query as they arrive, so memory holds one at a time."""
    connection.ensure_connection()
    database: Any = connection.Database  # type: ignore[attr-defined]
    # Django's cursor for MySQL reads the whole result first.
    options = (database.cursors.SSCursor,) if connection.vendor == "mysql" else ()
    cursor = connection.connection.cursor(*options)
    try:
        cursor.execute(statement)
        yield from cursor
    finally:
        cursor.close()


def _fetch_one(connection: BaseDatabaseWrapper, statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None
