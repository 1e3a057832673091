"""Database work done for a group at once, where one of the group must not cost the others their result."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

log = logging.getLogger(__name__)

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def run_for_group(work: Callable[[Sequence[Thing]], Sequence[Result]], things: Sequence[Thing]) -> list[Result | Exception]:
    """For each thing the result of `work`, or the database error that it causes.

    A group that fails is halved until the thing that fails stands alone. While the database is away all of the group fail.
    """
    try:
        return list(work(things))
    except (DatabaseError, InterfaceError) as failure:
        if len(things) == 1 or not _reconnect():
            return [failure] * len(things)
        log.warning("%s of %s things together failed: %s", work.__name__, len(things), type(failure).__name__)
    middle = len(things) // 2
    return run_for_group(work, things[:middle]) + run_for_group(work, things[middle:])


def _reconnect() -> bool:
    """The old connection may be what failed."""
    try:
        connection.close()
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        return False
    return True
