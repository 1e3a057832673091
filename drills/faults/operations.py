"""What operators do while the hub runs: restart, upgrade, restore a backup."""

import signal
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.environment.hub import Hub
from benchmarks.environment.processes import ROOT
from benchmarks.figures import Failed
from drills.environment.numbers import connect_numbers
from drills.environment.services import Service
from drills.environment.site import Site
from drills.faults.kills import ANSWERS_PER_SECOND, RATE
from drills.report import Result
from drills.traffic.deliveries import mixed_deliveries
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

RESTARTS = 2


def rolling_restart(site: Site, result: Result) -> None:
    """SIGHUP replaces the web processes, and SIGTERM ends the worker, under load. Nobody sees an error, and no lease is left."""
    [number] = site.connect()
    contacts = site.open_conversations(number, 20)
    with (
        MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
        Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND) as staff,
    ):
        for _ in range(RESTARTS):
            time.sleep(1)
            _replace_web_processes(site)
            site.worker.stop()
            leased = site.database.count("webhook", where="lease_token IS NOT NULL AND state = 'due'")
            leased += site.database.count("chat_turn", where="lease_token IS NOT NULL")
            result.check(not leased, f"a worker that was asked to end left {leased} leases")
            site.worker.start()
        time.sleep(2)
    errors = {status: count for status, count in (sender.log.refusals + staff.answers.refusals).items() if status >= 500}
    result.check(not errors, f"there were errors: {errors}")
    result.note(f"{RESTARTS} restarts; attempts without a response, which were repeated: {sender.log.refusals[0]}")
    site.check(result, [number], logs=[sender.log], answers=[staff.answers])


def _replace_web_processes(site: Site) -> None:
    old = set(site.web.process.child_pids())
    site.web.signal(signal.SIGHUP)
    site.wait(lambda: not old & set(site.web.process.child_pids()), "the old web processes do not end")


def upgrade(site: Site, result: Result) -> None:
    """The version before the latest migration serves while the new one migrates its database, and goes on serving until processes
    of the new version have taken over."""
    assert site.server
    old_root = site.directory / "old-version"
    reference = _export_old_version(old_root)
    with ExitStack() as stack:
        database = stack.enter_context(site.server.database("hub_drills_upgrade"))
        more = {
            "META_GRAPH_URL": f"http://127.0.0.1:{site.graph.port}",
            "PYTHONPATH": str(ROOT),
            "SECRET_KEY": "of-both-versions" * 3,
        }
        place = site.directory / "upgrade"
        old = Hub(database, place, web_processes=1, more=more, root=old_root)
        new = Hub(database, place, web_processes=1, more=more, port=old.port)
        old.prepare()
        processes = {name: Service(start) for name, start in _processes(old, new).items()}
        for each in processes.values():
            stack.callback(each.stop)
        [number] = connect_numbers(old, site.standin, [None])
        processes["old web"].start()
        processes["old worker"].start()
        upgraded = replace(site, database=database, hub=new)
        with MetaSender(old.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE / 2) as sender:
            time.sleep(2)
            started_at = time.monotonic()
            new.manage("prepare_database")
            seconds = time.monotonic() - started_at
            time.sleep(2)
            processes["new web"].start()
            processes["new worker"].start()
            processes["old web"].stop()
            processes["old worker"].stop()
            time.sleep(2)
        upgraded.check(result, [number], logs=[sender.log])
    errors = {status: count for status, count in sender.log.refusals.items() if status >= 500}
    result.check(not errors, f"there were errors: {errors}")
    result.note(
        f"from {reference[:10]}: migrated in {seconds:.1f} s under load; attempts without a response: {sender.log.refusals[0]}"
    )


def _processes(old: Hub, new: Hub) -> dict[str, Any]:
    return {
        "old web": old.web,
        "old worker": partial(old.worker, name="old-worker"),
        "new web": new.web,
        "new worker": partial(new.worker, name="new-worker"),
    }


def _export_old_version(directory: Path) -> str:
    """Writes the version before the latest migration into the directory, and returns its commit."""
    latest = _git("log", "-1", "--format=%H", "--", "*/migrations/*.py")
    if not latest:
        raise Failed("no history of the code is here (a shallow clone): there is no version to upgrade from")
    reference = _git("rev-parse", f"{latest}^")
    directory.mkdir()
    with subprocess.Popen(["git", "archive", reference], cwd=ROOT, stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", directory], stdin=archive.stdout, check=True)
    return reference


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failed(f"git {arguments[0]} failed: {result.stderr.strip()}")
    return result.stdout.strip()
