"""How many webhooks a second are acknowledged after they are durable, and how fast.

The contenders run alternately in short rounds, and their medians are compared. So other work of the machine affects all of them.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.environment.databases import Database, sqlite
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Server
from benchmarks.figures import Failed, at_least, at_most, percentile, say, show
from benchmarks.load import bodies, constant_rate, wrk
from benchmarks.rivals import starting

CONNECTIONS = 64
REQUESTS = 160_000
WARM_UP = 3.0
PAUSE = 1.5
"""Seconds between rounds, in which data of the previous round is written."""
OFFERED = 3_300
OFFERED_SECONDS = 30
PLAIN_DJANGO = "Django view that does nothing, gunicorn threads"
INSERTING_DJANGO = "Django view with one INSERT, gunicorn threads"
PYWA = "pywa on FastAPI, one uvicorn process, empty handlers, nothing stored"


@dataclass(frozen=True)
class Rounds:
    """How many rounds each contender has, and how long one is."""

    count: int = 3
    seconds: float = 8.0


@dataclass
class Contender:
    """A server to compare. `stored` returns the number of webhooks in its database; None if it stores nothing."""

    name: str
    server: Server
    stored: Callable[[], int] | None = None
    speeds: list[float] = field(default_factory=list)
    acknowledged: int = 0
    unanswered: int = 0

    @property
    def per_second(self) -> float:
        return median(self.speeds)

    def run_round(self, requests: Path, seconds: float, start: float) -> wrk.Outcome:
        """Runs one round. Raises Failed if a webhook that got its 200 is not stored."""
        outcome = wrk.run(self.server.port, requests, connections=CONNECTIONS, seconds=seconds, start=start)
        self.count(outcome.completed, unanswered=CONNECTIONS)
        return outcome

    def count(self, acknowledged: int, *, unanswered: int = 0) -> None:
        """Adds acknowledged webhooks, and up to `unanswered` that may be stored although their response was not awaited."""
        self.acknowledged += acknowledged
        self.unanswered += unanswered
        stored = self.stored() if self.stored else self.acknowledged
        if not self.acknowledged <= stored <= self.acknowledged + self.unanswered:
            raise Failed(f"{self.name} has acknowledged {self.acknowledged} webhooks and stored {stored}")


def acknowledge(database: Database, directory: Path, rounds: Rounds) -> None:
    """Compares the hub on MariaDB with a Django view and a webhook library that store nothing. Then measures its latency at a
    constant rate."""
    requests = _write_requests(directory)
    with ExitStack() as stack:
        hub = _start_hub(stack, database, directory)
        processes = hub.server.process.children()
        say(f"{processes} web processes, {CONNECTIONS} connections")
        django = Contender("plain_django", stack.enter_context(starting.plain_django(directory, processes=processes)))
        pywa = Contender("pywa", stack.enter_context(starting.pywa(directory, processes=1)))
        pywas = Contender("pywa_processes", stack.enter_context(starting.pywa(directory, processes=processes)))
        for each in (pywa, pywas):
            each.server.check_signatures()
        contenders = [hub, django, pywa, pywas]
        _run_rounds(contenders, directory, rounds)
        for each in contenders:
            show(f"acknowledge.{each.name}", each.per_second, "webhooks/s")
        show("acknowledge.over_plain_django", hub.per_second / django.per_second, "ratio", vs=PLAIN_DJANGO, goal=at_least(1.5))
        show("acknowledge.over_pywa", hub.per_second / pywa.per_second, "ratio", vs=PYWA, goal=at_least(2))
        show(
            "acknowledge.over_pywa_processes",
            hub.per_second / pywas.per_second,
            "ratio",
            vs=PYWA.replace("one uvicorn process", f"{processes} uvicorn processes"),
        )
        _measure_constant_rate(hub, requests)


def acknowledge_sqlite(database: Database, directory: Path, rounds: Rounds) -> None:
    """Compares the hub on SQLite with a Django view that inserts into a file of its own."""
    _write_requests(directory)
    with ExitStack() as stack:
        hub = _start_hub(stack, database, directory)
        rival = sqlite(directory / "rival.sqlite3")
        server = starting.inserting_django(directory, processes=hub.server.process.children(), url=rival.url)
        django = Contender("inserting_django", stack.enter_context(server), lambda: rival.count("received"))
        _run_rounds([hub, django], directory, rounds)
        for each in (hub, django):
            show(f"acknowledge_sqlite.{each.name}", each.per_second, "webhooks/s")
        ratio = hub.per_second / django.per_second
        show("acknowledge_sqlite.over_inserting_django", ratio, "ratio", vs=INSERTING_DJANGO, goal=at_least(2))


def _write_requests(directory: Path) -> list[bytes]:
    say(f"writing {REQUESTS:,} webhooks")
    requests = bodies.mixed_requests(REQUESTS)
    wrk.write_requests(directory, requests)
    return requests


def _start_hub(stack: ExitStack, database: Database, directory: Path) -> Contender:
    hub = Hub(database, directory)
    hub.prepare()
    server = stack.enter_context(hub.web())
    server.check_signatures()
    return Contender("hub", server, lambda: database.count("webhook"))


def _run_rounds(contenders: Sequence[Contender], requests: Path, rounds: Rounds) -> None:
    """Warms up all contenders, then runs them as A B C, A B C …"""
    # Each round has its own part of the requests, so that few are sent twice: pywa detects those and does less for them.
    for each in contenders:
        each.run_round(requests, WARM_UP, 0.0)
    for index in range(rounds.count):
        for each in contenders:
            time.sleep(PAUSE)
            outcome = each.run_round(requests, rounds.seconds, (index + 1) / (rounds.count + 1))
            each.speeds.append(outcome.per_second)
            waits = f"p50 {outcome.p50:.1f} ms, p99 {outcome.p99:.1f} ms"
            say(f"  round {index + 1}  {each.name:<16}{outcome.per_second:8,.0f}/s   {waits}")


def _measure_constant_rate(hub: Contender, requests: Sequence[bytes]) -> None:
    say(f"offering {OFFERED:,} webhooks a second for {OFFERED_SECONDS} s")
    time.sleep(PAUSE)
    outcome = constant_rate.offer(hub.server, requests[: OFFERED * OFFERED_SECONDS], rate=OFFERED, connections=CONNECTIONS)
    hub.count(len(outcome.responded))
    milliseconds = [1000 * latency for latency in outcome.latencies]
    say(f"  longest delay before sending: {1000 * outcome.lateness:.1f} ms")
    show(f"acknowledge.p50_at_{OFFERED}", percentile(milliseconds, 0.5), "ms")
    show(f"acknowledge.p99_at_{OFFERED}", percentile(milliseconds, 0.99), "ms", goal=at_most(50))
