"""Processes on loopback, each ended with all that it started."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Failed
from benchmarks.load.bodies import PATH
from whatsapp_hub.supervisor import end_with_parent

ROOT = Path(__file__).resolve().parent.parent.parent
LOOPBACK = "127.0.0.1"
PATIENCE_TO_START = 60.0
PATIENCE_TO_STOP = 25.0


@dataclass(frozen=True)
class Process:
    """A child and all that it started."""

    name: str
    child: "subprocess.Popen[bytes]"
    output: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def has_ended(self) -> bool:
        return self.child.poll() is not None

    def children(self) -> int:
        """How many processes it has started: a web server's master has one for each of its web processes."""
        return len(self.child_pids())

    def child_pids(self) -> list[int]:
        return _children(self.pid)

    def processor_seconds(self) -> dict[str, float]:
        """What it and all that it has started have used of a core so far, by process id and name."""
        return {f"{pid} {_title(pid)}": _processor_seconds(pid) for pid in _family(self.pid)}

    def peak_memory(self) -> int:
        """The most bytes that it, or one that it has started, has had resident so far. OSError if one ends meanwhile."""
        return max(_peak_memory(pid) for pid in _family(self.pid))

    def failure(self, what: str) -> Failed:
        return Failed(f"{self.name} {what}; the end of what it said:\n{self.output.read_text(errors='replace')[-2000:]}")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _family(pid: int) -> list[int]:
    return [pid, *(each for child in _children(pid) for each in _family(child))]


def _title(pid: int) -> str:
    """The word by which its command says what it is: serve, worker, gunicorn."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return words[2] if len(words) > 2 else words[0]


def _peak_memory(pid: int) -> int:
    """0 for a process that has ended and was not waited for."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), default=0)


def _processor_seconds(pid: int) -> float:
    """User and system time, as Linux counts."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(
    name: str, command: Sequence[str], environment: Mapping[str, str], directory: Path, *, cwd: Path = ROOT
) -> Iterator[Process]:
    """The command as a process, ended on the way out."""
    output = directory / f"{name.replace(' ', '-')}.log"
    with output.open("ab") as file:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for the benchmark alone, which then ends it
            preexec_fn=end_with_parent,  # noqa: PLW1509  no threads yet
        )
    try:
        yield Process(name, child, output)
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE_TO_STOP)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@dataclass(frozen=True)
class Server:
    """A process that answers at the webhook's path."""

    port: int
    process: Process

    def answer(self, method: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> int:
        """The status that one request gets."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, PATH, body, dict(headers or {}))
            return connection.getresponse().status

    def wait_until_up(self) -> None:
        """Return at its first answer, whatever it says. Failed if none comes."""
        until = time.monotonic() + PATIENCE_TO_START
        while time.monotonic() < until:
            if self.process.has_ended:
                raise self.process.failure("ended")
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.answer("GET")
                return
            time.sleep(0.1)
        raise self.process.failure("does not answer")

    def check_signatures(self) -> None:
        """Fails if a body with a wrong signature is accepted."""
        status = self.answer("POST", b"{}", {"X-Hub-Signature-256": f"sha256={'0' * 64}"})
        if status not in (401, 403):
            raise self.process.failure(f"answered {status} to a forged webhook")


@contextmanager
def serving(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, directory: Path, *, cwd: Path = ROOT
) -> Iterator[Server]:
    with running(name, command, environment, directory, cwd=cwd) as process:
        server = Server(port, process)
        server.wait_until_up()
        yield server


def clean_environment() -> dict[str, str]:
    """Ours, without what an operator may have set for another hub, and without what makes every start compile all modules again."""
    theirs = ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "WEB_CONCURRENCY", "BIND", "PROMETHEUS_MULTIPROC_DIR", "GUNICORN_CMD_ARGS")
    return {name: value for name, value in os.environ.items() if name not in (*theirs, "PYTHONDONTWRITEBYTECODE")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
