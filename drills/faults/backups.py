"""A backup is restored, with what the archive of webhooks has since."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.environment.hub import Hub
from drills import checker
from drills.environment.services import Service
from drills.environment.site import Site
from drills.faults.kills import ANSWERS_PER_SECOND, RATE
from drills.report import Result
from drills.traffic.deliveries import mixed_deliveries
from drills.traffic.meta_sender import MetaSender
from drills.traffic.staff import Staff

AFTER_BACKUP = 3.0
"""Seconds of load after the backup."""


def restore(site: Site, result: Result) -> None:
    """A backup is made under load, and restored elsewhere with the archive of webhooks. Meta repeats deliveries. Nothing that was
    acknowledged after the backup is missing, and no message is sent again."""
    assert site.server
    [number] = site.connect()
    contacts = site.open_conversations(number, 10)
    archive, backups = site.directory / "archive", site.directory / "backups"
    with site.hub.archive(archive) as archiving:
        site.wait(lambda: "archive started" in archiving.output.read_text(), "the archive does not start")
        time.sleep(1)
        with (
            MetaSender(site.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as sender,
            Staff(site.port, number, contacts, rate=ANSWERS_PER_SECOND) as staff,
        ):
            time.sleep(2)
            folder = Path(site.hub.manage("backup", str(backups)).splitlines()[0])
            at_backup = len(sender.log.acknowledged)
            time.sleep(AFTER_BACKUP)
        site.wait_until_idle()
    result.add_answers(staff.answers)
    sent = site.sent_tokens(number)
    with ExitStack() as stack:
        database = stack.enter_context(site.server.database("hub_drills_restored"))
        restored = Hub(database, site.directory / "restored", web_processes=1, more=site.hub.keys)
        restored.directory.mkdir(parents=True)
        restored.manage("prepare_database")
        started_at = time.monotonic()
        restored.manage("restore", str(folder), "--archive", str(archive))
        seconds = time.monotonic() - started_at
        restored.manage("collectstatic", "--noinput")
        for service in (Service(restored.web), Service(restored.worker)):
            stack.callback(service.stop)
            service.start()
        after = len(sender.log.acknowledged) - at_backup
        elsewhere = replace(site, database=database, hub=restored)
        with MetaSender(restored.port, mixed_deliveries(number.meta, seed=site.seed), rate=RATE) as again:
            time.sleep(2)
        elsewhere.wait_until_idle()
        stored = checker.read_webhooks(database, [number.id])
        for log in (sender.log, again.log):
            result.add_log(log)
            result.add_findings(checker.check_deliveries(log.acknowledged.values(), stored))
    result.check(site.sent_tokens(number) == sent, "a message was sent again")
    result.note(f"restored in {seconds:.1f} s; {after} bodies that were acknowledged after the backup came from the archive")
