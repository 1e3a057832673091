"""A TCP proxy before the broker, which fails as networks and brokers do."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

CHUNK = 64 * 1024


class BrokerProxy:
    """Passes bytes on, unless it is `away` (refuses connections) or `silent` (accepts connections and bytes until the buffers are
    full, and passes nothing on, like a broker that blocks publishers)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5672)
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._passes = threading.Event()
        self._port = 0
        self.open()
        self.url = parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self._port}").geturl()

    def open(self) -> None:
        """Passes everything on."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()
        self._passes.set()

    def cut(self) -> None:
        """Closes all connections. New ones are accepted."""
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def away(self) -> None:
        """Closes all connections and refuses new ones."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def silent(self) -> None:
        """Passes nothing on. Connections stay open, and new ones are accepted."""
        self._passes.clear()

    def close(self) -> None:
        """Ends all threads."""
        self.away()
        self._passes.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=[source, target], daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while self._passes.wait() and (content := source.recv(CHUNK)):
                self._passes.wait()
                target.sendall(content)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def broker_proxy(url: str) -> Iterator[BrokerProxy]:
    proxy = BrokerProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
