"""Sends as many requests as a server accepts, with wrk, which uses little of the two cores that it shares with the servers."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Failed, say
from benchmarks.load.bodies import PATH

THREADS = 2
SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Outcome:
    """Responses of a run, all with 200. Percentiles in milliseconds, of a load that waits for each response."""

    completed: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        return self.completed / self.seconds


def install() -> None:
    """Installs wrk from Debian's packages if it is missing. Raises Failed if that is not possible."""
    if shutil.which("wrk"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failed("wrk is missing; install it: sudo apt-get install wrk")
    say("installing wrk")
    subprocess.run(["apt-get", "install", "-y", "-q", "wrk"], check=True, stdout=subprocess.DEVNULL)


def write_requests(directory: Path, requests: Sequence[bytes]) -> None:
    """Writes the files that wrk.lua reads, one for each thread."""
    directory.mkdir(parents=True, exist_ok=True)
    for slice in range(THREADS):
        with (directory / f"requests-{slice}").open("wb") as file:
            file.writelines(b"%d\n%b" % (len(request), request) for request in requests[slice::THREADS])
    os.sync()  # now, and not during a measurement


def run(port: int, directory: Path, *, connections: int, seconds: float, start: float) -> Outcome:
    """Keeps every connection busy for `seconds`, beginning at the fraction `start` (0 to 1) of the files. Raises Failed unless
    every response was 200."""
    command = ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT)]
    target = [f"http://127.0.0.1:{port}{PATH}", "--", str(directory), str(start)]
    result = subprocess.run([*command, *target], capture_output=True, text=True, timeout=seconds + 60, check=False)
    if result.returncode:
        raise Failed(f"wrk failed: {result.stdout}{result.stderr}")
    report = json.loads(result.stdout.strip().splitlines()[-1])
    refused, broken = report.pop("refused"), report.pop("broken")
    if refused or broken or not report["completed"]:
        raise Failed(f"{report['completed']} responses, of which {refused} were not 200; {broken} connections broke")
    return Outcome(**report)
