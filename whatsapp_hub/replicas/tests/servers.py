"""Two throw-away servers of MariaDB or MySQL, a primary and its replica, and a web process of the hub on them."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import MySQLdb  # type: ignore[import-untyped]
import requests
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent.parent.parent
MARIADB = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
PATIENCE = 60.0
CSRF = "a" * 32


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until(condition: Callable[[], object]) -> None:
    """Waits until `condition` is true. An error of a server that is starting counts as false."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(requests.RequestException, MySQLdb.Error):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError(f"not within {PATIENCE:g} seconds")


class DatabaseServer(ABC):
    """A database server with its files in `directory`. `hub` may do everything there."""

    def __init__(self, directory: Path, server_id: int) -> None:
        self.directory, self.port, self.server_id = directory, free_port(), server_id

    @property
    @abstractmethod
    def socket(self) -> Path: ...

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def kill(self) -> None: ...

    @abstractmethod
    def replicate(self, primary: "DatabaseServer") -> None:
        """Lets it follow the primary."""

    def connect(self, user: str = "hub") -> Any:
        password = {"hub": "hub"}.get(user, "")
        at = {"unix_socket": str(self.socket)} if user == "root" else {"host": "127.0.0.1", "port": self.port}
        return MySQLdb.connect(user=user, password=password, autocommit=True, read_timeout=int(PATIENCE), **at)

    def run(self, statement: str, *, user: str = "root") -> Sequence[tuple[Any, ...]]:
        with contextlib.closing(self.connect(user)) as connection, contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(statement)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return rows

    @contextmanager
    def logged_tables(self) -> Iterator[list[str]]:
        """The tables that are read meanwhile, filled in at the end."""
        tables: list[str] = []
        self.run("TRUNCATE mysql.general_log")
        self.run("SET GLOBAL general_log = ON")
        yield tables
        self.run("SET GLOBAL general_log = OFF")
        rows = self.run(
            "SELECT argument FROM mysql.general_log WHERE command_type IN ('Query', 'Execute') AND user_host LIKE 'hub%'"
        )
        for (statement,) in rows:
            text = statement.decode() if isinstance(statement, bytes) else statement
            tables += re.findall(r"(?:FROM|JOIN) `(\w+)`", text)


class MariaDbServer(DatabaseServer):
    """Its directory is a copy of what mariadb-install-db has made."""

    @property
    def socket(self) -> Path:
        return self.directory.with_suffix(".sock")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(str(MARIADB), "--no-defaults", *_mariadb_user(), f"--datadir={self.directory}", f"--socket={self.socket}"),
                *(f"--port={self.port}", "--bind-address=127.0.0.1", f"--log-error={self.directory}.log"),
                *(f"--server-id={self.server_id}", f"--log-bin={self.directory}/binlog", "--character-set-server=utf8mb4"),
                # A killed server keeps what it has written, as its binary log does. With 0 it may have a position without its rows.
                *("--innodb-flush-log-at-trx-commit=2", "--log-output=TABLE", "--max-allowed-packet=64M"),
                f"--tmpdir={self.directory}",  # a server that starts removes the temporary tables of others in its tmpdir
            ]
        )
        until(lambda: self._process.poll() is not None or self.run("SELECT 1"))
        assert self._process.poll() is None, Path(f"{self.directory}.log").read_text()[-2000:]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)

    def replicate(self, primary: DatabaseServer) -> None:
        primary.run("CREATE USER hub@'127.0.0.1' IDENTIFIED BY 'hub'")
        primary.run("GRANT ALL ON *.* TO hub@'127.0.0.1'")
        self.run(
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {primary.port}, MASTER_USER = 'hub',"
            " MASTER_PASSWORD = 'hub', MASTER_USE_GTID = slave_pos"
        )
        self.run("START REPLICA")
        until(lambda: self.run("SELECT 1", user="hub"))


class MySqlServer(DatabaseServer):
    """A server of `script/start-mysql`, which creates the user and an empty database."""

    _pid = 0

    @property
    def socket(self) -> Path:
        return self.directory / "socket"

    def start(self) -> None:
        started = subprocess.run(
            [
                *(str(ROOT / "script" / "start-mysql"), str(self.port), f"--server-id={self.server_id}", "--log-output=TABLE"),
                *("--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"),
                # Several that commit in order lock each other out for a second when all tables are locked.
                "--replica-parallel-workers=1",
            ],
            env=os.environ | {"MYSQL_DATA": str(self.directory)},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pid = int(started.stdout.split()[1])

    def kill(self) -> None:
        if not self._has_ended():
            os.kill(self._pid, signal.SIGKILL)
            until(self._has_ended)

    def _has_ended(self) -> bool:
        return not self._pid or not Path(f"/proc/{self._pid}").exists()

    def replicate(self, primary: DatabaseServer) -> None:
        for each in (primary, self):
            each.run("RESET BINARY LOGS AND GTIDS")  # what start-mysql has made is on both
        self.run(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {primary.port}, SOURCE_USER = 'hub',"
            " SOURCE_PASSWORD = 'hub', SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"
        )
        self.run("START REPLICA")


@contextmanager
def replicated_servers(*, is_mariadb: bool) -> Iterator[tuple[DatabaseServer, DatabaseServer]]:
    """Starts a primary and a replica of it."""
    folder = Path(tempfile.mkdtemp(prefix="hub-replicas-", dir="/var/tmp"))
    try:
        if is_mariadb:
            _install_mariadb(folder)
        with _started(folder / "primary", 1, is_mariadb) as primary, _started(folder / "replica", 2, is_mariadb) as replica:
            replica.replicate(primary)
            yield primary, replica
    finally:
        shutil.rmtree(folder)


@contextmanager
def _started(directory: Path, server_id: int, is_mariadb: bool) -> Iterator[DatabaseServer]:
    server = MariaDbServer(directory, server_id) if is_mariadb else MySqlServer(directory, server_id)
    try:
        server.start()
        yield server
    finally:
        server.kill()  # its files are removed


def _install_mariadb(folder: Path) -> None:
    """Makes the files of two servers that are alike."""
    if os.getuid() == 0:
        shutil.chown(folder, "mysql")
    subprocess.run(
        [
            *("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"),
            *(*_mariadb_user(), f"--datadir={folder}/primary", f"--tmpdir={folder}"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,  # errors appear with the output of the test
    )
    subprocess.run(["/bin/cp", "-a", f"{folder}/primary", f"{folder}/replica"], check=True)


def _mariadb_user() -> list[str]:
    return ["--user=mysql"] if os.getuid() == 0 else []


class WebProcess:
    """A web process of a hub that reads from the replica."""

    def __init__(self, primary: DatabaseServer, replica: DatabaseServer, var_dir: Path) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.output = var_dir / "output"
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "VAR_DIR": str(var_dir),
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
            "DATABASE_URL": f"mysql://hub:hub@127.0.0.1:{primary.port}/hub",
            "DATABASE_REPLICA_URL": f"mysql://hub:hub@127.0.0.1:{replica.port}/hub",
            "SECRET_KEY": "test",
            "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "DEBUG": "on",  # pages do not need `collectstatic`
        }
        self.manage("prepare_database")
        with self.output.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"],
                env=self._environment,
                cwd=var_dir,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(lambda: requests.get(f"{self.address}/healthz", timeout=2).ok)

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        run = subprocess.run(command, env=self._environment, check=False, capture_output=True, text=True, timeout=300)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def execute(self, code: str) -> str:
        """Runs Python code in a process of the hub, and returns what it prints."""
        return self.manage("shell", "--verbosity=0", "--command", code)

    def results(self) -> dict[str, int]:
        """Returns how often requests were served in each way: `hub_replica_reads_total`."""
        text = requests.get(f"{self.address}/metrics", timeout=PATIENCE).text
        found = re.findall(r'^hub_replica_reads_total\{result="(\w+)"\} ([\d.]+)', text, re.M)
        return {result: int(float(count)) for result, count in found}

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
