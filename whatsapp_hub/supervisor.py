"""The hub's processes on one machine, side by side: started together, started again when one ends, and stopped together.

Each is the leader of a session of its own: a Ctrl-C meant for all reaches this supervisor alone, and what a killed process leaves
behind can be ended with it.
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

POLL = 0.25
"""Seconds between two looks at the processes."""
QUICK = 10.0
"""Seconds; a process that fails sooner has failed to start."""
MOST_QUICK_ENDS = 5
PATIENCE_TO_STOP = 28.0
SUPERVISED = "WHATSAPP_HUB_SUPERVISED"
"""The environment variable by which a process knows that a supervisor started it, and the supervisor's id."""
_PR_SET_PDEATHSIG = 1


class SupervisorError(Exception):
    """The processes cannot run; the message says why, for an operator."""


@dataclass
class Process:
    """One command and its life: it is begun again when it ends, where it ended at once after 1, 2, 4 … times `pause` seconds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    pause: float = 1.0
    is_needed: bool = True
    """Whether the others stop where it never stays up."""
    running: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    quick_ends: int = 0
    due_at: float = 0.0

    def start(self) -> None:
        environment = {**self.environment, SUPERVISED: str(os.getpid())}
        self.running = subprocess.Popen(self.command, env=environment, start_new_session=True)  # noqa: S603  our own command
        self.started_at = time.monotonic()

    def watch(self) -> None:
        """Begin it again if it has ended. SupervisorError if it never stays up and is needed."""
        if self.running is None:
            if time.monotonic() >= self.due_at:
                self.start()
        elif self.running.poll() is not None:
            self._note_end(self.running)

    def _note_end(self, ended: "subprocess.Popen[bytes]") -> None:
        self.kill()  # whatever it left behind
        lived = time.monotonic() - self.started_at
        failed = ended.returncode > 0  # below 0 a signal ended it, which says nothing of the process itself
        self.quick_ends = self.quick_ends + 1 if failed and lived < QUICK else 0
        log.error("%s ended with %s after %.0f s", self.name, ended.returncode, lived)
        if self.quick_ends >= MOST_QUICK_ENDS:
            self._give_up()
        self.running = None
        self.due_at = time.monotonic() + (self.pause * 2.0 ** (self.quick_ends - 1) if self.quick_ends else 0.0)

    def _give_up(self) -> None:
        if self.is_needed:
            raise SupervisorError(f"{self.name} does not stay up; what it said is above")
        self.pause = math.inf
        log.error("%s does not stay up; what it said is above. The hub runs without it until it is started again", self.name)

    def ask_to_stop(self) -> None:
        if self.running and self.running.poll() is None:
            self.running.terminate()

    def kill(self) -> None:
        """End it and all that it started, at once."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait()


class Supervisor:
    """Runs processes until it is stopped."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = processes
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Keep all of them up until `stop`; then all are asked to end, and ended if they do not. SupervisorError if one never stays
        up."""
        try:
            while not self._stopping.is_set():
                for process in self._processes:
                    process.watch()
                self._stopping.wait(POLL)
        finally:
            self._end_all()

    def _end_all(self) -> None:
        for process in self._processes:
            process.ask_to_stop()
        until = time.monotonic() + PATIENCE_TO_STOP
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if process.running:
                    process.running.wait(max(0.0, until - time.monotonic()))
            process.kill()


def end_with_supervisor() -> None:
    """For a process that may have been started by a supervisor, or not: if so it ends with it."""
    if SUPERVISED in os.environ:
        end_with_parent(int(os.environ[SUPERVISED]))


def end_with_parent(parent: int = 0) -> None:
    """From now on this process gets a SIGTERM when its parent ends, however it ends; at once if that was `parent` and it has ended
    already. Linux has this; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def wait_for_port(host: str, port: int, *, patience: float = 10.0) -> None:
    """Return once the address can be listened on: a hub that was just stopped may still be letting go of it. SupervisorError if
    somebody keeps it."""
    until = time.monotonic() + patience
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
        time.sleep(POLL)


def _remedy(failure: OSError) -> str:
    if failure.errno in (errno.EADDRINUSE, errno.EACCES):
        return "set PORT to another"
    return "set BIND to an address of this machine"
