"""Database work for a group of inputs, in which one bad input must not affect the results of the others."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, connection

log = logging.getLogger(__name__)

Input = TypeVar("Input")
Result = TypeVar("Result")


def run_for_group(work: Callable[[Sequence[Input]], Sequence[Result]], inputs: Sequence[Input]) -> list[Result | Exception]:
    """Returns for each input the result of `work`, or the database error that the input causes.

    A group that fails is halved until the bad input is alone. If the database does not answer, all inputs get its error. A failure
    always ends the connection, so a lost one fails no later group.
    """
    try:
        return list(work(inputs))
    except (DatabaseError, InterfaceError) as failure:
        is_there = _reconnect()
        if len(inputs) == 1 or not is_there:
            return [failure] * len(inputs)
        log.warning("%s failed for a group of %s: %s", work.__name__, len(inputs), type(failure).__name__)
    middle = len(inputs) // 2
    return run_for_group(work, inputs[:middle]) + run_for_group(work, inputs[middle:])


def _reconnect() -> bool:
    """Returns whether the database answers on a new connection. The old connection may be the cause of the failure."""
    try:
        connection.close()
        connection.ensure_connection()
    except (DatabaseError, InterfaceError):
        return False
    return True
