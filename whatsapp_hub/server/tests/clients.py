"""Clients that send or read slowly, over real sockets, and what the tests of the web server share."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import requests
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = 30.0
TINY = 2048
"""Bytes of a receive buffer: the window of a client that reads nearly nothing."""


def until(condition: Callable[[], object], timeout: float = TIMEOUT) -> None:
    """Waits until `condition` is true. A failed request counts as false."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(requests.RequestException):
            if condition():
                return
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout:g} seconds")


def head(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


class Client:
    """One connection to the server. The test decides what it sends and when it reads."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect(("127.0.0.1", port))

    def send(self, *pieces: bytes) -> "Client":
        """Sends what the server accepts. The server may have closed the connection."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(b"".join(pieces))
        return self

    def read_all(self) -> bytes:
        """Reads until the server closes or resets the connection, and closes this end too."""
        received = bytearray()
        with self.socket, contextlib.suppress(ConnectionError):
            while piece := self.socket.recv(65536):
                received += piece
        return bytes(received)

    def status(self) -> int:
        """Returns the status of the only response."""
        return int(self.read_all().split(b" ", 2)[1])

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def closing(clients: list[Client]) -> Iterator[list[Client]]:
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


class WebProcess:
    """gunicorn as in production, with one web process, on the database of the tests."""

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}"
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "VAR_DIR": str(var_dir),
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "SECRET_KEY": settings.SECRET_KEY,
            "SIMULATOR": "off",
            "ALLOWED_HOSTS": "127.0.0.1",
        }
        collect = [sys.executable, str(ROOT / "manage.py"), "collectstatic", "--noinput", "--verbosity=0"]
        subprocess.run(collect, env=environment, check=True, timeout=120)
        (var_dir / "static" / "large.bin").write_bytes(os.urandom(20 * 2**20))
        command = [sys.executable, "-m", "gunicorn", "-c", "python:whatsapp_hub.web"]
        self.process = subprocess.Popen(command, env=environment, cwd=ROOT)
        until(lambda: requests.get(f"{self.address}/accounts/login/", timeout=5).ok)

    def open_files(self, name: str) -> int:
        """Returns how many files of this name the web process has open."""
        master = self.process.pid
        worker = Path(f"/proc/{master}/task/{master}/children").read_text().split()[0]
        descriptors = list(Path(f"/proc/{worker}/fd").iterdir())
        paths = []
        for each in descriptors:
            with contextlib.suppress(FileNotFoundError):
                paths.append(each.readlink().name)
        return paths.count(name)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT)


def database_url() -> str:
    """Returns the URL of the database of the tests."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    password = f":{config['PASSWORD']}" if config["PASSWORD"] else ""
    return f"mysql://{config['USER']}{password}@{config['HOST']}:{config['PORT'] or 3306}/{config['NAME']}"


def seconds_of_others(address: str, path: str, *, at_once: int = 3) -> float:
    """Returns how long the slowest of `at_once` simultaneous requests takes."""
    seconds: list[float] = []

    def request() -> None:
        started = time.monotonic()
        assert requests.get(address + path, timeout=TIMEOUT).status_code == 200
        seconds.append(time.monotonic() - started)

    threads = [threading.Thread(target=request) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == len(threads)
    return max(seconds)
