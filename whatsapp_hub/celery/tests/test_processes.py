"""A Celery worker and beat as processes, with a real broker that is purged, cut off and away: nothing is lost, and all goes on."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chats.models import Message
from chats.outbox.tests.steps import wait_for
from jobs.models import ChoreRun, State
from webhooks.models import Webhook
from webhooks.tests.bodies import text_body
from whatsapp_hub.celery import app
from whatsapp_hub.celery.tests.engine import broker_url
from whatsapp_hub.celery.tests.processes import WORKERS, celery_processes
from whatsapp_hub.lanes import CHORES
from whatsapp_hub.tests.test_serve import ServedHub, until

TO_START = 60.0
"""Seconds. Processes start slowly on a busy machine."""
SECONDS = 30.0


@contextmanager
def running(environment: dict[str, str], broker: str, directory: Path, *, queues: str) -> Iterator[Path]:
    """Runs a worker and beat. Yields the file with their output."""
    output = directory / "output"
    processes = celery_processes(environment, queues=queues, broker=broker, output=output)
    try:
        yield output
        for process in processes:
            process.terminate()
        assert [process.wait(30) for process in processes] == [0, 0], output.read_text()
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


def all_done() -> bool:
    return not Webhook.objects.exclude(state=State.DONE).exists()


def deliver(hub: Any, *names: str) -> None:
    for name in names:
        hub.deliver(text_body(name))


@pytest.fixture
def deliver_and_wait(hub: Any, numbers: object) -> Callable[..., None]:
    def deliver_all(*names: str, seconds: float = SECONDS) -> None:
        deliver(hub, *names)
        wait_for(all_done, seconds=seconds)

    return deliver_all


def purge_all() -> None:
    with app.connection_for_read(broker_url(WORKERS)) as connection:
        for queue in app.amqp.queues.values():
            queue(connection).purge()


def test_work_goes_on_whatever_happens_to_the_broker(broker, environment, deliver_and_wait, hub, tmp_path) -> None:
    """Nobody publishes wake-ups here but beat."""
    broker.away()
    with running(environment, broker.url, tmp_path, queues="webhooks,other") as output:
        wait_for(lambda: "Cannot connect" in output.read_text(), seconds=TO_START)
        broker.open()
        deliver_and_wait("away at the start", seconds=TO_START)

        for round in range(3):
            deliver(hub, f"purged-{round}")
            purge_all()
        wait_for(all_done, seconds=SECONDS)

        broker.cut()
        deliver_and_wait("cut off")

        broker.away()
        deliver(hub, "away")
        broker.open()
        deliver_and_wait("back again")

        broker.silent()
        deliver(hub, "silent")
        broker.cut()
        broker.open()
        deliver_and_wait("open again")
        wait_for(lambda: ChoreRun.objects.count() == len(CHORES), seconds=SECONDS)
    assert Message.objects.count() == Webhook.objects.count()
    assert "whatsapp_hub.celery.tasks" not in output.read_text()  # which logs errors of lanes and chores


def test_a_worker_of_other_queues_leaves_webhooks_alone(broker, environment, deliver_and_wait, hub, tmp_path) -> None:
    with running(environment, broker.url, tmp_path, queues="other"):
        wait_for(ChoreRun.objects.exists, seconds=TO_START)
        deliver(hub, "left alone")
        with pytest.raises(AssertionError):
            wait_for(all_done, seconds=3.0)
    with running(environment, broker.url, tmp_path, queues="webhooks"):
        wait_for(all_done, seconds=TO_START)


def test_serve_runs_a_celery_worker_and_beat(broker, tmp_path) -> None:
    hub = ServedHub(tmp_path, WORK_ENGINE="celery", CELERY_BROKER_URL=broker.url)
    hub.manage(
        "connect_number",
        *("--organization", "Aroeira", "--phone-number-id", "448190735512098", "--wa-id", "556133214400"),
        *("--verify-token", "v", "--app-secret", "app-secret", "--meta-token", "t"),
    )
    assert hub.post(text_body("w1")) == 200
    until(lambda: hub.counted("due") == 0)
    celery = [hub.child(each) for each in ("worker", "beat")]
    assert None not in celery
    assert hub.stop() == 0
    assert not [pid for pid in celery if Path(f"/proc/{pid}").exists()]
