"""Names the index that a statement has to use, where the planner of MariaDB or MySQL chooses a worse way.

A list that is read page by page asks for the rows of one owner beyond a position, in the order of an index. If the owner has many
rows, MariaDB compares the numbers of rows with and without the position, finds them equal, and walks the index from its beginning:
each page costs more than the one before. With the name of the index, it begins at the position.
"""

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.db.models.sql.datastructures import BaseTable

Row = TypeVar("Row", bound=Model)


class _TableWithIndex(BaseTable):
    def __init__(self, table_name: str, alias: str | None, index: str) -> None:
        super().__init__(table_name, alias)
        self._index = index

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        sql, parameters = self.as_sql(compiler, connection)
        return f"{sql} FORCE INDEX ({connection.ops.quote_name(self._index)})", parameters

    def relabeled_clone(self, change_map: dict[str | None, str]) -> "_TableWithIndex":
        return _TableWithIndex(self.table_name, change_map.get(self.table_alias, self.table_alias), self._index)


def read_by_index(rows: QuerySet[Row, Any], index: str) -> QuerySet[Row, Any]:
    """Returns the same rows, which MariaDB and MySQL read by this index of their table. SQLite chooses well, and decides itself."""
    hinted = rows.all()
    alias = hinted.query.get_initial_alias()
    table = rows.model._meta.db_table
    hinted.query.alias_map[alias] = _TableWithIndex(table, alias, index)
    return hinted
