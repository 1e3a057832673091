"""Transactions that are run again when the database, not the work, was the reason they failed."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction

Result = TypeVar("Result")

TRIES = 5


class DatabaseAway(Exception):
    """The database does not answer. Nothing is known to be wrong with the work; leave it as it is and come back."""


def run_in_transaction(work: Callable[[], Result]) -> Result:
    """What `work` returns, committed.

    Deadlocks, lock waits and lost connections happen in passing; so does an IntegrityError when another worker stored the same row a
    moment earlier. The whole transaction is then run again, a few times, with jitter. If it still fails while the database answers,
    the last error is raised, because then the work is the reason; if not, DatabaseAway.
    """
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                return work()
        except (OperationalError, InterfaceError, IntegrityError) as failure:
            if not isinstance(failure, IntegrityError):
                _reconnect()
            if attempt == TRIES:
                raise
            time.sleep(0.02 * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311  spread, not secret
    raise AssertionError("unreachable")


def _reconnect() -> None:
    if connection.in_atomic_block:
        return
    connection.close()
    try:
        connection.ensure_connection()
    except (DatabaseError, InterfaceError) as failure:
        raise DatabaseAway from failure
