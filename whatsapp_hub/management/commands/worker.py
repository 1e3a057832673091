"""`manage.py worker`: applies webhooks and does all other background work, until SIGTERM."""

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError

from jobs.workers.garbage import rare_collections
from jobs.workers.worker import Worker
from monitoring.metrics.worker_counters import serve_counters
from organizations.credentials.stored_secrets import UnreadableSecrets, require_readable_secrets
from whatsapp_hub.lanes import CHORES, LANES
from whatsapp_hub.supervisor import end_with_supervisor


class Command(BaseCommand):
    requires_system_checks = ()  # they would load all pages of the site
    help = (
        "Applies stored webhooks and does all other background work. Several workers may run, also on several machines: each row "
        "has one worker at a time. SIGTERM or Ctrl-C stops a worker after its current work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do all that is due, then exit 0")
        parser.add_argument(
            "--lanes",
            metavar="NAME[,NAME]",
            help=f"only these lanes, without the chores (lanes: {', '.join(lane.name for lane in LANES)})",
        )

    def handle(self, *, once: bool, lanes: str | None, **options: Any) -> None:
        end_with_supervisor()
        _require_readable_secrets()
        worker = Worker(_lanes_named(lanes), [] if lanes else CHORES)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        if settings.WORKER_METRICS and not once:
            _serve_counters(settings.WORKER_METRICS)
        with rare_collections():
            if once:
                self.stdout.write(f"{worker.run_due()} rows done")
            else:
                self.stdout.write("worker started")
                worker.run()
                self.stdout.write("worker stopped")


def _require_readable_secrets() -> None:
    try:
        require_readable_secrets()
    except UnreadableSecrets as failure:
        raise CommandError(str(failure)) from None
    except (DatabaseError, InterfaceError):
        return  # the lanes wait until the database answers


def _serve_counters(address: tuple[str, int]) -> None:
    try:
        serve_counters(address)
    except OSError as failure:
        raise CommandError(f"WORKER_METRICS: {failure}") from None


def _lanes_named(names: str | None) -> list[Any]:
    if names is None:
        return LANES
    by_name = {lane.name: lane for lane in LANES}
    try:
        return [by_name[name.strip()] for name in names.split(",")]
    except KeyError as unknown:
        raise CommandError(f"no lane {unknown}; there are: {', '.join(by_name)}") from None
