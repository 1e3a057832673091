"""Batches in which one bad row does not affect the others."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from jobs.transactions import is_away

Row = TypeVar("Row")


def apply_batch(
    rows: Sequence[Row],
    *,
    apply: Callable[[Sequence[Row]], object],
    reject: Callable[[Row, Exception], object],
) -> None:
    """Calls `apply` with all rows, in their order. If it raises, calls it with each half, down to single rows. A row that fails
    alone is passed to `reject`, with the error.

    `apply` must leave nothing behind when it raises, or be safe to repeat. If the database is the reason (`is_away`), the error
    is raised at once: the rows before have been applied, this one and the following ones have not.
    """
    try:
        apply(rows)
    except Exception as failure:
        if is_away(failure):
            raise
        if len(rows) == 1:
            reject(rows[0], failure)
            return
        middle = len(rows) // 2
        apply_batch(rows[:middle], apply=apply, reject=reject)
        apply_batch(rows[middle:], apply=apply, reject=reject)
