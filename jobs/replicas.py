"""Reads from a replica of the database, where `DATABASE_REPLICA_URL` is set (docs/decisions/0025).

    first read of a request ──> the primary's position ──> the replica waits for it ──> this read and the next ones: replica
                                        │
                                        └── not there in time, unusable, or no GTIDs ──> all reads of the request: primary
    a write or a transaction after the first read ───────────────────────────────────> the rest of the request: primary

So a request sees everything that was committed before its first read, on whatever server, and reads what it has written itself from
the primary. `whatsapp_hub/replicas` says which requests may read from the replica.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from prometheus_client import Counter

from jobs.transactions import DatabaseAway

PRIMARY, REPLICA = DEFAULT_DB_ALIAS, "replica"
WAIT_SECONDS = 0.1
"""For so long a request waits for the replica."""
NO_POSITION, BEHIND, UNUSABLE = "no_position", "behind", "unusable"
AVOID_SECONDS = {NO_POSITION: 60.0, BEHIND: 1.0, UNUSABLE: 5.0}
"""For so long this process reads from the primary, after the replica could not be used for that reason."""
REASONS = {
    NO_POSITION: "the primary has no position: its binary log or its GTIDs are off",
    BEHIND: f"the replica does not have within {WAIT_SECONDS:g} seconds what the primary had",
    UNUSABLE: "the replica cannot be used",
}
LOG_SECONDS = 60.0
READS = Counter("hub_replica_reads", "Requests and parts of exports that may read from the replica, by what came of it", ["result"])
# The binary log has a transaction before it is visible. `gtid_current_pos` alone would be an old position where the log is off.
MARIADB_POSITION = "SELECT '', IF(@@GLOBAL.log_bin, @@GLOBAL.gtid_current_pos, '')"
MARIADB_WAIT = "SELECT MASTER_GTID_WAIT(%s, %s)"
# A transaction is visible a moment before `gtid_executed` has it. Until then `gtid_owned` has it, which therefore is read first.
MYSQL_POSITION = "SELECT @@GLOBAL.gtid_owned, IF(@@GLOBAL.gtid_mode = 'ON', @@GLOBAL.gtid_executed, '')"
MYSQL_WAIT = "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)"
THREADS = re.compile(r"(#\d+)+")
"""In `gtid_owned`: the threads that commit a transaction."""

log = logging.getLogger(__name__)


class ReplicaLost(DatabaseAway):
    """The replica failed while it was read. The same work can be done on the primary: nothing was written since the first read."""


class Replica:
    """What this process knows about the replica."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._avoided_until = self._logged_at = float("-inf")
        self._reason = UNUSABLE

    def is_current(self) -> bool:
        """Returns whether the replica has everything that is committed on the primary now. Waits for it for a short time."""
        is_current = self._clock() >= self._avoided_until and self._wait_for(_position_of_primary())
        READS.labels(result=REPLICA if is_current else self._reason).inc()
        return is_current

    def _wait_for(self, position: str) -> bool:
        if not position:
            self.avoid(NO_POSITION)
            return False
        try:
            if _is_reached(position):
                return True
            self.avoid(BEHIND)
        except (DatabaseError, InterfaceError) as failure:
            self.avoid(UNUSABLE, failure)
        return False

    def avoid(self, reason: str, failure: Exception | None = None) -> None:
        """Reads from the primary for some seconds. The reason is logged once a minute."""
        now = self._clock()
        self._reason, self._avoided_until = reason, now + AVOID_SECONDS[reason]
        if now >= self._logged_at + LOG_SECONDS:
            self._logged_at = now
            log.warning("pages are read from the primary: %s%s", REASONS[reason], f" ({_describe(failure)})" if failure else "")


replica = Replica()


class Reads:
    """Where one request reads. It is decided at the first read."""

    def __init__(self) -> None:
        self._alias: str | None = None

    @property
    def is_on_replica(self) -> bool:
        return self._alias == REPLICA

    def alias(self) -> str:
        """Returns the alias of the connection for the next read."""
        if connections[PRIMARY].in_atomic_block:
            return PRIMARY
        if self._alias is None:
            self._alias = REPLICA if replica.is_current() else PRIMARY
        return self._alias

    def watch(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        """Runs a statement on the primary. If it is more than a read, all reads after it are there too. Before the first read
        nothing needs to be done: the position is of a later time."""
        if self.is_on_replica and (context["connection"].in_atomic_block or not sql.lstrip().upper().startswith("SELECT")):
            self._alias = PRIMARY
        return execute(sql, params, many, context)


_current: ContextVar[Reads | None] = ContextVar("reads", default=None)


def current_reads() -> Reads | None:
    """Returns where the current work reads. None if it reads from the primary."""
    return _current.get()


@contextmanager
def replica_reads() -> Iterator[None]:
    """Lets the body read from the replica, if there is one. Raises ReplicaLost if the replica fails meanwhile."""
    if REPLICA not in connections.settings:
        yield
        return
    reads = Reads()
    token = _current.set(reads)
    try:
        with connections[PRIMARY].execute_wrapper(reads.watch):
            yield
    except (DatabaseError, InterfaceError) as failure:
        if not reads.is_on_replica:
            raise
        replica.avoid(UNUSABLE, failure)
        raise ReplicaLost from failure
    else:
        if reads.is_on_replica and connections[REPLICA].errors_occurred:  # the API has made a response of the error
            replica.avoid(UNUSABLE)
            raise ReplicaLost
    finally:
        _current.reset(token)


def _describe(failure: Exception) -> str:
    """Returns the type of a database error and the server's number for it. Its text may quote what people wrote."""
    return " ".join([type(failure).__name__, *(str(each) for each in failure.args[:1] if isinstance(each, int))])


def _position_of_primary() -> str:
    """Returns the GTIDs of all transactions that are visible on the primary. Empty if it has none."""
    owned, executed = _fetch_one(PRIMARY, MARIADB_POSITION if _is_mariadb() else MYSQL_POSITION)
    return ",".join(filter(None, (THREADS.sub("", owned), executed))) if executed else ""


def _is_reached(position: str) -> bool:
    """Waits until the replica has the position. Returns whether it has, within `WAIT_SECONDS`."""
    (result,) = _fetch_one(REPLICA, MARIADB_WAIT if _is_mariadb() else MYSQL_WAIT, [position, WAIT_SECONDS])
    return bool(result == 0)


def _is_mariadb() -> bool:
    return bool(connections[PRIMARY].mysql_is_mariadb)  # type: ignore[attr-defined]  # only MySQL and MariaDB have replicas


def _fetch_one(alias: str, statement: str, values: Sequence[str | float] | None = None) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()
