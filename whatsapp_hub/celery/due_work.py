"""What is due: lanes with due rows, and chores that have to start."""

import math
import time

from jobs.models import ChoreRun
from jobs.workers.due_times import DueTimes
from whatsapp_hub.lanes import CHORES, LANES

MAX_PAUSE = 1.0
"""Seconds between two queries, at most."""
MIN_PAUSE = 0.1
REPEAT_SECONDS = 5.0
"""A chore that no worker has started is published again after this time."""


class DueWork:
    """The lanes and chores that are due, and when to look again."""

    def __init__(self) -> None:
        self._due_times = DueTimes({lane.name: lane.rows.soonest() for lane in LANES})
        self._names = [lane.name for lane in LANES]
        self._chores_due_at = 0.0
        """By `time.monotonic`, when a chore may have to start. Until then they need no query."""

    def find(self) -> tuple[list[str], float]:
        """Returns the names of what is due, and the seconds until the next look."""
        left = self._due_times.seconds_left(self._names)
        due = [name for name, seconds in left.items() if seconds <= 0]
        ahead = min((seconds for seconds in left.values() if seconds > 0), default=math.inf)
        due += self._due_chores()
        return due, max(MIN_PAUSE, min(MAX_PAUSE, ahead, self._chores_due_at - time.monotonic()))

    def _due_chores(self) -> list[str]:
        now = time.monotonic()
        if now < self._chores_due_at:
            return []
        since = ChoreRun.objects.seconds_since_start()
        left = {chore.name: chore.every - since.get(chore.name, math.inf) for chore in CHORES}
        due = [name for name, seconds in left.items() if seconds <= 0]
        ahead = min((seconds for seconds in left.values() if seconds > 0), default=math.inf)
        self._chores_due_at = now + min(ahead, REPEAT_SECONDS)
        return due
