"""How fast one worker applies what piled up, and the memory it takes for that."""

import contextlib
import subprocess
import time
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Process
from benchmarks.figures import Failed, at_least, at_most, say, show
from benchmarks.load import bodies, constant_rate
from benchmarks.load.backlog import Backlog, Totals, backlog

ITEMS = 50_000
LATE_ITEMS = 25_000
LATE_GOAL = 0.7
GOALS = {"mariadb": 3_300, "sqlite": 2_000}
SECONDS_OF_RIVAL = 15.0
PATIENCE = 300.0
POLL = 0.05
"""Seconds between looks at the worker's memory. The kernel keeps its highest, so only a rise in the last moment can be missed."""


def apply_backlog(database: Database, directory: Path, items: int = ITEMS) -> None:
    """The backlog comes in by the front door while no worker runs; then `worker --once`, from its start to its end."""
    hub = Hub(database, directory)
    seconds, peak = _apply(hub, backlog(items))
    show(f"backlog.{database.name}.items_per_second", items / seconds, "items/s", goal=at_least(GOALS[database.name]))
    show(f"backlog.{database.name}.peak_memory", peak / 1e6, "MB", goal=at_most(200))
    _compare_with_django(database, directory, items / seconds)


def _compare_with_django(database: Database, directory: Path, rate: float) -> None:
    """What ordinary Django code applies of the same webhooks, which are still in the hub's table."""
    say(f"ordinary Django code applies what it can of the same items in {SECONDS_OF_RIVAL:g} s")
    rival = Hub(database, directory).apply_sample(SECONDS_OF_RIVAL)
    show(f"backlog.{database.name}.rival", rival, "items/s")
    show(f"backlog.{database.name}.ratio", rate / rival, "ratio", vs="applying_django")


def apply_late_backlog(database: Database, ordered: Database, directory: Path, items: int) -> None:
    """The same with a backlog of which half the messages are late or of the same second, and with an ordered one beside it."""
    before, _ = _apply(Hub(ordered, directory / "ordered"), backlog(items))
    seconds, _ = _apply(Hub(database, directory / "late"), backlog(items, late=True))
    show(f"late.{database.name}.items_per_second", items / seconds, "items/s")
    show(f"late.{database.name}.ratio", before / seconds, "ratio", vs="ordered backlog", goal=at_least(LATE_GOAL))


def _apply(hub: Hub, expected: Backlog) -> tuple[float, int]:
    """The seconds that one worker takes, and the most memory it had resident, in bytes."""
    hub.prepare()
    fill(hub, expected)
    say(f"one worker applies {expected.totals.items:,} items on {hub.database.name}")
    started = time.monotonic()
    with hub.worker("--once") as worker:
        peak = _watch_memory(worker)
        seconds = time.monotonic() - started
    check_applied(hub.database, expected.totals)
    return seconds, peak


def fill(hub: Hub, expected: Backlog) -> None:
    """The backlog comes in by the front door."""
    say(f"{len(expected.webhooks):,} webhooks come in, no worker running")
    with hub.web() as server:
        requests = [bodies.request(body) for body in expected.webhooks]
        constant_rate.offer(server, requests, rate=1_500, connections=16)
    stored = hub.database.count("webhook")
    if stored != len(requests):
        raise Failed(f"{len(requests)} webhooks were acknowledged and {stored} are stored")


def _watch_memory(worker: Process) -> int:
    """Wait for its end; the most memory it had resident, in bytes. Failed if it fails, or takes too long."""
    peak, until = 0, time.monotonic() + PATIENCE
    while time.monotonic() < until:
        peak = max(peak, worker.peak_memory())
        with contextlib.suppress(subprocess.TimeoutExpired):
            if worker.child.wait(POLL):
                raise worker.failure(f"ended with {worker.child.returncode}")
            return peak
    raise worker.failure(f"is not done after {PATIENCE:.0f} s")


def check_applied(database: Database, expected: Totals) -> None:
    """Fails unless the tables have all of the backlog for its number, and nothing twice."""
    of_number = f"= '{bodies.NUMBER.phone_number_id}'"
    own = f"phone_number_id {of_number}"
    read = f"{own} AND message_status = 'read'"
    found = {
        "webhooks done": (database.count("webhook", where="state = 'done'"), expected.webhooks),
        "items held": (database.count("webhook_held_item"), 0),
        "contacts": (
            database.count("contacts", where=f"create_for_phone_number {of_number}"),
            expected.contacts,
        ),
        "messages": (database.count("chat_session_message", where=own), expected.messages),
        "messages read": (
            database.count("chat_session_message", where=read),
            expected.read_messages,
        ),
        "status events": (database.count("chat_status_event", where=own), expected.status_events),
    }
    wrong = [f"{what}: {count:,} instead of {right:,}" for what, (count, right) in found.items() if count != right]
    if wrong:
        raise Failed(f"the worker left on {database.name} {'; '.join(wrong)}")
