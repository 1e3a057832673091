"""Renewal of leases while their work runs."""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Self

from django.db import DatabaseError, InterfaceError, connection

from jobs.transactions import DatabaseAway, run_in_transaction

log = logging.getLogger(__name__)


class LeaseRenewal:
    """Calls `renew` every `every` seconds in a thread of its own, from `start` to `stop` or inside a `with` block.

    A worker that dies or is suspended does not renew, so its leases end and other workers take the rows. Renewal ends after
    `longest` seconds, so work that never returns loses its lease.
    """

    def __init__(self, renew: Callable[[], object], *, every: float, longest: float = math.inf) -> None:
        self._renew = renew
        self._every = every
        self._longest = longest
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="lease-renewal", daemon=True)

    def start(self) -> None:
        """Starts to renew. Raises RuntimeError if the system cannot start another thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stops, after a renewal that is in progress."""
        self._stopped.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def _repeat(self) -> None:
        until = time.monotonic() + self._longest
        while not self._stopped.wait(self._every) and time.monotonic() < until:
            try:
                run_in_transaction(self._renew)
            except (DatabaseError, InterfaceError, DatabaseAway) as failure:
                log.warning("leases could not be renewed: %s", type(failure).__name__)
            finally:
                connection.close()  # the next renewal is seconds away
