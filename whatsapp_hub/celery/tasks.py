"""A task for each lane and each chore, with its name, and what a process of workers does when it starts and stops."""

import gc
import logging
import mmap
import os
import sys
from collections.abc import Callable
from functools import partial

from billiard.exceptions import SoftTimeLimitExceeded
from celery.signals import beat_init, celeryd_init, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from jobs.models import ChoreRun
from jobs.transactions import is_away
from jobs.workers.slices import SlicedLane
from jobs.workers.worker import Chore, format_without_message
from monitoring.metrics.worker_counters import serve_counters
from organizations.credentials.stored_secrets import UnreadableSecrets, require_readable_secrets
from whatsapp_hub.celery.application import app
from whatsapp_hub.celery.wakeups import PUBLISHER
from whatsapp_hub.lanes import CHORES, LANES
from whatsapp_hub.supervisor import end_with_supervisor

log = logging.getLogger(__name__)

_stopping = mmap.mmap(-1, 1)
"""One byte that a worker shares with its processes: not 0 when it stops."""


def is_stopping() -> bool:
    """Returns whether this worker stops. Slices end then."""
    return _stopping[0] != 0


def _lane_task(lane: SlicedLane) -> Callable[[], int]:
    def continue_after(seconds: float) -> None:
        PUBLISHER.publish([lane.lane.name], after=seconds)

    def run() -> int:
        """Works on the due rows of this lane."""
        return _run(lane.lane.name, partial(lane.run, is_stopping=is_stopping, continue_after=continue_after))

    return run


def _chore_task(chore: Chore) -> Callable[[], int]:
    def run() -> int:
        """Runs this chore, unless it was started a moment ago."""
        return _run(chore.name, partial(_run_chore, chore))

    return run


def _run_chore(chore: Chore) -> int:
    close_old_connections()
    return chore.run_once() if ChoreRun.objects.start(chore.name, every=chore.every) else 0


def _run(name: str, work: Callable[[], int]) -> int:
    """Runs the work of a task. Errors are logged without their message. Beat publishes the task again if something is due."""
    try:
        return work()
    except SoftTimeLimitExceeded as failure:
        # A thread of a side lane may hang for ever, and would keep its place. Another process replaces this one.
        log.error("%s was given up after its time limit: %s", name, format_without_message(failure))
        os._exit(1)
    except Exception as failure:  # noqa: BLE001  as in the worker's threads
        log.error("%s failed: %s", name, type(failure).__name__ if is_away(failure) else format_without_message(failure))
        return 0


for _lane in LANES:
    app.task(_lane_task(SlicedLane(_lane)), name=_lane.name)
for _chore in CHORES:
    app.task(_chore_task(_chore), name=_chore.name)


@celeryd_init.connect
def _prepare_worker(**_: object) -> None:
    """Before a worker starts its processes."""
    _prepare_process()
    if settings.WORKER_METRICS:
        serve_counters(settings.WORKER_METRICS)


@beat_init.connect
def _prepare_beat(**_: object) -> None:
    """Before beat starts."""
    _prepare_process()


def _prepare_process() -> None:
    if settings.WORK_ENGINE != "celery":
        sys.exit("The hub cannot start: WORK_ENGINE is not celery. Set WORK_ENGINE=celery and CELERY_BROKER_URL.")
    end_with_supervisor()
    try:
        require_readable_secrets()
    except UnreadableSecrets as failure:
        sys.exit(f"The hub cannot start: {failure}")
    except (DatabaseError, InterfaceError):
        log.warning("the database does not answer; tasks wait for it")
    finally:
        connections.close_all()  # a process must not share a connection
    # As in manage.py worker: rows live for one batch.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@worker_shutting_down.connect
def _end_slices(**_: object) -> None:
    _stopping[0] = 1
