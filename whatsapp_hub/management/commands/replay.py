"""`manage.py replay`: applies stored webhooks again."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from jobs.models import LeasedQuerySet
from jobs.workers.garbage import rare_collections
from jobs.workers.worker import Worker
from organizations.audit.actions import AuditAction
from organizations.audit.commands import OperatorCommand
from organizations.audit.log import record_action
from webhooks.models import HeldItem, Webhook
from webhooks.processing import pipeline, replay
from webhooks.processing.rebuild import Rebuild, TakenOver
from whatsapp_hub.supervisor import Process, Supervisor, SupervisorError

MAX_PROCESSES = 64


class Command(OperatorCommand):
    help = (
        "Applies stored webhooks again. What was applied before does not change, so it is safe to repeat. Workers apply them. "
        "With --rebuild this command applies them and shows its progress. A rebuild that was interrupted goes on when it is "
        "started again."
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
        parser.add_argument(
            "--processes",
            type=int,
            choices=range(1, MAX_PROCESSES + 1),
            metavar="N",
            default=1,
            help="so many processes apply the log of --rebuild (default 1), besides the workers that run",
        )

    def handle(self, **options: Any) -> None:
        part = options["dead"] or options["since"] or options["id"] is not None
        if options["rebuild"] and part:
            raise CommandError("--rebuild applies everything; use it alone or with --all")
        if options["rebuild"]:
            record_action(AuditAction.REPLAYED, organization=None, changes={"rebuild": [None, True]})
            try:
                self._rebuild(options["processes"])
            except TakenOver:
                raise CommandError("another process has started and goes on with the rebuild") from None
            except SupervisorError as failure:
                raise CommandError(str(failure)) from None
            except KeyboardInterrupt:
                raise CommandError("interrupted; the same command goes on from here") from None
            return
        if not (part or options["all"]):
            raise CommandError("choose one of --all, --dead, --since T, --id N and --rebuild")
        chosen = [name for name in ("all", "dead", "since", "id") if options[name] not in (False, None)]
        record_action(AuditAction.REPLAYED, organization=None, changes={name: [None, options[name]] for name in chosen})
        with _bar() as bar:
            count = sum(replay.replay(rows, bar.update) for rows in _chosen(options))
        self.stdout.write(f"{count} rows are due again; the worker applies them")

    def _rebuild(self, processes: int) -> None:
        rebuild = Rebuild.start()
        if rebuild.is_resumed:
            self.stdout.write("going on with the rebuild that was interrupted; to begin anew, repeat the command afterwards")
        if not rebuild.is_deleted:
            self.stdout.write("deleting what came from webhooks")
            with _bar() as bar:
                rebuild.delete_rows(bar.update)
        self.stdout.write("applying the raw log")
        made_due, total = rebuild.count_webhooks()
        with _workers(processes) as work, _bar(total=total, initial=made_due) as bar:
            rebuild.apply(work, bar.update)
        self.stdout.write(f"{total} rows applied")


@contextmanager
def _workers(count: int) -> Iterator[Callable[[], int]]:
    """Yields a function that applies due webhooks, in this process. With more processes than one, they apply them, and the function
    starts those again that have ended."""
    if count == 1:
        with rare_collections():
            yield Worker(pipeline.LANES, []).run_due
        return
    lanes = ",".join(lane.name for lane in pipeline.LANES)
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--lanes", lanes]
    supervisor = Supervisor([Process(f"worker {number}", command, os.environ) for number in range(1, count + 1)])

    def check() -> int:
        supervisor.check()
        return 0

    try:
        yield check
    finally:
        supervisor.stop_all()


def _bar(total: int | None = None, initial: int = 0) -> "tqdm[NoReturn]":
    """Returns a progress bar, which is shown only on a terminal."""
    return tqdm(total=total, initial=initial, unit=" rows", unit_scale=True, disable=None)


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
