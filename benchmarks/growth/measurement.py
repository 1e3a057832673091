"""How each figure changes as messages pile up: the other benchmarks, each with a hub that already has so many messages.

Writes a table and a chart into docs/benchmarks.md, between two marks, with the command, the date and the machine.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.environment import databases
from benchmarks.environment.databases import Database, default_buffer_pool
from benchmarks.environment.hub import FILLING, Hub
from benchmarks.environment.processes import ROOT
from benchmarks.figures import Failed, percentile, say, show
from benchmarks.growth import chart
from benchmarks.measurements.screens.pages import PAGES, measure_pages

SIZES = (10_000, 1_000_000)
BENCHMARKS: dict[str, Sequence[str]] = {
    "idle": ("--idle=20", "--firsts=5"),
    "backlog": (),
    "latency": (),
    "painted": (),
    "sending": (),
    "acknowledge": ("--rounds=1",),
}
"""Those whose figures may depend on what is stored, and how long they run here. Pages are measured here too."""
MORE_IS_BETTER = ("items/s", "webhooks/s", "1/s", "ratio")
UNITS = (*MORE_IS_BETTER, "s", "ms", "% of a core")
LEFT_OUT = ("acknowledge.plain", "acknowledge.pywa", "backlog.mariadb.rival", "idle.mariadb.queries", "sending.pace", "yardstick")
"""Figures that are not the hub's, or are limits that it keeps."""
BEGIN, END = "<!-- growth -->", "<!-- /growth -->"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "benchmarks-growth.svg"


@dataclass(frozen=True)
class Row:
    """One figure: its values in the order of the sizes."""

    name: str
    unit: str
    values: list[float]

    @property
    def slowness(self) -> list[float]:
        """Each value as times as slow as the first one: above 1 is worse."""
        return [self.values[0] / each if self.unit in MORE_IS_BETTER else each / self.values[0] for each in self.values]


def measure_growth(server: str, scratch: Path, sizes: Sequence[int], command: str) -> None:
    """Measures all figures with each size, shows them, and writes the document."""
    measured: list[dict[tuple[str, str], float]] = []
    for size in sizes:
        say(f"== growth: {size:,} messages")
        measured.append({})
        for (name, unit), value in _figures(server, scratch, size):
            measured[-1][name, unit] = value
            show(f"growth.{size}.{name}", value, unit)
    rows = [Row(*key, [each[key] for each in measured]) for key in measured[0]]
    version = databases.server_version(server)
    CHART.write_text(chart.draw_lines({row.name: row.slowness for row in rows}, [short(size) for size in sizes]))
    _write_document(describe(rows, sizes, command, version))


def _figures(server: str, scratch: Path, size: int) -> Iterator[tuple[tuple[str, str], float]]:
    """Yields all figures with a database that is filled once."""
    scratch.mkdir(parents=True, exist_ok=True)
    with databases.mariadb(server, filled=size) as database, tempfile.TemporaryDirectory(dir=scratch.resolve()) as directory:
        hub = Hub(database, Path(directory))
        hub.prepare()
        with default_buffer_pool(database):
            times = measure_pages(hub, FILLING)
        for page in PAGES:
            yield (f"pages.{page}_p95", "ms"), 1000 * percentile(times[page], 0.95)
        for name, options in BENCHMARKS.items():
            with databases.without_new_rows(database):
                yield from _run([name, *options], server, scratch, database)


def _run(words: Sequence[str], server: str, scratch: Path, database: Database) -> Iterator[tuple[tuple[str, str], float]]:
    command = [sys.executable, "-m", "benchmarks.main", *words, "--database=mariadb", f"--server={server}", f"--scratch={scratch}"]
    command += [f"--keep={database.url.rpartition('/')[2]}", f"--filled={database.filled}"]
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode:
        raise Failed(f"{words[0]} failed with {database.filled:,} messages")
    for figure in map(json.loads, ended.stdout.splitlines()):
        if figure["unit"] in UNITS and not figure["name"].startswith(LEFT_OUT):
            yield (figure["name"], figure["unit"]), figure["value"]


def short(size: int) -> str:
    """Returns 10 k for ten thousand, 1 M for a million."""
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1_000} k"


def describe(rows: Sequence[Row], sizes: Sequence[int], command: str, version: str) -> str:
    """Returns the table in Markdown, with how it came about."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    machine = f"{os.cpu_count()} cores, {memory:.0f} GB of memory, {version}, Python {platform.python_version()}"
    head = ["figure", "unit", *(f"{short(size)} messages" for size in sizes), "times as slow"]
    lines = [
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, {machine}. Hub, database and load share the machine.",
        "",
        f"![Figures by messages stored, as times as slow as with the fewest]({CHART.name})",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
    ]
    for row in rows:
        values = " | ".join(f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in row.values)
        lines.append(f"| {row.name} | {row.unit} | {values} | {row.slowness[-1]:.2f} |")
    return "\n".join(lines)


def _write_document(text: str) -> None:
    before = DOCUMENT.read_text()
    head, _, rest = before.partition(BEGIN)
    DOCUMENT.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
