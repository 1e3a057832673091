"""Processes of the hub for tests: each leads a group, so that it can be killed with its children."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from whatsapp_hub.celery import app
from whatsapp_hub.celery.tests.engine import broker_url

ROOT = Path(__file__).resolve().parents[3]
WORKERS = "workers"
"""The virtual host of worker processes, where the worker of the test process takes no message."""

Process = subprocess.Popen[bytes]


def start_process(arguments: Sequence[str], environment: Mapping[str, str], *, output: Path | None = None) -> Process:
    """Starts Python with these arguments."""
    with (output or Path("/dev/null")).open("ab") as file:
        return subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True
        )


def celery_processes(
    environment: Mapping[str, str], *, queues: str, broker: str | None = None, output: Path | None = None
) -> list[Process]:
    """Starts a Celery worker with two processes for these queues, and beat. The queues have no messages of earlier tests."""
    declare_empty_queues()
    environment = {**environment, "WORK_ENGINE": "celery", "CELERY_BROKER_URL": broker or broker_url(WORKERS)}
    worker = ["-m", "celery", "-A", "whatsapp_hub", "worker", "-Q", queues, "-c", "2", "--without-gossip", "--without-mingle"]
    beat = ["-m", "celery", "-A", "whatsapp_hub", "beat"]
    return [start_process(command, environment, output=output) for command in (worker, beat)]


def declare_empty_queues() -> None:
    with app.connection_for_read(broker_url(WORKERS)) as connection:
        for queue in app.amqp.queues.values():
            queue(connection).declare()
            queue(connection).purge()
