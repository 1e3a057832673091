"""The rivals as servers, each with as many processes as it is given."""

import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from cryptography.fernet import Fernet

from benchmarks.environment.processes import ROOT, Server, clean_environment, free_port, serving
from benchmarks.figures import say

ENVIRONMENT = ROOT / "var" / "benchmarks" / "environment"
REQUIREMENTS = Path(__file__).parent.parent / "requirements.txt"
THREADS = 8


def plain_django(directory: Path, *, processes: int) -> AbstractContextManager[Server]:
    return _django("plain_django", directory, processes, {})


def inserting_django(directory: Path, *, processes: int, url: str) -> AbstractContextManager[Server]:
    """Starts it with the database at `url`. It gets the settings from the environment, like the hub."""
    secrets = {"SECRET_KEY": "unused", "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    return _django("inserting_django", directory, processes, {"DATABASE_URL": url, "VAR_DIR": str(directory)} | secrets)


def _django(module: str, directory: Path, processes: int, environment: dict[str, str]) -> AbstractContextManager[Server]:
    port = free_port()
    options = ["--worker-class=gthread", f"--workers={processes}", f"--threads={THREADS}", "--keep-alive=75", "--log-level=warning"]
    command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", *options, f"benchmarks.rivals.{module}:application"]
    return serving(module, command, clean_environment() | environment, port, directory)


def pywa(directory: Path, *, processes: int) -> AbstractContextManager[Server]:
    """Made on first use, in an environment of its own."""
    port = free_port()
    options = [f"--workers={processes}", "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning"]
    command = [_rivals_python(), "-m", "uvicorn", f"--port={port}", *options, "benchmarks.rivals.pywa_app:app"]
    return serving("pywa", command, clean_environment(), port, directory)


def _rivals_python() -> str:
    python, installed = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if not installed.exists() or installed.read_text() != wanted:
        say("installing what the hub is compared to (once)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True, timeout=120)
        pip = [str(python), "-m", "pip", "-qq", "--disable-pip-version-check", "install", f"--requirement={REQUIREMENTS}"]
        subprocess.run(pip, check=True, stdout=sys.stderr, timeout=900)
        installed.write_text(wanted)
    return str(python)
