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
        "Applies stored webhooks again. What was applied before does not change, so it is safe to repeat. Workers apply them. "
        "With --rebuild this command applies them and shows its progress."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--all", action="store_true", help="every stored webhook")
        choice.add_argument("--dead", action="store_true", help="webhooks and held items that are dead")
        choice.add_argument("--since", metavar="T", help="webhooks received since T: 2026-11-23 or 2026-11-23T08:00")
        choice.add_argument("--id", type=int, metavar="N", help="one webhook")
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="delete the messages, statuses and events that came from webhooks, then rebuild them from the whole raw log; "
            "contacts keep their flags, and what the hub itself sent stays",
        )

    def handle(self, **options: Any) -> None:
        part = options["dead"] or options["since"] or options["id"] is not None
        if options["rebuild"] and part:
            raise CommandError("--rebuild applies everything; use it alone or with --all")
        if options["rebuild"]:
            self._rebuild()
            return
        if not (part or options["all"]):
            raise CommandError("choose one of --all, --dead, --since T, --id N and --rebuild")
        with _bar() as bar:
            count = sum(replay.replay(rows, bar.update) for rows in _chosen(options))
        self.stdout.write(f"{count} rows are due again; the worker applies them")

    def _rebuild(self) -> None:
        self.stdout.write("deleting what came from webhooks")
        with _bar() as bar:
            replay.delete_derived_rows(replay.latest_webhook(), bar.update)
        webhooks = Webhook.objects.filter(pk__lte=replay.latest_webhook())  # webhooks that arrived since contain names too
        self.stdout.write("applying the raw log")
        with _bar(total=replay.replay(webhooks, lambda changed: None)) as bar:
            count = Worker(pipeline.LANES, []).run_due(bar.update)
        self.stdout.write(f"{count} rows applied")


def _bar(total: int | None = None) -> "tqdm[NoReturn]":
    """Returns a progress bar, which is shown only on a terminal."""
    return tqdm(total=total, unit=" rows", unit_scale=True, disable=None)


def _chosen(options: dict[str, Any]) -> list[LeasedQuerySet[Any]]:
    if options["dead"]:
        return [HeldItem.objects.dead(), Webhook.objects.dead()]
    if options["all"]:
        return [Webhook.objects.all()]
    if options["since"]:
        return [replay.webhooks_since(_time(options["since"]))]
    one = Webhook.objects.filter(pk=options["id"])
    if not one.exists():
        raise CommandError(f"there is no webhook {options['id']}")
    return [one]


def _time(text: str) -> datetime:
    try:
        time = parse_datetime(f"{text}T00:00") if parse_date(text) else parse_datetime(text)
    except ValueError:
        time = None
    if time is None:
        raise CommandError(f"{text!r} is not a time; write 2026-11-23 or 2026-11-23T08:00")
    return time if timezone.is_aware(time) else timezone.make_aware(time)
