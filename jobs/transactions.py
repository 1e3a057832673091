"""Transactions that run again if the database, not the work, was the reason of the failure."""

import random
import time
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

P = ParamSpec("P")
Result = TypeVar("Result")

TRIES = 5
CONTENTION = {1205, 1213}
"""Error codes of MySQL and MariaDB: lock wait timeout, deadlock."""
LOST = {1152, 1153, 1927, 2006, 2013, 2055, 4031}
"""Error codes for a lost connection. A statement that is too large for the server loses it too."""
NOT_PREPARED = 1047
"""Error code of a server that is not, or no longer, a ready member of its Galera cluster."""
AWAY = {
    *(1040, 1053, 2002, 2003),  # too many connections, shutting down, not there
    *(NOT_PREPARED, 2005),  # outside its cluster, its name is not found
    *(1021, 1030, 1114, 1290),  # the disk or the table is full, the storage engine failed, read only for now
}
"""Error codes that only the server causes."""
NOT_AWAY_ON_SQLITE = ("database is locked", "too many", "too large", "too big", "stack overflow")
"""SQLite has no codes. These are its messages for contention and for statements that are too large."""


class DatabaseAway(Exception):
    """The database does not answer. Nothing is known to be wrong with the work: leave it as it is and retry later."""


def run_in_transaction(work: Callable[[], Result]) -> Result:
    """Runs `work` in a transaction and returns its result, committed.

    Deadlocks, lock waits and lost connections are temporary. So is an IntegrityError if another worker stored the same row a
    moment earlier. In these cases the whole transaction runs again, a few times, with jitter. After that the last error is
    raised, because the work is the reason. Raises DatabaseAway if the database is.
    """
    for attempt in range(1, TRIES):
        try:
            return _run(work)
        except IntegrityError:
            if attempt > 2:
                raise
        except (DatabaseError, InterfaceError) as failure:
            if not (is_away(failure) or _code(failure) in LOST or is_contention(failure)):
                raise
        time.sleep(0.02 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311  distribution, not a secret
    try:
        return _run(work)
    except (DatabaseError, InterfaceError) as failure:
        if is_away(failure):
            raise DatabaseAway from failure
        raise


def in_transaction(service: Callable[P, Result]) -> Callable[P, Result]:
    """Decorator: runs the service with `run_in_transaction`. The service must be safe to run again from its start."""

    @wraps(service)
    def run(*arguments: P.args, **options: P.kwargs) -> Result:
        return run_in_transaction(partial(service, *arguments, **options))

    return run


def is_away(failure: Exception) -> bool:
    """Returns whether the failure was caused by the database or by a schema that is not up to date. If not, the work may be the
    cause."""
    if isinstance(failure, OperationalError):
        code = _code(failure)
        return code in AWAY or (not isinstance(code, int) and not any(each in str(failure) for each in NOT_AWAY_ON_SQLITE))
    return isinstance(failure, InterfaceError | ProgrammingError | DatabaseAway)


def is_contention(failure: Exception) -> bool:
    """Returns whether the only reason of the failure is that others hold locks."""
    return isinstance(failure, OperationalError) and (_code(failure) in CONTENTION or "database is locked" in str(failure))


def is_temporary(failure: Exception) -> bool:
    """Returns whether the same request may succeed in a moment: the database is away, the connection to it was lost, or others hold
    locks."""
    if isinstance(failure, OperationalError):
        return _code(failure) in AWAY | LOST or is_contention(failure)
    return isinstance(failure, DatabaseAway)


def _code(failure: Exception) -> object:
    return failure.args[0] if failure.args else None


def _run(work: Callable[[], Result]) -> Result:
    """Raises DatabaseAway if the connection was lost and no other one can be made."""
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
