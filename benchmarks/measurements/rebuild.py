"""How fast a rebuild is with one process and with two, and the memory that it takes.

A worker applies the log first, so the rate of an ordinary backlog is measured in the same run. After each rebuild the tables must
have the same rows again.
"""

import contextlib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment.databases import Database
from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import Process
from benchmarks.figures import at_least, at_most, say, show
from benchmarks.load.backlog import Totals
from benchmarks.measurements.application import check_applied

ITEMS = 100_000
PROCESSES = (1, 2)
MIN_GROWTH = 1.8
MAX_MEMORY = 200
MIN_ITEMS_PER_SECOND = 200
"""A run that is slower has failed."""
POLL = 0.05


@dataclass(frozen=True)
class Run:
    """Seconds of a command until it began to apply the log, and from then on; and the most bytes that one of its processes had
    resident."""

    deleting: float
    applying: float
    memory: int


def rebuild(database: Database, directory: Path, items: int, processes: Sequence[int] = PROCESSES) -> None:
    hub = Hub(database, directory)
    hub.prepare()
    say(f"storing webhooks of {items:,} items")
    totals = hub.fill_log(items)
    name = f"rebuild.{database.name}"
    say(f"one worker applies {totals.webhooks:,} webhooks")
    with hub.worker("--once") as worker:
        first = _watch(worker, totals, until="")
    check_applied(database, totals)
    backlog = totals.items / first.applying
    show(f"{name}.backlog", backlog, "items/s")
    rates = {}
    for count in processes:
        say(f"{count} process{'es' if count > 1 else ''} rebuild what came from the log")
        with hub.replay("--rebuild", f"--processes={count}") as command:
            run = _watch(command, totals, until="applying the raw log")
        check_applied(database, totals)
        rates[count] = totals.items / run.applying
        show(f"{name}.{count}.items_per_second", rates[count], "items/s")
        show(f"{name}.{count}.seconds_deleting", run.deleting, "s")
        show(f"{name}.{count}.peak_memory", run.memory / 1e6, "MB", goal=at_most(MAX_MEMORY))
    show(f"{name}.ratio", rates[1] / backlog, "ratio", vs="backlog", goal=at_least(1))
    for count in processes[1:]:
        show(f"{name}.growth.{count}", rates[count] / rates[1], "ratio", vs="one process", goal=at_least(MIN_GROWTH))


def _watch(process: Process, totals: Totals, *, until: str) -> Run:
    """Waits for its end. The first part ends when its output has the words `until`. Raises Failed if it fails or takes too long."""
    began = begun = time.monotonic()
    memory, is_applying = 0, False
    while time.monotonic() < began + 60 + totals.items / MIN_ITEMS_PER_SECOND:
        with contextlib.suppress(OSError):  # a process has just ended
            memory = max(memory, process.peak_memory())
        if not is_applying and until in process.output.read_text():
            begun, is_applying = time.monotonic(), True
        with contextlib.suppress(subprocess.TimeoutExpired):
            if process.child.wait(POLL):
                raise process.failure(f"ended with {process.child.returncode}")
            return Run(begun - began, time.monotonic() - begun, memory)
    raise process.failure("takes too long")
