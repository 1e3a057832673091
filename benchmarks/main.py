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
from benchmarks.environment.hosts import running_hosts
from benchmarks.environment.processes import ROOT
from benchmarks.figures import Failed, say, say_how_busy
from benchmarks.growth.measurement import SIZES, measure_growth
from benchmarks.load import wrk
from benchmarks.measurements.acknowledge import Rounds, acknowledge, acknowledge_sqlite
from benchmarks.measurements.api import measure_api
from benchmarks.measurements.application import LATE_ITEMS, apply_backlog, apply_late_backlog
from benchmarks.measurements.bots.flow_bots import answer_customers
from benchmarks.measurements.bots.remote_bots import ask_remote_bots
from benchmarks.measurements.engines import BROKER, ITEMS, MESSAGES, MESSAGES_ON_HOSTS, PROCESSES, compare_engines
from benchmarks.measurements.events import deliver_events
from benchmarks.measurements.idle import FIRSTS, GAP, SECONDS, stay_idle
from benchmarks.measurements.latency import apply_while_receiving
from benchmarks.measurements.rebuild import ITEMS as REBUILT_ITEMS
from benchmarks.measurements.rebuild import rebuild
from benchmarks.measurements.screens.pages import pages
from benchmarks.measurements.screens.painted import paint_arrivals
from benchmarks.measurements.screens.tabs import TABS, open_tabs
from benchmarks.measurements.sending import send_out
from benchmarks.measurements.yardstick import measure_machine
from benchmarks.simulation.rates import simulate_rates

SERVER = "mysql://root@127.0.0.1:3306"
DATABASES = ("mariadb", "sqlite")


@dataclass(frozen=True)
class Benchmark:
    """`run` is given a new database, of each of these kinds that is wanted, and an empty directory."""

    about: str
    databases: Sequence[str]
    run: Callable[[Database, Path, argparse.Namespace], None]


def _much_data(
    measure: Callable[[Database, Database, Path, int, int], None],
) -> Callable[[Database, Path, argparse.Namespace], None]:
    """Returns a benchmark that compares a hub with much data to one with a hundredth of it. `--keep` names their databases, which
    benchmarks share."""

    def run(database: Database, directory: Path, options: argparse.Namespace) -> None:
        if not options.keep:
            with databases.mariadb(options.server) as small:
                measure(database, small, directory, options.contacts, options.messages)
            return
        with ExitStack() as stack:
            names = (options.keep, f"{options.keep}_small")
            big, small = (stack.enter_context(databases.mariadb(options.server, keep=name)) for name in names)
            measure(big, small, directory, options.contacts, options.messages)

    return run


def _late(database: Database, directory: Path, options: argparse.Namespace) -> None:
    beside = directory / "ordered"
    beside.mkdir()
    with _database(database.name, options, beside) as ordered:
        apply_late_backlog(database, ordered, directory, options.items or LATE_ITEMS)


def _engines(database: Database, directory: Path, options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        hosts = stack.enter_context(running_hosts(max(PROCESSES))) if options.hosts else []
        for host in hosts:
            host.check_servers(database=options.server, broker=options.broker)
        compare_engines(
            lambda: databases.mariadb(options.server),
            directory,
            broker=options.broker,
            items=options.items or ITEMS,
            messages=options.sent or (MESSAGES_ON_HOSTS if hosts else MESSAGES),
            hosts=hosts,
        )


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
    "engines": Benchmark(
        "items applied and messages sent a second by 1, 2 and 4 worker processes, with Celery against the built-in worker",
        ["mariadb"],
        _engines,
    ),
    "idle": Benchmark(
        "processor time and queries of a hub with nothing to do, and seconds from its first message to its row",
        DATABASES,
        lambda database, directory, options: stay_idle(
            database, directory, seconds=options.idle, firsts=options.firsts, gap=options.gap
        ),
    ),
    "events": Benchmark(
        "events a second that one worker delivers to an address, and messages that it sends in the same run",
        ["mariadb"],
        lambda database, directory, _: deliver_events(database, directory),
    ),
    "latency": Benchmark(
        "seconds from a message's arrival to its row, a worker beside the web processes",
        ["mariadb"],
        lambda database, directory, _: apply_while_receiving(database, directory),
    ),
    "pages": Benchmark(
        "milliseconds of the site's pages over 1 million contacts and 10 million messages, and over a hundredth (half an hour)",
        ["mariadb"],
        _much_data(pages),
    ),
    "api": Benchmark(
        "milliseconds of the API's lists, single objects and sends over the data of `pages`, and over a hundredth of it",
        ["mariadb"],
        _much_data(measure_api),
    ),
    "painted": Benchmark(
        "seconds from a message's arrival until Chromium has painted it in an open conversation, at 330 messages a second",
        ["mariadb"],
        lambda database, directory, _: paint_arrivals(database, directory),
    ),
    "rebuild": Benchmark(
        "items a second that a rebuild applies with one process and with two, against a backlog, and its peak memory",
        DATABASES,
        lambda database, directory, options: rebuild(database, directory, options.items or REBUILT_ITEMS),
    ),
    "remote_bots": Benchmark(
        "memory of a worker with 200 calls of a model in flight, and how much bots that hang delay those with flows",
        ["mariadb"],
        lambda database, directory, options: ask_remote_bots(database, directory, rounds=options.rounds, seconds=options.seconds),
    ),
    "sending": Benchmark(
        "messages a second that one worker sends, a number's pace, and seconds from a person's click to Graph",
        ["mariadb"],
        lambda database, directory, _: send_out(database, directory),
    ),
    "tabs": Benchmark(
        "thousands of open pages on one web process: its memory, the pages of others, when a change is at all of them",
        ["mariadb"],
        lambda database, directory, options: open_tabs(database, directory, options.tabs),
    ),
}


SIMULATION, GROWTH = "simulation", "growth"
ABOUT = {name: each.about for name, each in BENCHMARKS.items()} | {
    SIMULATION: "what 10 to 100,000 webhooks a second need, wait and cost, calculated from measured figures (needs no database)",
    GROWTH: "figures of other benchmarks with 10 thousand and 1 million messages stored, written into docs/benchmarks.md",
}


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 if every figure could be measured, whatever it is."""
    options = _parser().parse_args(arguments)
    if options.list or not options.name:
        print("\n".join(f"{name:<20}{about}" for name, about in ABOUT.items()))  # noqa: T201
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        if options.name == SIMULATION:
            simulate_rates()
            return 0
        if options.name == GROWTH:
            measure_growth(options.server, options.scratch, options.sizes, " ".join(["benchmarks/run", *arguments]))
            return 0
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
        epilog="needs .venv (script/setup), and MariaDB or MySQL but for SQLite; everything runs on this machine, on loopback "
        "but for --hosts",
    )
    add = parser.add_argument
    add("name", nargs="?", choices=[*ABOUT, "all"], metavar="NAME", help=f"{', '.join(ABOUT)}, or all but the last two")
    add("--list", action="store_true", help="what there is")
    add("--database", choices=DATABASES, help="only on this one, where a benchmark runs on both")
    add("--server", default=SERVER, metavar="URL", help="a MariaDB or MySQL where databases may be created (%(default)s)")
    add("--scratch", type=Path, default=ROOT / "var" / "benchmarks", metavar="DIR", help="for files, on a disk (var/benchmarks)")
    add("--items", type=int, help=f"of `late` (25,000), `rebuild` ({REBUILT_ITEMS:,}) and `engines` ({ITEMS:,})")
    add("--sent", type=int, metavar="MESSAGES", help=f"of `engines` ({MESSAGES:,}; with --hosts {MESSAGES_ON_HOSTS:,})")
    add("--broker", default=BROKER, metavar="URL", help="RabbitMQ of `engines`, a virtual host without other users (%(default)s)")
    add(
        "--hosts",
        action="store_true",
        help="each worker process of `engines` runs in a network namespace of its own (root; README.md says what servers need)",
    )
    add("--rounds", type=int, default=3, help="turns of each contender (%(default)s)")
    add("--contacts", type=int, default=1_000_000, help="of `pages` and `api` (%(default)s)")
    add("--messages", type=int, default=10_000_000, help="of `pages` and `api` (%(default)s)")
    add(
        "--keep",
        default="",
        metavar="NAME",
        help="databases NAME and, of `pages` and `api`, NAME_small stay, and are used with the rows that they have",
    )
    add("--filled", type=int, default=0, metavar="MESSAGES", help="stored on MariaDB before anything is measured (%(default)s)")
    add("--sizes", type=int, nargs="+", default=SIZES, metavar="MESSAGES", help="of `growth` (10,000 and 1,000,000)")
    add("--tabs", type=int, default=TABS, help="of `tabs` (%(default)s)")
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
            with _scratch(options.scratch) as directory, _database(kind, options, directory) as database:
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
def _database(kind: str, options: argparse.Namespace, directory: Path) -> Iterator[Database]:
    if kind == "sqlite":
        databases.check_disk(directory)
        yield databases.sqlite(directory / "hub.sqlite3")
    else:
        with databases.mariadb(options.server, keep=options.keep, filled=options.filled) as database:
            yield database


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
