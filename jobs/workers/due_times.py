"""When the rows of several lanes are next due, in one database query."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet, Value
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler


class DueTimes:
    """One query over several lanes. It is compiled to SQL once for each set of lanes, because that takes longer than running it."""

    def __init__(self, soonest: Mapping[str, "QuerySet[Any, Any]"]) -> None:
        """`soonest` maps the name of a lane to rows with a `soonest` value, as LeasedQuerySet.soonest returns them."""
        self._parts = {name: rows.values_list(Value(name), "soonest", Now()) for name, rows in soonest.items()}
        self._compiled: dict[frozenset[str], _Compiled] = {}

    def seconds_left(self, names: Collection[str]) -> dict[str, float]:
        """Returns the seconds until the first row of each of these lanes is due, by the database's clock. The value is negative
        if the row is due already. Lanes without due or future rows are left out."""
        if not names:
            return {}
        query = self._compile(frozenset(names))
        with connection.cursor() as cursor:
            cursor.execute(query.sql, query.params)
            rows = cursor.fetchall()
        left: dict[str, float] = {}
        for name, due_at, now in query.compiler.results_iter([rows]):  # SQLite returns texts, and MySQL times without a zone
            seconds = (due_at - now).total_seconds()
            left[name] = min(seconds, left.get(name, seconds))
        return left

    def _compile(self, names: frozenset[str]) -> "_Compiled":
        if names not in self._compiled:
            first, *others = (self._parts[name] for name in sorted(names))
            compiler = first.union(*others, all=True).query.get_compiler(connection=connection)
            self._compiled[names] = _Compiled(compiler, *compiler.as_sql())
        return self._compiled[names]


class _Compiled(NamedTuple):
    compiler: SQLCompiler
    """Converts rows. Its own connection is not used: another thread may have made it."""
    sql: str
    params: tuple[Any, ...]
