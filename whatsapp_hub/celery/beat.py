"""Celery beat: publishes the lanes that have due rows, which is what a lost wake-up waits for, and the chores."""

import logging
from typing import Any

from celery.beat import Scheduler
from django.db import DatabaseError, InterfaceError, connection

from jobs.transactions import DatabaseAway
from whatsapp_hub.celery.due_work import MAX_PAUSE, DueWork
from whatsapp_hub.celery.wakeups import PUBLISHER

log = logging.getLogger(__name__)


class DueWorkScheduler(Scheduler):  # type: ignore[misc]  # it has no types
    """A scheduler without a schedule of its own: the due times are in the rows, and each chore has a row with its last start. So
    nothing is stored on this host, and any number of beats may run."""

    def setup_schedule(self) -> None:
        self.data.clear()
        self._due_work = DueWork()

    def tick(self, *_: Any, **__: Any) -> float:
        """Publishes what is due. Returns the seconds until the next call."""
        try:
            due, seconds = self._due_work.find()
        except (DatabaseError, InterfaceError, DatabaseAway) as failure:
            log.error("the database does not answer: %s", type(failure).__name__)
            connection.close()
            return MAX_PAUSE
        PUBLISHER.publish(due)
        return seconds
