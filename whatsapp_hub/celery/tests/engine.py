"""The engine `celery` for tests: the real broker, and a worker in threads of this process, which has the settings of each test."""

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from functools import cache

from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun

from jobs.workers.due_times import DueTimes
from jobs.workers.worker import DUE_SOON, Chore
from whatsapp_hub.celery import app
from whatsapp_hub.lanes import LANES

TIMEOUT = 60.0
NOBODY = "amqp://127.0.0.1:9"
THREADS = 4


class CeleryEngine:
    """Does due work with tasks, one after the other."""

    def __init__(self, broker_url: str) -> None:
        os.environ["TEST_BROKER"] = app.conf.broker_read_url = broker_url
        app.conf.broker_write_url = NOBODY  # wake-ups of lanes are lost: only the test says when work is done
        self._results: dict[str, int] = {}
        self._ended = threading.Condition()
        task_postrun.connect(self._store_result)
        with app.connection_for_read() as connection:
            for queue in app.amqp.queues.values():
                queue(connection).declare()
                queue(connection).purge()
        self._running = ExitStack()
        self._running.enter_context(start_worker(app, pool="threads", concurrency=THREADS, perform_ping_check=False))

    def stop(self) -> None:
        """Stops the worker, at the end of the suite."""
        self._running.close()

    def run_due(self, chores: Sequence[Chore]) -> None:
        """Does everything that is due, and what becomes due by it, like `Worker.run_due`."""
        due_times = DueTimes({lane.name: lane.rows.soonest() for lane in LANES})
        names = [lane.name for lane in LANES]
        done = 1
        while done:
            done = sum(chore.run_once() for chore in chores)
            while rows := self._run(name for name, left in due_times.seconds_left(names).items() if left <= DUE_SOON):
                done += rows

    def _run(self, names: Iterable[str]) -> int:
        due = set(names)
        return sum(self._run_task(lane.name) for lane in LANES if lane.name in due)

    def _run_task(self, name: str) -> int:
        with app.connection_for_read() as connection:
            task_id = app.tasks[name].apply_async(connection=connection, retry=False).id
        with self._ended:
            assert self._ended.wait_for(lambda: task_id in self._results, TIMEOUT), f"{name} has not ended"
            return self._results.pop(task_id)

    def _store_result(self, *, task_id: str, retval: object, **_: object) -> None:
        with self._ended:
            self._results[task_id] = retval if isinstance(retval, int) else 0
            self._ended.notify_all()


def suite_engine() -> str:
    """Returns the engine with which the suite does its work. `celery` also needs TEST_BROKER_URL."""
    return os.environ.get("TEST_WORK_ENGINE", "database")


@cache
def celery_engine() -> CeleryEngine:
    """The engine of this test process."""
    return CeleryEngine(broker_url())


def broker_url(part: str = "") -> str:
    """Returns the URL of a virtual host of this test process alone. With a `part`, of a further one."""
    parts = [os.environ["TEST_BROKER_URL"], os.environ.get("PYTEST_XDIST_WORKER", ""), part]
    return "_".join(each for each in parts if each)
