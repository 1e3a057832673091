"""Compares the engines that carry work: items applied and messages sent in a second with 1, 2 and 4 worker processes.

The figures of a round are taken between its first and its last row, so how long processes take to start does not count. Each round
has a database of its own, and checks that nothing is missing or doubled.

With hosts (`benchmarks/environment/hosts.py`) each worker process runs in one of its own. The figures begin when all of them have
been connected to the database for a second.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hosts import Host
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import LOOPBACK, free_port
from benchmarks.figures import Failed, at_least, show
from benchmarks.load.backlog import backlog
from benchmarks.measurements.application import check_applied, fill
from benchmarks.measurements.sending import FAST_NUMBERS, FAST_RATE, stand_in

BROKER = "amqp://guest:guest@127.0.0.1:5672/"
ENGINES = ("database", "celery")
PROCESSES = (1, 2, 4)
ITEMS = 20_000
MESSAGES = 4_000
MESSAGES_ON_HOSTS = 12_000
"""More, because many are sent before the last host works."""
MIN_SHARE = 0.9
"""What Celery must reach of the built-in worker with one process."""
PATIENCE = 300.0
POLL = 0.02
SETTLE_SECONDS = 1.0
"""A host works when it has been connected to the database for so long: processes also connect for a moment while they start."""

Fresh = Callable[[], AbstractContextManager[Database]]


@dataclass(frozen=True)
class Workers:
    """The worker processes of a round. With `hosts`, there is one process in each of them."""

    engine: str
    count: int
    broker: str
    hosts: Sequence[Host]

    @property
    def environment(self) -> dict[str, str]:
        return {"WORK_ENGINE": self.engine, "CELERY_BROKER_URL": self.broker}

    @property
    def server_address(self) -> str:
        """The address at which they reach servers of this machine."""
        return self.hosts[0].server if self.hosts else LOOPBACK

    @contextmanager
    def running(self, hub: Hub, lanes: str) -> Iterator[None]:
        places: Sequence[Host | None] = self.hosts or [None]
        processes = self.count // len(places)
        with ExitStack() as stack:
            for index, host in enumerate(places):
                if self.engine == "celery":
                    options = ("-P", "prefork", "-c", str(processes), "-Q", lanes, "-n", f"host-{index}@%h")
                    stack.enter_context(hub.celery("worker", *options, host=host))
                else:
                    for number in range(processes):
                        stack.enter_context(hub.worker("--lanes", lanes, name=f"worker-{index}-{number}", host=host))
            if self.engine == "celery":
                stack.enter_context(hub.celery("beat"))  # not on a host, which would seem to work before its worker does
            yield

    def connected(self, database: Database) -> set[str]:
        """Returns the addresses of the hosts that are connected to the database."""
        name = database.url.rpartition("/")[2]
        rows = database.ask(f"SELECT host FROM information_schema.processlist WHERE db = '{name}'")  # noqa: S608  our own name
        return {str(row[0]).partition(":")[0] for row in rows} & {host.address for host in self.hosts}


@dataclass(frozen=True)
class Period:
    """What was measured, by `time.monotonic`. `rows` were done in it."""

    begins: float
    ends: float
    rows: int

    @property
    def rate(self) -> float:
        return self.rows / (self.ends - self.begins)


def compare_engines(fresh: Fresh, directory: Path, *, broker: str, items: int, messages: int, hosts: Sequence[Host] = ()) -> None:
    """Shows a rate for each engine and count of processes, Celery's as a ratio, and how each grows. `fresh` creates a database.
    `hosts`: none, or one for each process."""
    prefix, one = ("engines.hosts", "one host") if hosts else ("engines", "one process")
    for measure, name, unit, amount in (
        (_measure_applied, "applied", "items/s", items),
        (_measure_sent, "sent", "messages/s", messages),
    ):
        first: dict[str, float] = {}
        for count in PROCESSES:
            rates = {}
            for engine in ENGINES:
                with fresh() as database:
                    place = directory / f"{name}-{engine}-{count}"
                    place.mkdir()
                    rates[engine] = measure(database, place, Workers(engine, count, broker, hosts[:count]), amount)
                show(f"{prefix}.{name}.{engine}.{count}", rates[engine], unit)
            first = first or rates
            goal = at_least(MIN_SHARE) if count == 1 else None
            show(f"{prefix}.{name}.ratio.{count}", rates["celery"] / rates["database"], "ratio", vs="database", goal=goal)
            for engine in ENGINES:
                show(f"{prefix}.{name}.growth.{engine}.{count}", rates[engine] / first[engine], "ratio", vs=one)


def _measure_applied(database: Database, directory: Path, workers: Workers, items: int) -> float:
    hub = Hub(database, directory, more=workers.environment)
    expected = backlog(items)
    hub.prepare()
    fill(hub, expected)
    total = len(expected.webhooks)
    with workers.running(hub, "webhooks"):
        period = _wait_until_done(workers, database, lambda: database.count("webhook", where="state = 'done'"), total)
    check_applied(database, expected.totals)
    return period.rate * items / total


def _measure_sent(database: Database, directory: Path, workers: Workers, messages: int) -> float:
    port, address = free_port(), workers.server_address
    hub = Hub(database, directory, more=workers.environment | {"META_GRAPH_URL": f"http://{address}:{port}"})
    hub.prepare()
    each = messages // len(FAST_NUMBERS)
    with stand_in(hub, port, address=address) as meta:
        for number in FAST_NUMBERS:
            hub.queue(number.phone_number_id, number.token, per_second=FAST_RATE, people=each, messages=each)
        total = each * len(FAST_NUMBERS)
        with workers.running(hub, "outbox"):
            done = "message_status = 'sent'"
            period = _wait_until_done(workers, database, lambda: database.count("chat_session_message", where=done), total)
        sent = [message for number in FAST_NUMBERS for message in meta.sent(number.phone_number_id)]
    if max(Counter(message["callback_data"] for message in sent).values()) > 1 or len(sent) != total:
        raise Failed(f"{total} messages were to be sent once, and Graph received {len(sent)}")
    arrivals: list[float] = sorted(message["monotonic"] for message in sent)
    if workers.hosts:
        arrivals = [at for at in arrivals if at >= period.begins]
    return (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])


def _wait_until_done(workers: Workers, database: Database, done: Callable[[], int], total: int) -> Period:
    """Returns the time from the first rows, or from when all hosts work, to the last row. Raises Failed if it would be less than
    half of the rows."""
    deadline = time.monotonic() + PATIENCE
    addresses = {host.address for host in workers.hosts}
    away_at = time.monotonic() if addresses else float("-inf")  # when a host was last not connected
    first: tuple[int, float] | None = None
    while time.monotonic() < deadline:
        if not first and addresses - workers.connected(database):
            away_at = time.monotonic()
        count, now = done(), time.monotonic()
        if count and not first and now >= away_at + SETTLE_SECONDS:
            first = count, now
        if count == total:
            if not first or first[0] > total / 2:
                raise Failed("more than half was done before all workers were connected; choose more --items or --sent")
            return Period(first[1], now, total - first[0])
        time.sleep(POLL)
    raise Failed(f"{done()} of {total} rows are done after {PATIENCE:.0f} s")
