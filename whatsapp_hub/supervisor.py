"""Supervises the processes of a hub on one machine: starts them, starts a process again when it ends, and stops all of them.

Each process is the leader of an operating system session of its own. So Ctrl-C reaches only the supervisor, and child processes
that a killed process leaves behind can be killed with it.
"""

import contextlib
import ctypes
import errno
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
"""Interval between two checks of the processes."""
START_SECONDS = 10.0
"""A process that fails sooner has failed to start."""
MAX_FAILED_STARTS = 5
STOP_SECONDS = 28.0
"""Processes that have not ended so long after SIGTERM are killed."""
SUPERVISED = "WHATSAPP_HUB_SUPERVISED"
"""Environment variable with the process id of the supervisor, for processes that it started."""
_PR_SET_PDEATHSIG = 1


class SupervisorError(Exception):
    """The processes cannot run. The message explains the reason to an operator."""


@dataclass
class Process:
    """One command, which is started again when it ends. After failed starts it waits for 1, 2, 4 … times `pause` seconds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    pause: float = 1.0
    is_needed: bool = True
    """Whether the other processes stop if this one cannot be started."""
    running: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    failed_starts: int = 0
    due_at: float = 0.0

    def start(self) -> None:
        environment = {**self.environment, SUPERVISED: str(os.getpid())}
        self.running = subprocess.Popen(self.command, env=environment, start_new_session=True)  # noqa: S603  our own command
        self.started_at = time.monotonic()

    def check(self) -> None:
        """Starts the process again if it has ended. Raises SupervisorError if it cannot be started and is needed."""
        if self.running is None:
            if time.monotonic() >= self.due_at:
                self.start()
        elif self.running.poll() is not None:
            self._handle_end(self.running)

    def _handle_end(self, ended: "subprocess.Popen[bytes]") -> None:
        self.kill()  # child processes that it left behind
        lived = time.monotonic() - self.started_at
        failed = ended.returncode > 0  # negative if a signal ended it, which is no failure of the process
        self.failed_starts = self.failed_starts + 1 if failed and lived < START_SECONDS else 0
        log.error("%s ended with %s after %.0f s", self.name, ended.returncode, lived)
        if self.failed_starts >= MAX_FAILED_STARTS:
            self._give_up()
        self.running = None
        self.due_at = time.monotonic() + (self.pause * 2.0 ** (self.failed_starts - 1) if self.failed_starts else 0.0)

    def _give_up(self) -> None:
        if self.is_needed:
            raise SupervisorError(f"{self.name} cannot be started; its output is above")
        self.pause = math.inf
        log.error("%s cannot be started; its output is above. The hub runs without it until the hub is started again", self.name)

    def terminate(self) -> None:
        if self.running and self.running.poll() is None:
            self.running.terminate()

    def kill(self) -> None:
        """Kills the process and all its child processes."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()


class Supervisor:
    """Runs processes until `stop` is called. A caller that does other work instead of `run` calls `check` from time to time, and
    `stop_all` at the end."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Stops all processes. May be called in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Keeps all processes running until `stop`. Raises SupervisorError if a needed one cannot be started."""
        try:
            while not self._stopping.is_set():
                self.check()
                self._stopping.wait(POLL_SECONDS)
        finally:
            self.stop_all()

    def check(self) -> None:
        """Starts the processes that do not run. Raises SupervisorError if a needed one cannot be started."""
        for process in self._processes:
            process.check()

    def stop_all(self) -> None:
        """Stops all processes and waits for them."""
        for process in self._processes:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if process.running:
                    process.running.wait(max(0.0, until - time.monotonic()))
            process.kill()


def end_with_supervisor() -> None:
    """Makes this process end when its supervisor ends. Does nothing if no supervisor started it."""
    if SUPERVISED in os.environ:
        end_with_parent(int(os.environ[SUPERVISED]))


def end_with_parent(parent: int = 0) -> None:
    """Makes this process get a SIGTERM when its parent ends, in whatever way. If `parent` is given and has ended already, it gets
    the signal now. Works on Linux only, and does nothing on other systems."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def wait_for_port(host: str, port: int, *, timeout: float = 10.0) -> None:
    """Waits until the port is free: a hub that was just stopped may still use it. Raises SupervisorError if it stays in use."""
    until = time.monotonic() + timeout
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as failure:
                if failure.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise SupervisorError(f"{host}:{port} cannot be listened on ({failure.strerror}); {_remedy(failure)}") from None
            else:
                return
        time.sleep(POLL_SECONDS)


def _remedy(failure: OSError) -> str:
    if failure.errno in (errno.EADDRINUSE, errno.EACCES):
        return "set PORT to another"
    return "set BIND to an address of this machine"
