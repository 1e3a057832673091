"""When the rows of several lanes are next due, in one database query."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Now


class DueTimes:
    """One query over several lanes. The query is built once for each set of lanes, because building takes longer than running
    it."""

    def __init__(self, soonest: Mapping[str, "QuerySet[Any, Any]"]) -> None:
        """`soonest` maps the name of a lane to rows with a `soonest` value, as LeasedQuerySet.soonest returns them."""
        self._parts = {name: rows.values_list(Value(name), "soonest", Now()) for name, rows in soonest.items()}
        self._queries: dict[frozenset[str], QuerySet[Any, Any]] = {}

    def seconds_left(self, names: Collection[str]) -> dict[str, float]:
        """Returns the seconds until the first row of each of these lanes is due, by the database's clock. The value is negative
        if the row is due already. Lanes without due or future rows are left out."""
        left: dict[str, float] = {}
        for name, due_at, now in self._query(frozenset(names)) if names else ():
            seconds = (due_at - now).total_seconds()
            left[name] = min(seconds, left.get(name, seconds))
        return left

    def _query(self, names: frozenset[str]) -> "QuerySet[Any, Any]":
        if names not in self._queries:
            first, *others = (self._parts[name] for name in sorted(names))
            self._queries[names] = first.union(*others, all=True)
        return self._queries[names].all()
