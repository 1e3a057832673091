"""A MariaDB server of its own, which drills kill, fill and start again."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.environment.databases import Database, mariadb
from benchmarks.environment.processes import PATIENCE_TO_START, Process, clean_environment, free_port, running
from benchmarks.figures import Failed
from drills.environment.services import Service

DATABASE = "hub_drills"
OPTIONS = (
    *("--innodb-buffer-pool-size=256M", "--innodb-log-file-size=64M", "--max-connections=200", "--skip-log-bin"),
    "--innodb-lock-wait-timeout=2",
)
"""Commits reach the disk as by default (innodb_flush_log_at_trx_commit = 1)."""


class MariaDbServer:
    """A server in `directory`, on a port of this machine."""

    def __init__(self, directory: Path, *, options: Sequence[str] = ()) -> None:
        self._directory = directory
        self._files = directory / "files"
        self._options = [*OPTIONS, *options]
        self.port = free_port()
        self.service = Service(self._run)

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}"

    def create(self) -> None:
        """Creates the data directory and starts the server."""
        command = ["mariadb-install-db", *self._common(), "--auth-root-authentication-method=normal", "--skip-test-db"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise Failed(f"mariadb-install-db failed (Debian: apt-get install mariadb-server):\n{result.stdout}{result.stderr}")
        self.service.start()

    def database(self, name: str = DATABASE) -> AbstractContextManager[Database]:
        """A database of this server, which stays as long as the server's files."""
        return mariadb(self.url, keep=name)

    def _common(self) -> list[str]:
        user = [f"--user={'root' if os.getuid() == 0 else os.environ.get('USER', 'mysql')}"]
        # A server that starts removes the temporary tables of others in its tmpdir.
        return ["--no-defaults", f"--datadir={self._files}", f"--tmpdir={self._directory}", *user, *self._options]

    @contextmanager
    def _run(self) -> Iterator[Process]:
        place = [f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self._directory / 's'}"]
        command = ["mariadbd", *self._common(), *place, f"--pid-file={self._directory / 'pid'}"]
        with running("mariadbd", command, clean_environment(), self._directory) as process:
            self._wait_until_up(process)
            yield process

    def _wait_until_up(self, process: Process) -> None:
        until = time.monotonic() + PATIENCE_TO_START
        ping = ["mariadb-admin", "--no-defaults", "--host=127.0.0.1", f"--port={self.port}", "--user=root", "ping"]
        while subprocess.run(ping, capture_output=True, check=False).returncode:
            if process.has_ended or time.monotonic() > until:
                raise process.failure("does not answer")
            time.sleep(0.2)
