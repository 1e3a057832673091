"""`manage.py replay`: applies stored webhooks again."""

from datetime import datetime
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from jobs.models import LeasedQuerySet
from jobs.worker import Worker
from webhooks.models import HeldItem, Webhook
from webhooks.processing import pipeline, replay


class Command(BaseCommand):
    help = (
        "Applies stored webhooks again. What was applied before does not change, so it is safe to repeat. Workers do the applying; "
        "with --rebuild this command does it and shows how far it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--all", action="store_true", help="every stored webhook")
        which.add_argument("--dead", action="store_true", help="webhooks and held items that are dead")
        which.add_argument("--since", metavar="T", help="webhooks received since T: 2026-11-23 or 2026-11-23T08:00")
        which.add_argument("--id", type=int, metavar="N", help="one webhook")
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="delete the messages, statuses and events that webhooks told, then make them anew from the whole raw log; "
            "contacts keep their flags, and what the hub wrote itself stays",
        )

    def handle(self, **options: Any) -> None:
        part = options["dead"] or options["since"] or options["id"] is not None
        if options["rebuild"] and part:
            raise CommandError("--rebuild is of everything; give it alone or with --all")
        if options["rebuild"]:
            self._rebuild()
            return
        if not (part or options["all"]):
            raise CommandError("say which: --all, --dead, --since T or --id N; or --rebuild")
        with _bar() as bar:
            count = sum(replay.replay(rows, bar.update) for rows in _chosen(options))
        self.stdout.write(f"{count} rows are due again; the worker applies them")

    def _rebuild(self) -> None:
        self.stdout.write("deleting what webhooks told")
        with _bar() as bar:
            replay.delete_derived_rows(replay.latest_webhook(), bar.update)
        webhooks = Webhook.objects.filter(pk__lte=replay.latest_webhook())  # what has come since knows names too
        self.stdout.write("making it anew")
        with _bar(total=replay.replay(webhooks, lambda changed: None)) as bar:
            count = Worker(pipeline.LANES, []).run_due(bar.update)
        self.stdout.write(f"{count} rows applied anew")


def _bar(total: int | None = None) -> "tqdm[NoReturn]":
    """How far it is, for whoever sits in front of it."""
    return tqdm(total=total, unit=" rows", unit_scale=True, disable=None)


def _chosen(options: dict[str, Any]) -> list[LeasedQuerySet[Any]]:
    if options["dead"]:
        return [HeldItem.objects.dead(), Webhook.objects.dead()]
    if options["all"]:
        return [Webhook.objects.all()]
    if options["since"]:
        return [replay.since(_moment(options["since"]))]
    one = Webhook.objects.filter(pk=options["id"])
    if not one.exists():
        raise CommandError(f"there is no webhook {options['id']}")
    return [one]


def _moment(written: str) -> datetime:
    try:
        day = parse_date(written)
        moment = parse_datetime(f"{written}T00:00") if day else parse_datetime(written)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{written!r} is no time; write 2026-11-23 or 2026-11-23T08:00")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
