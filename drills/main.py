"""`script/drills [NAME …]`: fails the hub's processes, database and network on purpose, and checks that nothing is lost or doubled.

The table of results is on stdout, progress on stderr. docs/drills.md describes each drill."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.environment import databases
from benchmarks.environment.databases import Database
from benchmarks.environment.processes import ROOT
from benchmarks.figures import Failed, say
from drills import report
from drills.catalogue import DRILLS
from drills.environment.servers import MariaDbServer
from drills.environment.site import Site, running_site
from drills.report import Result


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 if all drills have passed."""
    options = _parser().parse_args(arguments)
    if options.list:
        print("\n".join(f"{each.fault:>2}  {name:<22}{each.about}" for name, each in DRILLS.items()))  # noqa: T201
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    try:
        results = _run_all(_chosen(options), options)
    except Failed as failure:
        say(f"drills: {failure}")
        return 1
    except KeyboardInterrupt:
        return 130
    print(report.as_json(results) if options.json else report.table(results))  # noqa: T201
    return 0 if all(each.is_passed for each in results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="script/drills",
        description=__doc__,
        epilog="needs .venv (script/setup) and Debian's mariadb-server; everything runs on this machine, on loopback",
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="drills of --list, by default all of the short form")
    add("--list", action="store_true", help="what there is")
    add(
        "--long",
        action="store_true",
        help="also a million deliveries under random kills; leases end by themselves",
    )
    add("--deliveries", type=int, default=1_000_000, help="of the long form (%(default)s)")
    add("--seed", type=int, default=1, help="of random moments and bodies (%(default)s)")
    add(
        "--database",
        default="mariadb",
        metavar="URL",
        help="mariadb: a new server (the default); sqlite; or mysql://…, a server where databases may be created. Drills that fail "
        "the database server itself always start one",
    )
    add("--json", action="store_true", help="the results as JSON")
    add("--scratch", type=Path, default=ROOT / "var" / "drills", metavar="DIR", help="for files, on a disk (var/drills)")
    return parser


def _chosen(options: argparse.Namespace) -> list[str]:
    """Returns the names of the drills. Raises Failed for one that does not exist. Leaves out those that this database excludes."""
    if unknown := [name for name in options.names if name not in DRILLS]:
        raise Failed(f"there is no drill {', '.join(unknown)}; see --list")
    names = options.names or [name for name, each in DRILLS.items() if options.long or not each.is_long]
    without = [name for name in names if DRILLS[name].needs_server and options.database != "mariadb"]
    if without:
        say(f"left out, because they fail a server of their own (--database mariadb): {', '.join(without)}")
    return [name for name in names if name not in without]


def _run_all(names: Sequence[str], options: argparse.Namespace) -> list[Result]:
    started_at = time.monotonic()
    with _scratch(options.scratch) as directory, _site(options, directory) as site:
        say(f"the hub runs on {site.database.name}, after {time.monotonic() - started_at:.0f} s")
        return [_run(name, site) for name in names]


def _run(name: str, site: Site) -> Result:
    drill, result, started_at = DRILLS[name], Result(name), time.monotonic()
    say(f"== {drill.fault} {name}: {drill.about}")
    try:
        drill.run(site, result)
    except Failed as failure:
        result.problems.append(str(failure))
    try:
        site.heal()
    except Failed as failure:
        result.problems.append(f"afterwards {failure}")
    result.seconds = time.monotonic() - started_at
    say(f"  {'passed' if result.is_passed else 'FAILED: ' + '; '.join(result.problems)} ({result.seconds:.0f} s)")
    return result


@contextmanager
def _site(options: argparse.Namespace, directory: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        server = None
        if options.database == "sqlite":
            database: Database = databases.sqlite(directory / "hub.sqlite3")
        elif options.database == "mariadb":
            server = MariaDbServer(_made(directory / "server"))
            stack.callback(server.service.stop)
            server.create()
            database = stack.enter_context(server.database())
        else:
            database = stack.enter_context(databases.mariadb(options.database))
        yield stack.enter_context(
            running_site(database, directory, server=server, seed=options.seed, is_long=options.long, deliveries=options.deliveries)
        )


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=parent.resolve()) as directory:
        yield Path(directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
