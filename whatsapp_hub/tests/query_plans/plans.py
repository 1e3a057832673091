"""Watches the statements of all database connections, and asks the database for the plan of each before it runs."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections
from django.db.backends.signals import connection_created

EXPLAINABLE = ("SELECT", "UPDATE", "DELETE")
FULL_SCANS = ("ALL", "index")
MAX_ROWS = 1_000
"""Rows that one statement may read of one table, by the database's estimate."""


@dataclass(frozen=True, slots=True)
class Step:
    """One table of a plan."""

    name: str
    """The name in the statement, which may be an alias."""
    is_scan: bool
    """Whether the whole table, or a whole index, is read."""
    rows: int
    """The estimate of MySQL and MariaDB. SQLite has none: 0."""
    sorts: bool
    """Whether all these rows are read and sorted, even if the statement wants the first few. SQLite: False."""


class QueryPlans:
    """Collects the statements that run in its context, in any thread, and their plans.

    Only tables in `tables` are judged: those with so many rows that the database prefers an index where it has one.
    """

    def __init__(self, tables: set[str]) -> None:
        self._tables = tables
        self._watched: list[Any] = []
        self.used: Counter[str] = Counter()
        """How many statements used each table."""
        self.bad: dict[str, str] = {}
        """What the plan of a statement does wrong. The keys are the statements, with lists of one length."""

    def __enter__(self) -> "QueryPlans":
        connection_created.connect(self._watch_new)
        for each in connections.all(initialized_only=True):
            self._watch(each)
        return self

    def __exit__(self, *_: object) -> None:
        connection_created.disconnect(self._watch_new)
        for each in self._watched:
            each.execute_wrappers.remove(self._explain)

    def report(self) -> str:
        """Returns what is wrong, a line for each statement. Empty if nothing is."""
        return "\n".join(f"{problem}: {statement}" for statement, problem in self.bad.items())

    def _watch_new(self, connection: Any, **_: Any) -> None:
        if self._explain not in connection.execute_wrappers:
            self._watch(connection)

    def _watch(self, connection: Any) -> None:
        connection.execute_wrappers.append(self._explain)
        self._watched.append(connection)

    def _explain(self, execute: Any, sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith(EXPLAINABLE) and not many:
            execute(f"{_explain_words()} {sql}", parameters, many, context)
            self._judge(sql, list(_steps(context["cursor"])))
        return execute(sql, parameters, many, context)

    def _judge(self, sql: str, steps: list[Step]) -> None:
        aliases = _aliases(sql)
        for step in steps:
            table = aliases.get(step.name, step.name)
            if table not in self._tables:
                continue
            self.used[table] += 1
            if step.is_scan and _is_bounded(sql):
                continue
            if step.is_scan:
                self.bad[_shape(sql)] = f"scans {table}"
            elif step.rows > MAX_ROWS and (step.sorts or " LIMIT " not in sql):
                self.bad[_shape(sql)] = f"reads {step.rows} rows of {table}"


def _explain_words() -> str:
    """Returns how the database is asked for a plan as rows of columns."""
    if connection.vendor == "sqlite":
        return "EXPLAIN QUERY PLAN"
    return "EXPLAIN" if getattr(connection, "mysql_is_mariadb", False) else "EXPLAIN FORMAT=TRADITIONAL"


def _is_bounded(sql: str) -> bool:
    """Whether a scan ends after a few rows: those with the lowest or highest keys, whatever they contain."""
    return " LIMIT " in sql and " WHERE " not in sql and " JOIN " not in sql


def _shape(sql: str) -> str:
    """Returns the statement with lists of one length."""
    return re.sub(r"%s(, %s)+", "%s", sql)


def _aliases(sql: str) -> dict[str, str]:
    """Returns the table of each alias in a statement of Django's. One that stands for several tables has an empty name."""
    tables: dict[str, str] = {}
    for table, alias in re.findall(r'(?:FROM|JOIN) ["`](\w+)["`] ["`]?([A-Z]+\d+)\b', sql):
        tables[alias] = table if tables.get(alias, table) == table else ""
    return tables


def _steps(cursor: Any) -> Iterator[Step]:
    columns = [column[0] for column in cursor.description]
    for row in cursor.fetchall():
        plan = dict(zip(columns, row, strict=True))
        if connection.vendor == "sqlite":
            if found := re.match(r"(SCAN|SEARCH) (\w+)", plan["detail"]):
                yield Step(found[2], found[1] == "SCAN", 0, sorts=False)
        elif plan["table"]:
            rows = re.match(r"\d+", str(plan["rows"]))  # MariaDB may add the share that a second index leaves: 12 (67%)
            sorts = "filesort" in str(plan["Extra"]) or "temporary" in str(plan["Extra"])
            yield Step(plan["table"], plan["type"] in FULL_SCANS, int(rows[0]) if rows else 0, sorts)
