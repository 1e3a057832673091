"""Dry runs as rows of a lane, so that no page waits for them. The worker writes only the row of the dry run."""

from datetime import datetime
from functools import partial

from bots.flows.flow import read_flow
from bots.models import Bot, BotDryRun
from bots.publishing.versions import CannotPublish, check_before_lock, check_document
from bots.trials.dry_runs import PERIOD, dry_run, find_sessions
from jobs.models import Lease, State
from jobs.transactions import in_transaction
from jobs.wakeups import wake_after_commit
from jobs.workers.worker import Lane
from organizations.models import PhoneNumber, User

MAX_KEPT = 5
"""Dry runs of a bot that are kept."""


class DryRunTaken(Exception):
    """Another worker has leased the dry run, or it was deleted."""


def start_dry_run(*, bot: Bot, number: PhoneNumber, by: User, now: datetime) -> BotDryRun:
    """Queues a dry run of the draft over the conversations of the number. Returns the one that is queued already, if there is one.
    Raises CannotPublish if the draft has problems that block."""
    check_before_lock(bot)
    return _start(bot, number, by, now)


@in_transaction
def _start(bot: Bot, number: PhoneNumber, by: User, now: datetime) -> BotDryRun:
    locked = Bot.objects.select_for_update().get(pk=bot.pk)
    if running := BotDryRun.objects.filter(bot=locked, number=number, state=State.DUE).first():
        return running
    if blocking := check_document(locked.draft, organization_id=locked.organization_id).blocking:
        raise CannotPublish(blocking)
    kept = list(BotDryRun.objects.filter(bot=locked).order_by("-pk").values_list("pk", flat=True)[: MAX_KEPT - 1])
    BotDryRun.objects.filter(bot=locked).exclude(pk__in=kept).delete()
    wake_after_commit(BotDryRun)
    columns = {"organization_id": bot.organization_id, "flow": locked.draft, "started_by": by, "create_in": now}
    return BotDryRun.objects.create(bot=locked, number=number, **columns)


def work_on_dry_runs(lease: Lease) -> None:
    """Runs the dry runs of the lease."""
    for pk in lease.ids:
        row = BotDryRun.objects.select_related("number__organization").get(pk=pk)
        try:
            _run(lease, row)
        except DryRunTaken:
            continue


def _run(lease: Lease, row: BotDryRun) -> None:
    sessions = find_sessions(row.number, now=row.create_in)
    _update(lease, row, conversations=len(sessions), conversations_done=0)
    result = dry_run(read_flow(row.flow), row.number, sessions, on_progress=partial(_report, lease, row))
    period = {"since": (row.create_in - PERIOD).isoformat(), "found": len(sessions)}
    _update(lease, row, result=result | period, conversations_done=len(sessions), state=State.DONE, lease_token=None)


def _report(lease: Lease, row: BotDryRun, done: int) -> None:
    _update(lease, row, conversations_done=done)


def _update(lease: Lease, row: BotDryRun, **columns: object) -> None:
    if not lease.held([row.pk]).update(**columns):
        raise DryRunTaken


LANE = Lane("bot-dry-runs", model=BotDryRun, work=work_on_dry_runs, limit=1, seconds=60.0)
