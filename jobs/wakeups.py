"""Wake-ups: hints to workers that rows of a model have become due.

Each worker reads a named pipe of its own below `VAR_DIR`. A process that has made rows due writes the model's name into all
pipes. The rows stay the queue: a lost wake-up costs no more than the pause of an idle worker (docs/decisions/0013). So nothing
here waits, fails or retries. Named pipes are used because the address of a Unix socket has no room for a long path.
"""

import logging
import os
import secrets
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import models, transaction

log = logging.getLogger(__name__)

SUFFIX = ".pipe"
CAPACITY = 64 * 1024
"""Bytes to read at once: a pipe holds no more."""
GATHER_SECONDS = 0.01
"""Seconds between two reads. Under load one read collects many wake-ups. The first one after a pause is read at once."""
WRITING = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW
"""With these flags, opening a pipe that nobody reads fails at once."""

Listener = Callable[[type[models.Model]], object]
_listeners: list[Listener] = []


def wake(model: type[models.Model]) -> None:
    """Wakes the workers to look for due rows of this model. The rows must be committed."""
    name = f"{model._meta.label_lower}\n".encode()
    for path in _pipes():
        with suppress(OSError):  # the worker was killed, runs as another user, or has a full pipe to read
            _write(path, name)
    for listener in _listeners:
        listener(model)


def add_listener(listener: Listener) -> None:
    """Calls `listener` with the model of each wake-up of this process, in the thread of a request. It must not wait or raise."""
    _listeners.append(listener)


def wake_after_commit(model: type[models.Model]) -> None:
    """Calls `wake` after the current transaction is committed, or at once if there is none."""
    transaction.on_commit(partial(wake, model))


class WakeUps:
    """Context manager: the wake-ups that reach this process. If no named pipe can be made, none arrive."""

    _path: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._path, self._reading, self._writing = _open_pipe(_directory())
        except OSError as failure:
            log.warning("the web processes cannot wake this worker: %s", failure.strerror)
            self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        # The system may deliver a signal to any thread. Python runs the handler in the main thread, so that one must stop waiting.
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._readable = select.poll()
        self._readable.register(self._reading, select.POLLIN)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(-1)
        if self._path:
            self._path.unlink(missing_ok=True)
        writing, self._writing = self._writing, -1  # before it is closed, because another thread may call interrupt
        os.close(writing)
        os.close(self._reading)

    def wait(self) -> set[str]:
        """Waits for wake-ups, for `interrupt` or for a signal. Returns the labels of the models, each once."""
        time.sleep(GATHER_SECONDS)
        self._readable.poll()
        return set(os.read(self._reading, CAPACITY).decode(errors="replace").split())

    def interrupt(self) -> None:
        """Makes `wait` return. Safe in a signal handler."""
        with suppress(OSError):  # full: `wait` returns anyway; closed: nobody waits
            os.write(self._writing, b"\n")


def _directory() -> Path:
    return Path(settings.VAR_DIR) / "wakeups"


def _pipes() -> Iterator[Path]:
    with suppress(OSError):  # no worker has run here
        yield from [path for path in _directory().iterdir() if path.suffix == SUFFIX]


def _write(path: Path, name: bytes) -> None:
    pipe = os.open(path, WRITING)
    try:
        os.write(pipe, name)
    finally:
        os.close(pipe)


def _open_pipe(directory: Path) -> tuple[Path, int, int]:
    """Makes a named pipe and returns its path and both ends. The end for writing keeps it open while nobody else writes."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    host = socket.gethostname().replace("/", "_")
    _remove_abandoned(host)
    path = directory / f"{host}@{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
    unread = path.with_suffix(".new")  # while no worker reads it, another one would remove it as abandoned
    os.mkfifo(unread, 0o600)
    try:
        reading = os.open(unread, os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(unread, WRITING)
        unread.rename(path)
    except OSError:
        unread.unlink()
        raise
    return path, reading, writing


def _remove_abandoned(host: str) -> None:
    """Removes the pipes of killed workers. Pipes of other hosts stay, because their readers are not visible from this one."""
    for path in _pipes():
        if not path.name.startswith(f"{host}@"):
            continue
        try:
            os.close(os.open(path, WRITING))
        except OSError:
            path.unlink(missing_ok=True)
