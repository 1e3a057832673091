"""Transactions that are run again when the database, not the work, was the reason they failed."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

Result = TypeVar("Result")

TRIES = 5
CONTENTION = {1205, 1213}
"""MySQL's and MariaDB's codes for a lock waited for too long, and a deadlock."""
LOST = {1152, 1153, 1927, 2006, 2013, 2055, 4031}
"""Their codes for a connection that was lost. A statement that is too large for the server loses it too."""
AWAY = {
    *(1040, 1053, 2002, 2003),  # too many connections, shutting down, not there
    *(1021, 1030, 1114, 1290),  # the disk or the table is full, the storage engine failed, read only for now
}
"""Their codes for what is nobody's fault but the server's."""


class DatabaseAway(Exception):
    """The database does not answer. Nothing is known to be wrong with the work; leave it as it is and come back."""


def run_in_transaction(work: Callable[[], Result]) -> Result:
    """What `work` returns, committed.

    Deadlocks, lock waits and lost connections happen in passing, and so does an IntegrityError when another worker stored the same
    row a moment earlier: the whole transaction is then run again, a few times, with jitter. If that does not help the last error is
    raised, because then the work is the reason; DatabaseAway if the database is.
    """
    for attempt in range(1, TRIES):
        try:
            return _run(work)
        except IntegrityError:
            if attempt > 2:
                raise
        except (DatabaseError, InterfaceError) as failure:
            if not (is_away(failure) or _code(failure) in LOST | CONTENTION or "database is locked" in str(failure)):
                raise
        time.sleep(0.02 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311  spread, not secret
    try:
        return _run(work)
    except (DatabaseError, InterfaceError) as failure:
        if is_away(failure):
            raise DatabaseAway from failure
        raise


def is_away(failure: Exception) -> bool:
    """Whether the database is the reason of the failure, or a schema that is not up to date; if not, the work may be."""
    if isinstance(failure, OperationalError):
        code = _code(failure)
        return code in AWAY or (not isinstance(code, int) and "database is locked" not in str(failure))  # SQLite has no codes
    return isinstance(failure, InterfaceError | ProgrammingError | DatabaseAway)


def _code(failure: Exception) -> object:
    return failure.args[0] if failure.args else None


def _run(work: Callable[[], Result]) -> Result:
    """DatabaseAway if the connection was lost and there is no other."""
    try:
        with transaction.atomic():
            return work()
    except (DatabaseError, InterfaceError) as failure:
        if not connection.in_atomic_block and (is_away(failure) or _code(failure) in LOST):
            _reconnect(failure)
        raise


def _reconnect(failure: Exception) -> None:
    connection.close()
    try:
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        raise DatabaseAway from failure
