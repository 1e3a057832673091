"""Publishes names of tasks to the broker, from a thread of its own."""

import logging
import math
import os
import threading
import time
from collections.abc import Iterable

import amqp
from amqp.exceptions import AMQPError, MessageNacked
from celery import Celery
from kombu import Producer
from kombu.exceptions import KombuError

log = logging.getLogger(__name__)

INTERVAL = 0.05
"""Seconds between two messages of the same task. Wake-ups in between are published together, in one message at the end."""
TIMEOUT = 2.0
"""Seconds for connecting, for writing a message and for its confirmation."""
MAX_PAUSE = 5.0
"""Longest time in seconds between two attempts while the broker does not answer."""
ERRORS = (OSError, AMQPError, MessageNacked, KombuError)
OPTIONS = {"confirm_publish": True, "read_timeout": TIMEOUT, "write_timeout": TIMEOUT}


class Publisher:
    """Publishes tasks without arguments, each at most once in `INTERVAL`.

    `publish` never waits, whatever the broker does. What cannot be published is kept, each name once, until the broker answers
    again. It is lost if the process ends before that: beat publishes the lanes that are still due.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._due_at: dict[str, float] = {}
        """When each waiting task is to be published, by `time.monotonic`."""
        self._published_at: dict[str, float] = {}
        self._more = threading.Event()
        self._thread: threading.Thread | None = None
        self._connection: amqp.Connection | None = None
        self._producer: Producer | None = None

    def publish(self, names: Iterable[str], *, after: float = 0.0) -> None:
        """Publishes the tasks in `after` seconds, or as soon as their interval allows."""
        due_at = time.monotonic() + after
        with self._lock:
            for name in names:
                self._due_at[name] = min(due_at, self._due_at.get(name, math.inf))
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._more.set()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        try:
            thread.start()
        except RuntimeError as failure:
            log.warning("cannot start a thread to publish wake-ups: %s", failure)
        else:
            self._thread = thread

    def _run(self) -> None:
        failures = 0
        while True:
            self._more.wait(self._seconds_left())
            self._more.clear()
            unpublished = self._take()
            try:
                while unpublished:
                    self._send(unpublished[-1])
                    unpublished.pop()
                    failures = 0
            except ERRORS as failure:
                self._disconnect()
                failures += 1
                if failures == 2:  # the first one may be a connection that was idle for long
                    log.warning("wake-ups cannot be published, beat will find what is due: %s", type(failure).__name__)
                self.publish(unpublished)
                time.sleep(min(MAX_PAUSE, 0.1 * 2.0 ** min(failures, 10)))

    def _seconds_left(self) -> float | None:
        """Returns the seconds until the first waiting task is published. None if there is none."""
        with self._lock:
            publish_at = min(map(self._publish_at, self._due_at), default=None)
        return None if publish_at is None else max(0.0, publish_at - time.monotonic())

    def _take(self) -> list[str]:
        """Removes and returns the waiting tasks that are to be published now."""
        now = time.monotonic()
        with self._lock:
            names = [name for name in self._due_at if self._publish_at(name) <= now]
            for name in names:
                del self._due_at[name]
        return names

    def _publish_at(self, name: str) -> float:
        return max(self._due_at[name], self._published_at.get(name, 0.0) + INTERVAL)

    def _send(self, name: str) -> None:
        if self._producer is None:
            connection = self._app.connection_for_write(connect_timeout=TIMEOUT, heartbeat=0, transport_options=OPTIONS)
            self._connection = connection.connect()
            self._producer = Producer(connection)
        self._published_at[name] = time.monotonic()
        self._app.send_task(name, producer=self._producer, retry=False, ignore_result=True, confirm_timeout=TIMEOUT)

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.collect()  # closes the socket without asking the broker, which may not answer
        self._connection = self._producer = None
