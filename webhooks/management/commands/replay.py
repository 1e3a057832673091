"""`manage.py replay`: applies stored webhooks again."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from jobs.worker import Worker
from webhooks import applying, replaying
from webhooks.models import Webhook


class Command(BaseCommand):
    help = (
        "Applies stored webhooks again. What was applied before does not change, so it is safe to repeat. Workers do the applying; "
        "with --rebuild this command does it and shows how far it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--all", action="store_true", help="every stored webhook")
        which.add_argument("--dead", action="store_true", help="webhooks and held items that are dead")
        which.add_argument("--since", metavar="T", help="webhooks received since T: 2026-11-23 or 2026-11-23T08:00")
        which.add_argument("--id", type=int, metavar="N", help="one webhook")
        which.add_argument(
            "--rebuild",
            action="store_true",
            help="delete the messages, statuses and events that webhooks told, then make them anew from the raw log; contacts keep "
            "their flags, and what the hub wrote itself stays",
        )

    def handle(self, **options: Any) -> None:
        if options["rebuild"]:
            self._rebuild()
        elif options["dead"]:
            self._done(replaying.replay_dead(self._progress), "dead rows are due again; the worker applies them")
        else:
            self._done(replaying.replay(_chosen(options), self._progress), "webhooks are due again; the worker applies them")

    def _rebuild(self) -> None:
        latest = replaying.latest_webhook()
        self.stdout.write("deleting what webhooks told …")
        replaying.forget_what_webhooks_told(latest, self._progress)
        self.stdout.write("\nmaking it anew …")
        replaying.replay(Webhook.objects.filter(pk__lte=latest), lambda done: None)
        self._done(Worker(applying.LANES, []).run_due(self._progress), "rows applied anew")

    def _progress(self, done: int) -> None:
        self.stdout.write(f"\r{done} rows", ending="")
        self.stdout.flush()

    def _done(self, count: int, what: str) -> None:
        self.stdout.write(f"\r{count} {what}")


def _chosen(options: dict[str, Any]) -> Any:
    if options["all"]:
        return Webhook.objects.all()
    if options["since"]:
        return replaying.since(_moment(options["since"]))
    one = Webhook.objects.filter(pk=options["id"])
    if not one.exists():
        raise CommandError(f"there is no webhook {options['id']}")
    return one


def _moment(written: str) -> datetime:
    try:
        day = parse_date(written)
        moment = parse_datetime(written) or (day and datetime(day.year, day.month, day.day))  # noqa: DTZ001  made aware below
    except ValueError:
        moment = None
    if not moment:
        raise CommandError(f"{written!r} is no time; write 2026-11-23 or 2026-11-23T08:00")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
