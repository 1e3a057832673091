"""A database that refuses some rows, for a reason unknown to the hub."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

RULES = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'refused'); END",
    "mysql": "CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW BEGIN IF {condition} THEN "
    "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF; END",
}


@contextmanager
def refused(table: str, condition: str) -> Iterator[None]:
    """Rows of the table that meet the condition on NEW cannot be inserted meanwhile."""
    _execute(RULES[connection.vendor].format(table=table, condition=condition))
    try:
        yield
    finally:
        _execute("DROP TRIGGER refuse")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
