"""Lanes in slices, for task engines: a task works for some seconds, then asks for another task that goes on.

The rows are the queue in both engines. A task that is lost, or that runs twice, changes nothing: leases decide who has a row.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.db import close_old_connections

from jobs.transactions import is_away
from jobs.workers.due_times import DueTimes
from jobs.workers.worker import AnyLane, SideLane, format_without_message, retry_pause

log = logging.getLogger(__name__)

LANE_SECONDS = 5.0
SIDE_LANE_SECONDS = 30.0
"""Length of a slice of a side lane. At its end it waits for its last requests, so more slices would cost more."""
NEAR_SECONDS = 2.0
"""A side lane with rows that are due within this time asks for a task at that time: the slots of a number that sends a few messages
a second. Later ones are found in time by the query for all lanes."""


class SlicedLane:
    """A lane that tasks of this process run in slices. One slice runs at a time: a side lane has one set of threads."""

    def __init__(self, lane: AnyLane, *, seconds: float = 0.0) -> None:
        """`seconds`: length of a slice. 0 for the usual one."""
        self.lane = lane
        self._seconds = seconds or (SIDE_LANE_SECONDS if isinstance(lane, SideLane) else LANE_SECONDS)
        self._due_times = DueTimes({lane.name: lane.rows.soonest()})
        self._is_running = threading.Lock()

    def run(self, *, is_stopping: Callable[[], bool], continue_after: Callable[[float], object]) -> int:
        """Works on due rows until there are none, the slice ends, or `is_stopping`. Returns how many rows that were.

        It calls `continue_after` with the seconds after which another task has to go on. When the time of a slice is over it does
        so before it finishes the work in progress, so another process goes on meanwhile. While a slice runs in this process, it
        returns at once.
        """
        if not self._is_running.acquire(blocking=False):
            return 0
        try:
            done = self._run(_SliceEnd(self._seconds, is_stopping, continue_after))
            if 0 < (left := self._seconds_left()) <= NEAR_SECONDS:
                continue_after(left)
            return done
        finally:
            self._is_running.release()

    def _run(self, end: "_SliceEnd") -> int:
        failures = 0
        while True:
            try:
                close_old_connections()
                return self.lane.drain(end)
            except Exception as failure:
                if not self._may_retry(end):
                    raise
                failures += 1
                what = type(failure).__name__ if is_away(failure) else format_without_message(failure)
                log.error("%s failed, trying again: %s", self.lane.name, what)
                time.sleep(retry_pause(failures))

    def _may_retry(self, end: "_SliceEnd") -> bool:
        """A side lane may have outcomes that are not stored, so it goes on until the database answers. Other lanes leave their
        rows to the next task."""
        return isinstance(self.lane, SideLane) and not end.is_stopping()

    def _seconds_left(self) -> float:
        """Returns the seconds until a side lane has due rows."""
        if not isinstance(self.lane, SideLane):
            return float("inf")
        return self._due_times.seconds_left([self.lane.name]).get(self.lane.name, float("inf"))


class _SliceEnd:
    """Whether a slice is over. Asks for the next one as soon as the time is over."""

    def __init__(self, seconds: float, is_stopping: Callable[[], bool], continue_after: Callable[[float], object]) -> None:
        self._ends_at = time.monotonic() + seconds
        self.is_stopping = is_stopping
        self._continue_after = continue_after
        self._is_over = False

    def __call__(self) -> bool:
        if self.is_stopping():
            return True
        if not self._is_over and time.monotonic() >= self._ends_at:
            self._is_over = True
            self._continue_after(0.0)
        return self._is_over
