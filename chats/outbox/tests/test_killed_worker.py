"""The worker as a process, killed after Graph has a message and before the result is stored: no message is sent twice or lost."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Self

import pytest
from django.conf import settings as site
from django.db import connection

from chats.conftest import Meta
from chats.models import Message, MessageStatus, QueuedMessage
from chats.outbox.tests.steps import end_leases, wait_for, write
from conftest import apply_all
from contacts.models import Contact
from whatsapp_hub.celery.tests.engine import suite_engine
from whatsapp_hub.celery.tests.processes import celery_processes, start_process

KNOWN = {MessageStatus.SENT, MessageStatus.UNCERTAIN}
PAUSES = (0.0, 0.03, 0.08, 0.15)


def database_url() -> str:
    """Of the test's own database."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    password = f":{config['PASSWORD']}" if config["PASSWORD"] else ""
    return f"mysql://{config['USER']}{password}@{config['HOST']}:{config['PORT'] or 3306}/{config['NAME']}"


class WorkerProcess:
    """A worker of these lanes, to be killed: `manage.py worker`, or a Celery worker and beat if the suite runs with that engine."""

    def __init__(self, graph_url: str, directory: Path, *, lanes: str = "outbox", engine: str = "") -> None:
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "VAR_DIR": str(directory),
            "SECRET_KEY": site.SECRET_KEY,
            "FIELD_ENCRYPTION_KEYS": ",".join(site.FIELD_ENCRYPTION_KEYS),
            "META_GRAPH_URL": graph_url,
        }
        if (engine or suite_engine()) == "celery":
            self._processes = celery_processes(environment, queues=lanes)
        else:
            self._processes = [start_process(["manage.py", "worker", "--lanes", lanes], environment)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A worker that outlives a failed test would meet the next ones."""
        self.kill()

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """As a supervisor does it."""
        for process in self._processes:
            process.terminate()
        self._wait()

    def suspend(self) -> None:
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, number)

    def _wait(self) -> None:
        for process in self._processes:
            process.wait(30)


def _has_gone_on(meta: Meta, before: int) -> bool:
    return len(meta.sent()) > before or not QueuedMessage.objects.exists()


def test_a_worker_killed_between_accepted_and_stored_leaves_one_uncertain_message(
    meta: Meta, joelma: Contact, tmp_path: Path
) -> None:
    meta.fault("no_answer", times=1)
    message = write(joelma, "Oi")
    with WorkerProcess(meta.url, tmp_path):
        wait_for(meta.sent)

    end_leases()
    apply_all()

    message.refresh_from_db()
    assert message.message_status == MessageStatus.UNCERTAIN
    assert len(meta.sent()) == 1


def test_however_often_it_is_killed_every_message_is_sent_once_or_uncertain(
    meta: Meta, people: Callable[..., list[Contact]], tmp_path: Path
) -> None:
    everybody = people(10)
    written = [write(contact, f"{contact.pk}/{index}") for index in range(6) for contact in everybody]
    for pause in PAUSES:
        before = len(meta.sent())
        with WorkerProcess(meta.url, tmp_path):
            wait_for(partial(_has_gone_on, meta, before))
            time.sleep(pause)
        end_leases()
    apply_all()

    sent = Counter(each["callback_data"] for each in meta.sent())
    found = Message.objects.in_bulk([message.pk for message in written])
    assert max(sent.values()) == 1
    assert {message.message_status for message in found.values()} <= KNOWN
    assert all(sent[message.callback_data] == 1 for message in found.values() if message.message_status == MessageStatus.SENT)
    uncertain = sum(message.message_status == MessageStatus.UNCERTAIN for message in found.values())
    assert uncertain <= len(PAUSES) * len(everybody)  # of each conversation one message is under way


def test_a_worker_that_is_stopped_leaves_nothing_uncertain(
    meta: Meta, people: Callable[..., list[Contact]], tmp_path: Path
) -> None:
    meta.fault("slow", times=None, seconds=0.4)
    everybody = people(30)
    written = [write(contact, f"{contact.pk}/{index}") for index in range(3) for contact in everybody]
    with WorkerProcess(meta.url, tmp_path) as worker:
        wait_for(meta.sent)
        worker.stop()

    found = Message.objects.in_bulk([message.pk for message in written])
    sent = {each["callback_data"] for each in meta.sent()}
    expected = {pk: MessageStatus.SENT if each.callback_data in sent else MessageStatus.QUEUED for pk, each in found.items()}
    assert {pk: each.message_status for pk, each in found.items()} == expected
    assert 0 < len(sent) < len(written)
    assert not QueuedMessage.objects.exclude(attempted_at=None).exists()


def test_a_worker_that_is_suspended_renews_nothing_and_sends_nothing_twice(meta: Meta, joelma: Contact, tmp_path: Path) -> None:
    meta.fault("slow", times=1, seconds=1.0)
    message = write(joelma, "Oi")
    with WorkerProcess(meta.url, tmp_path) as worker:
        wait_for(lambda: Message.objects.get(pk=message.pk).message_status == MessageStatus.SENDING)
        worker.suspend()
        end_leases()
        apply_all()
        message.refresh_from_db()
        assert message.message_status == MessageStatus.UNCERTAIN

        worker.resume()
        wait_for(lambda: Message.objects.get(pk=message.pk).message_status == MessageStatus.SENT)  # its answer still counts
        worker.stop()
    assert len(meta.sent()) == 1


@pytest.mark.skipif("TEST_BROKER_URL" not in os.environ, reason="needs RabbitMQ")
def test_workers_of_both_engines_send_each_message_once(meta: Meta, people: Callable[..., list[Contact]], tmp_path: Path) -> None:
    everybody = people(10)
    written = [write(contact, f"{contact.pk}/{index}") for index in range(8) for contact in everybody]
    with (
        WorkerProcess(meta.url, tmp_path, engine="celery") as celery,
        WorkerProcess(meta.url, tmp_path, engine="database") as built_in,
    ):
        wait_for(lambda: not QueuedMessage.objects.exists())
        celery.stop()
        built_in.stop()
    sent = Counter(each["callback_data"] for each in meta.sent())
    assert sent == dict.fromkeys((message.callback_data for message in written), 1)
