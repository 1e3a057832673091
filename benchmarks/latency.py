"""How long a customer's message takes from its sender to its row, with a worker beside the web processes.

Both ends are read from one clock, the machine's monotonic one. It begins when the webhook was due to be sent, so that what it had
to wait for counts. It ends when the row was seen from another connection, which asks for new rows every few milliseconds: the row
may have been there for as long as `POLL` and one query take, so the figure is too high by that much, and never too low.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import bodies, load
from benchmarks.databases import Database, fetch
from benchmarks.figures import Failed, at_most, percentile, say, show
from benchmarks.hub import Hub

RATE = 330
SECONDS = 60
WARM_UP = 5
CONNECTIONS = 16
POLL = 0.005
PATIENCE = 30.0


def apply_while_receiving(database: Database, directory: Path, seconds: int = SECONDS) -> None:
    """Customers' messages at a constant rate, then those of people who write twice in a second."""
    hub = Hub(database, directory)
    hub.prepare()
    count = RATE * (WARM_UP + seconds)
    _measure(hub, list(bodies.message_requests(count, per_second=RATE)), "applied")
    _measure(hub, list(bodies.message_requests(count, per_second=RATE, first=count, twice=True)), "twice_in_a_second")


def _measure(hub: Hub, messages: list[tuple[str, bytes]], name: str) -> None:
    """The messages of the first seconds are not measured."""
    database = hub.database
    say(f"{RATE} messages a second for {len(messages) // RATE} s, a worker beside the web processes, on {database.name}: {name}")
    watch = _Watch(database, {id for id, _ in messages})
    with hub.web() as server, hub.worker() as worker, ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch.run)
        try:
            outcome = load.offer(server, [request for _, request in messages], rate=RATE, connections=CONNECTIONS)
            watch.complete.wait(PATIENCE)
        finally:
            watch.end.set()
        watching.result(PATIENCE)
        if worker.has_ended:
            raise worker.failure("has ended")
    if watch.missing:
        raise Failed(f"{len(watch.missing)} messages were acknowledged and are not in the table")
    taken = [(watch.seen[id] - due) for (id, _), due in zip(messages, outcome.scheduled, strict=True)][RATE * WARM_UP :]
    show(f"latency.{database.name}.{name}_p50", percentile(taken, 0.5), "s")
    show(f"latency.{database.name}.{name}_p99", percentile(taken, 0.99), "s", goal=at_most(1))
    say(
        f"  at worst a webhook left {1000 * outcome.lateness:.1f} ms late; looks at the table up to {1000 * watch.gap:.1f} ms apart"
    )


class _Watch:
    """When each message was first seen. Rows of one worker become visible in the order of their ids, which the query relies on; one
    that did not would be missed, and be told as missing."""

    def __init__(self, database: Database, missing: set[str]) -> None:
        self._database = database
        self.missing = missing
        self.seen: dict[str, float] = {}
        self.gap = 0.0
        self.complete = threading.Event()
        self.end = threading.Event()

    def run(self) -> None:
        last, looked = 0, time.monotonic()
        with self._database.connect() as connection:
            while not self.end.wait(POLL):
                rows = fetch(connection, f"SELECT id, wamid FROM chat_session_message WHERE id > {last} ORDER BY id")  # noqa: S608
                now = time.monotonic()
                self.gap, looked = max(self.gap, now - looked), now
                if rows:
                    last = rows[-1][0]
                    self._note([wamid for _, wamid in rows], now)

    def _note(self, wamids: list[str], now: float) -> None:
        self.seen.update(dict.fromkeys(wamids, now))
        self.missing.difference_update(wamids)
        if not self.missing:
            self.complete.set()
