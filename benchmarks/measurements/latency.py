"""How long a customer's message takes from its sender to its row, with a worker next to the web processes.

Both times are of the monotonic clock. The first is the time at which the webhook was to be sent, so that delays before sending
count. The second is the time at which another connection saw the row. That connection polls every few milliseconds, so the figure
is too high by at most `POLL_SECONDS` and the time of one query, and never too low.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.environment.databases import Database, fetch
from benchmarks.environment.hub import Hub
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.load import bodies, constant_rate

RATE = 330
SECONDS = 60
WARM_UP = 5
CONNECTIONS = 16
POLL_SECONDS = 0.005
TIMEOUT = 30.0


def apply_while_receiving(database: Database, directory: Path, seconds: int = SECONDS) -> None:
    """Measures messages of customers at a constant rate, and then messages of people who write twice in a second."""
    hub = Hub(database, directory)
    hub.prepare()
    count = RATE * (WARM_UP + seconds)
    _measure(hub, list(bodies.message_requests(count, per_second=RATE)), "applied")
    _measure(hub, list(bodies.message_requests(count, per_second=RATE, first=count, twice=True)), "twice_in_a_second")


def _measure(hub: Hub, messages: list[tuple[str, bytes]], name: str) -> None:
    # The messages of the first `WARM_UP` seconds are not measured.
    database = hub.database
    say(f"{RATE} messages a second for {len(messages) // RATE} s, a worker next to the web processes, on {database.name}: {name}")
    watch = _Watch(database, {id for id, _ in messages})
    with hub.web() as server, hub.worker() as worker, ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch.run)
        try:
            outcome = constant_rate.offer(server, [request for _, request in messages], rate=RATE, connections=CONNECTIONS)
            watch.complete.wait(TIMEOUT)
        finally:
            watch.end.set()
        watching.result(TIMEOUT)
        if worker.has_ended:
            raise worker.failure("has ended")
    if watch.missing:
        raise Failed(f"{len(watch.missing)} messages were acknowledged and are not in the table")
    taken = [(watch.seen[id] - due) for (id, _), due in zip(messages, outcome.scheduled, strict=True)][RATE * WARM_UP :]
    show(f"latency.{database.name}.{name}_p50", percentile(taken, 0.5), "s")
    show(f"latency.{database.name}.{name}_p99", percentile(taken, 0.99), "s", goal=at_most(1))
    say(f"  longest delay before sending: {1000 * outcome.lateness:.1f} ms; longest time between polls: {1000 * watch.gap:.1f} ms")


class _Watch:
    """Records when each message was first seen.

    The query relies on the rows of one worker becoming visible in the order of their ids. A row that did not would be reported as
    missing.
    """

    def __init__(self, database: Database, missing: set[str]) -> None:
        self._database = database
        self.missing = missing
        self.seen: dict[str, float] = {}
        self.gap = 0.0
        self.complete = threading.Event()
        self.end = threading.Event()

    def run(self) -> None:
        polled_at = time.monotonic()
        with self._database.connect() as connection:
            last = fetch(connection, "SELECT COALESCE(MAX(id), 0) FROM chat_session_message")[0][0]
            while not self.end.wait(POLL_SECONDS):
                rows = fetch(connection, f"SELECT id, wamid FROM chat_session_message WHERE id > {last} ORDER BY id")  # noqa: S608
                now = time.monotonic()
                self.gap, polled_at = max(self.gap, now - polled_at), now
                if rows:
                    last = rows[-1][0]
                    self._record([wamid for _, wamid in rows], now)

    def _record(self, wamids: list[str], now: float) -> None:
        self.seen.update(dict.fromkeys(wamids, now))
        self.missing.difference_update(wamids)
        if not self.missing:
            self.complete.set()
