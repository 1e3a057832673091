"""Wake-ups between processes of one host: they reach every worker, and an error does not affect others."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from jobs.wakeups import CAPACITY, WakeUps, wake, wake_after_commit
from webhooks.models import HeldItem, Webhook

PATIENCE = 10.0
WAIT_AS_A_WORKER = """
import sys
from django.conf import settings
settings.configure(VAR_DIR=sys.argv[1])
from jobs.wakeups import WakeUps
with WakeUps() as wakeups:
    print("ready", flush=True)
    print(*wakeups.wait(), flush=True)
"""
STOP_FROM_ANOTHER_THREAD = """
import signal, sys, threading, time
from django.conf import settings
settings.configure(VAR_DIR=sys.argv[1])
from jobs.wakeups import WakeUps
stopped = []
with WakeUps() as wakeups:
    signal.signal(signal.SIGTERM, lambda *_: (stopped.append(True), wakeups.interrupt()))
    def take_signal():
        time.sleep(0.5)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        time.sleep(60)
    threading.Thread(target=take_signal, daemon=True).start()
    while not stopped:
        wakeups.wait()
"""


@pytest.fixture
def directory(settings: Any, tmp_path: Path) -> Path:
    settings.VAR_DIR = tmp_path
    return tmp_path / "wakeups"


@contextmanager
def worker_process(var_dir: Path) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-c", WAIT_AS_A_WORKER, str(var_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert said(process) == "ready\n"
            yield process
        finally:
            process.kill()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


def within_patience(wait: Callable[[], set[str]]) -> set[str]:
    """What it returns; an error if it does not return."""
    returned: list[set[str]] = []
    thread = threading.Thread(target=lambda: returned.append(wait()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert returned, "nothing came"
    return returned[0]


def test_every_worker_of_the_host_is_woken(directory) -> None:
    with worker_process(directory.parent) as first, worker_process(directory.parent) as second:
        wake(Webhook)
        assert [said(first), said(second)] == ["webhooks.webhook\n"] * 2


def test_wake_ups_of_several_models_come_together_and_each_once(directory) -> None:
    with WakeUps() as wakeups:
        for model in (Webhook, HeldItem, Webhook):
            wake(model)
        assert within_patience(wakeups.wait) == {"webhooks.webhook", "webhooks.helditem"}


def test_without_a_worker_nothing_happens(directory) -> None:
    wake(Webhook)
    assert not directory.exists()


def test_the_pipe_of_a_worker_that_was_killed_harms_nobody_and_is_removed(directory) -> None:
    with worker_process(directory.parent) as killed:
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait(PATIENCE)
    assert len(list(directory.iterdir())) == 1
    wake(Webhook)
    with WakeUps() as wakeups:
        assert len(list(directory.iterdir())) == 1
        wake(Webhook)
        assert within_patience(wakeups.wait) == {"webhooks.webhook"}
    assert not list(directory.iterdir())


def test_a_worker_that_starts_leaves_the_pipes_of_those_that_run_and_of_other_hosts(directory) -> None:
    with WakeUps() as wakeups:
        (own,) = directory.iterdir()
        another_hosts = directory / f"{socket.gethostname()}-b@1-abc.pipe"
        os.mkfifo(another_hosts)
        with WakeUps():
            assert own.exists()
            wake(Webhook)
        assert within_patience(wakeups.wait) == {"webhooks.webhook"}
    assert list(directory.iterdir()) == [another_hosts]


def test_a_long_path_is_no_hindrance(settings, tmp_path) -> None:
    settings.VAR_DIR = tmp_path / "-".join(["a-path-that-does-not-fit-into-the-address-of-a-socket"] * 4)
    with WakeUps() as wakeups:
        wake(Webhook)
        assert within_patience(wakeups.wait) == {"webhooks.webhook"}


def test_nobody_else_may_wake_a_worker(directory) -> None:
    before = os.umask(0)
    try:
        with WakeUps():
            (pipe,) = directory.iterdir()
            assert [stat.S_IMODE(path.stat().st_mode) for path in (directory, pipe)] == [0o700, 0o600]
    finally:
        os.umask(before)


def test_a_worker_that_does_not_read_holds_up_nobody(directory) -> None:
    with WakeUps() as wakeups:
        for _ in range(CAPACITY // len("webhooks.webhook\n") + 10):
            wake(Webhook)
        wakeups.interrupt()
        assert "webhooks.webhook" in within_patience(wakeups.wait)
        wake(HeldItem)
        assert "webhooks.helditem" in within_patience(wakeups.wait)


def test_a_signal_that_the_system_gives_to_another_thread_is_seen(tmp_path) -> None:
    subprocess.run([sys.executable, "-c", STOP_FROM_ANOTHER_THREAD, str(tmp_path)], timeout=PATIENCE, check=True)


def test_a_file_that_is_no_pipe_is_left_as_it_is(directory, tmp_path) -> None:
    target = tmp_path / "precious"
    target.write_text("as it was")
    with WakeUps() as wakeups:
        (directory / "link.pipe").symlink_to(target)
        wake(Webhook)
        assert within_patience(wakeups.wait) == {"webhooks.webhook"}
    assert target.read_text() == "as it was"


def test_a_worker_that_can_make_no_pipe_can_still_be_stopped(directory, caplog) -> None:
    directory.write_text("in the way")
    with WakeUps() as wakeups:
        wake(Webhook)
        wakeups.interrupt()
        assert within_patience(wakeups.wait) == set()
    assert "the web processes cannot wake this worker" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_makes_rows_due_wakes_once_it_is_committed(directory) -> None:
    with WakeUps() as wakeups:
        with transaction.atomic():
            wake_after_commit(HeldItem)
            transaction.set_rollback(True)
        with transaction.atomic():
            Webhook.objects.make_due()
        assert within_patience(wakeups.wait) == {"webhooks.webhook"}
