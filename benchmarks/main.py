"""`benchmarks/run NAME`: figures on stdout, one JSON line each; progress on stderr. README.md says what they mean."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import databases
from benchmarks.environment.databases import Database
from benchmarks.environment.processes import ROOT
from benchmarks.figures import Failed, say, say_how_busy
from benchmarks.load import wrk
from benchmarks.measurements.acknowledge import Rounds, acknowledge, acknowledge_sqlite
from benchmarks.measurements.application import LATE_ITEMS, apply_backlog, apply_late_backlog
from benchmarks.measurements.bots import answer_customers
from benchmarks.measurements.idle import FIRSTS, GAP, SECONDS, stay_idle
from benchmarks.measurements.latency import apply_while_receiving
from benchmarks.measurements.pages import pages
from benchmarks.measurements.sending import send_out
from benchmarks.measurements.tabs import open_tabs
from benchmarks.measurements.yardstick import measure_machine

SERVER = "mysql://root@127.0.0.1:3306"
DATABASES = ("mariadb", "sqlite")


@dataclass(frozen=True)
class Benchmark:
    """`run` is given a new database, of each of these kinds that is wanted, and an empty directory."""

    about: str
    databases: Sequence[str]
    run: Callable[[Database, Path, argparse.Namespace], None]


def _pages(database: Database, directory: Path, options: argparse.Namespace) -> None:
    if not options.keep:
        with databases.mariadb(options.server) as small:
            pages(database, small, directory, options.contacts, options.messages)
        return
    with ExitStack() as stack:
        names = (options.keep, f"{options.keep}_small")
        big, small = (stack.enter_context(databases.mariadb(options.server, keep=name)) for name in names)
        pages(big, small, directory, options.contacts, options.messages)


def _late(database: Database, directory: Path, options: argparse.Namespace) -> None:
    beside = directory / "ordered"
    beside.mkdir()
    with _database(database.name, options.server, beside) as ordered:
        apply_late_backlog(database, ordered, directory, options.items or LATE_ITEMS)


def _rounds(options: argparse.Namespace) -> Rounds:
    return Rounds(options.rounds, options.seconds)


BENCHMARKS = {
    "acknowledge": Benchmark(
        "durable acknowledgements a second on MariaDB, against rivals that store nothing; p99 at a constant rate",
        ["mariadb"],
        lambda database, directory, options: acknowledge(database, directory, _rounds(options)),
    ),
    "acknowledge_sqlite": Benchmark(
        "durable acknowledgements a second on SQLite, against a Django view with one INSERT",
        ["sqlite"],
        lambda database, directory, options: acknowledge_sqlite(database, directory, _rounds(options)),
    ),
    "backlog": Benchmark(
        "items a second that one worker applies from a backlog of 50,000, and its peak memory",
        DATABASES,
        lambda database, directory, _: apply_backlog(database, directory),
    ),
    "late": Benchmark(
        "the same with half of the messages late or of the same second, as a ratio to an ordered backlog",
        DATABASES,
        _late,
    ),
    "bots": Benchmark(
        "turns of a flow that one worker answers in a second, against items of a backlog, and seconds from a tap to Graph",
        ["mariadb"],
        lambda database, directory, _: answer_customers(database, directory),
    ),
    "idle": Benchmark(
        "processor time and queries of a hub with nothing to do, and seconds from its first message to its row",
        DATABASES,
        lambda database, directory, options: stay_idle(
            database, directory, seconds=options.idle, firsts=options.firsts, gap=options.gap
        ),
    ),
    "latency": Benchmark(
        "seconds from a message's arrival to its row, a worker beside the web processes",
        ["mariadb"],
        lambda database, directory, _: apply_while_receiving(database, directory),
    ),
    "pages": Benchmark(
        "milliseconds of the site's pages over 1 million contacts and 10 million messages, and over a hundredth (half an hour)",
        ["mariadb"],
        _pages,
    ),
    "sending": Benchmark(
        "messages a second that one worker sends, a number's pace, and seconds from a person's click to Graph",
        ["mariadb"],
        lambda database, directory, _: send_out(database, directory),
    ),
    "tabs": Benchmark(
        "5,000 open pages on one web process: its memory, the pages of others, when a change is at all of them",
        ["mariadb"],
        lambda database, directory, _: open_tabs(database, directory),
    ),
}


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 if every figure could be measured, whatever it is."""
    options = _parser().parse_args(arguments)
    if options.list or not options.name:
        print("\n".join(f"{name:<20}{each.about}" for name, each in BENCHMARKS.items()))  # noqa: T201
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        for name in BENCHMARKS if options.name == "all" else [options.name]:
            _run(name, options)
    except Failed as failure:
        say(f"benchmarks: {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run",
        description=__doc__,
        epilog="needs .venv (script/setup), and MariaDB or MySQL but for SQLite; everything runs on this machine, on loopback",
    )
    add = parser.add_argument
    add("name", nargs="?", choices=[*BENCHMARKS, "all"], metavar="NAME", help=f"{', '.join(BENCHMARKS)}, or all")
    add("--list", action="store_true", help="what there is")
    add("--database", choices=DATABASES, help="only on this one, where a benchmark runs on both")
    add("--server", default=SERVER, metavar="URL", help="a MariaDB or MySQL where databases may be created (%(default)s)")
    add("--scratch", type=Path, default=ROOT / "var" / "benchmarks", metavar="DIR", help="for files, on a disk (var/benchmarks)")
    add("--items", type=int, help="of `late` (25,000)")
    add("--rounds", type=int, default=3, help="turns of each contender (%(default)s)")
    add("--contacts", type=int, default=1_000_000, help="of `pages` (%(default)s)")
    add("--messages", type=int, default=10_000_000, help="of `pages` (%(default)s)")
    add(
        "--keep",
        default="",
        metavar="NAME",
        help="of `pages`: databases NAME and NAME_small stay, and are used",
    )
    add("--idle", type=float, default=SECONDS, metavar="SECONDS", help="of `idle` (%(default)g)")
    add("--firsts", type=int, default=FIRSTS, help="first messages of `idle` (%(default)s)")
    add("--gap", type=float, default=GAP, metavar="SECONDS", help="before each of them (%(default)g)")
    add("--seconds", type=float, default=8.0, help="how long a turn is (%(default)g)")
    return parser


def _run(name: str, options: argparse.Namespace) -> None:
    benchmark = BENCHMARKS[name]
    if name.startswith("acknowledge"):
        wrk.install()
    for kind in benchmark.databases:
        if options.database in (None, kind) or len(benchmark.databases) == 1:
            say(f"== {name} on {kind}")
            say_how_busy()
            _measure_machine(kind, options)
            with _scratch(options.scratch) as directory, _database(kind, options.server, directory) as database:
                benchmark.run(database, directory, options)


def _measure_machine(kind: str, options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        if kind == "sqlite":
            database = databases.sqlite(stack.enter_context(_scratch(options.scratch)) / "yardstick.sqlite3")
        else:
            database = stack.enter_context(databases.created_mariadb(options.server))
        measure_machine(database)


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=parent.resolve()) as directory:
        yield Path(directory)


@contextmanager
def _database(kind: str, server: str, directory: Path) -> Iterator[Database]:
    if kind == "sqlite":
        databases.check_disk(directory)
        yield databases.sqlite(directory / "hub.sqlite3")
    else:
        with databases.mariadb(server) as database:
            yield database


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
