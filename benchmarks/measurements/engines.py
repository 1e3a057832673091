"""Compares the engines that carry work: items applied and messages sent in a second with 1, 2 and 4 worker processes.

The figures of a round are taken between its first and its last row, so how long processes take to start does not count. Each round
has a database of its own, and checks that nothing is missing or doubled.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import free_port
from benchmarks.figures import Failed, at_least, show
from benchmarks.load.backlog import backlog
from benchmarks.measurements.application import check_applied, fill
from benchmarks.measurements.sending import FAST_NUMBERS, FAST_RATE, stand_in

BROKER = "amqp://guest:guest@127.0.0.1:5672/"
PROCESSES = (1, 2, 4)
ITEMS = 20_000
MESSAGES = 4_000
MIN_SHARE = 0.9
"""What Celery must reach of the built-in worker with one process."""
PATIENCE = 300.0
POLL = 0.02

Fresh = Callable[[], AbstractContextManager[Database]]


def compare_engines(fresh: Fresh, directory: Path, *, broker: str, items: int, messages: int) -> None:
    """Shows a rate for each engine and count of processes, and Celery's as a ratio. `fresh` creates a database."""
    for measure, name, unit, amount in (
        (_measure_applied, "applied", "items/s", items),
        (_measure_sent, "sent", "messages/s", messages),
    ):
        first = 0.0
        for count in PROCESSES:
            rates = {}
            for engine in ("database", "celery"):
                more = {"WORK_ENGINE": engine, "CELERY_BROKER_URL": broker}
                with fresh() as database:
                    place = directory / f"{name}-{engine}-{count}"
                    place.mkdir()
                    rates[engine] = measure(database, place, more, count, amount)
                show(f"engines.{name}.{engine}.{count}", rates[engine], unit)
            first = first or rates["celery"]
            goal = at_least(MIN_SHARE) if count == 1 else None
            show(f"engines.{name}.ratio.{count}", rates["celery"] / rates["database"], "ratio", vs="database", goal=goal)
            show(f"engines.{name}.growth.{count}", rates["celery"] / first, "ratio", vs="one process")


@contextmanager
def _workers(hub: Hub, engine: str, lanes: str, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        if engine == "celery":
            stack.enter_context(hub.celery("worker", "-P", "prefork", "-c", str(count), "-Q", lanes))
            stack.enter_context(hub.celery("beat"))
        else:
            for number in range(count):
                stack.enter_context(hub.worker("--lanes", lanes, name=f"worker-{number}"))
        yield


def _measure_applied(database: Database, directory: Path, more: dict[str, str], count: int, items: int) -> float:
    hub = Hub(database, directory, more=more)
    expected = backlog(items)
    hub.prepare()
    fill(hub, expected)
    total = len(expected.webhooks)
    with _workers(hub, more["WORK_ENGINE"], "webhooks", count):
        rate = _rate(lambda: database.count("webhook", where="state = 'done'"), total) * items / total
    check_applied(database, expected.totals)
    return rate


def _measure_sent(database: Database, directory: Path, more: dict[str, str], count: int, messages: int) -> float:
    port = free_port()
    hub = Hub(database, directory, more=more | {"META_GRAPH_URL": f"http://127.0.0.1:{port}"})
    hub.prepare()
    each = messages // len(FAST_NUMBERS)
    with stand_in(hub, port) as meta:
        for number in FAST_NUMBERS:
            hub.queue(number.phone_number_id, number.token, per_second=FAST_RATE, people=each, messages=each)
        total = each * len(FAST_NUMBERS)
        with _workers(hub, more["WORK_ENGINE"], "outbox", count):
            _rate(lambda: database.count("chat_session_message", where="message_status = 'sent'"), total)
        sent = [message for number in FAST_NUMBERS for message in meta.sent(number.phone_number_id)]
    if max(Counter(message["callback_data"] for message in sent).values()) > 1 or len(sent) != total:
        raise Failed(f"{total} messages were to be sent once, and Graph received {len(sent)}")
    arrivals: list[float] = sorted(message["monotonic"] for message in sent)
    return (total - 1) / (arrivals[-1] - arrivals[0])


def _rate(done: Callable[[], int], total: int) -> float:
    """Returns how many rows a second are done, from the first ones to the last one."""
    deadline = time.monotonic() + PATIENCE
    first: tuple[int, float] | None = None
    while time.monotonic() < deadline:
        count, now = done(), time.monotonic()
        if count == total and first:
            return (total - first[0]) / (now - first[1])
        if count and not first:
            first = count, now
        time.sleep(POLL)
    raise Failed(f"{done()} of {total} rows are done after {PATIENCE:.0f} s")
