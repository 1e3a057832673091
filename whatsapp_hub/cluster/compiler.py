"""Row locks that hold in the whole cluster.

`SELECT … FOR UPDATE` locks rows on one server only. A cluster compares what transactions write: of two that write the same row on
different servers, one is rolled back (error 1213) and runs again. So each locked row also writes a row of `cluster_lock`. Of two
transactions on different servers that lock the same row, one runs again after the other, even if neither changes that row
(docs/decisions/0024).
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.mysql import compiler
from django.db.models.expressions import Col
from django.db.models.sql.constants import GET_ITERATOR_CHUNK_SIZE, MULTI, SINGLE

MAX_ROWS = 5_000
"""Rows of one statement."""

SQLAggregateCompiler = compiler.SQLAggregateCompiler
SQLDeleteCompiler = compiler.SQLDeleteCompiler
SQLInsertCompiler = compiler.SQLInsertCompiler
SQLUpdateCompiler = compiler.SQLUpdateCompiler


class SQLCompiler(compiler.SQLCompiler):
    # The stubs have a signature for each type of result.
    def execute_sql(self, result_type: Any = MULTI, chunked_fetch: Any = False, chunk_size: int = GET_ITERATOR_CHUNK_SIZE) -> Any:
        if not self.query.select_for_update:
            return super().execute_sql(result_type, chunked_fetch, chunk_size)
        found: Any = super().execute_sql(result_type, chunk_size=chunk_size)
        if found:
            rows = [found] if result_type == SINGLE else [row for chunk in found for row in chunk]
            index = self._index_of_primary_key()
            lock_in_cluster(self.connection, self.query.get_meta().db_table, [row[index] for row in rows])
        return found

    def _index_of_primary_key(self) -> int:
        """Returns the column of the rows that has the primary key of the locked table."""
        key, table = self.query.get_meta().pk, self.query.get_initial_alias()
        for index, (column, _, _) in enumerate(self.select):
            if isinstance(column, Col) and column.target == key and column.alias == table:
                return index
        raise NotSupportedError("a query that locks rows must also select their primary key")


def lock_in_cluster(connection: BaseDatabaseWrapper, table: str, keys: Iterable[object]) -> None:
    """Locks rows of `table` for this transaction. They must be locked on this server already, so nobody here waits. The rows of
    `cluster_lock` are deleted again at once: that they were written counts, until the transaction ends."""
    ids = sorted({_lock_id(table, key) for key in keys})
    for start in range(0, len(ids), MAX_ROWS):
        part = ids[start : start + MAX_ROWS]
        values, names = ", ".join(["(%s)"] * len(part)), ", ".join(["%s"] * len(part))
        with connection.cursor() as cursor:  # both in one round trip
            statements = f"INSERT INTO cluster_lock (id) VALUES {values}; DELETE FROM cluster_lock WHERE id IN ({names})"  # noqa: S608
            cursor.execute(statements, [*part, *part])
            cursor.nextset()


def _lock_id(table: str, key: object) -> int:
    """Returns 64 bits. If two rows have the same ones, their transactions wait for each other without need."""
    return int.from_bytes(hashlib.blake2b(f"{table} {key}".encode(), digest_size=8).digest(), signed=True)
