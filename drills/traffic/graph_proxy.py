"""A TCP proxy between the hub and the stand-in for Graph, which fails as networks do."""

import contextlib
import enum
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 64 * 1024
DRIP_SECONDS = 1.0
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset."""


class Fault(enum.Enum):
    """What happens to a connection. A reset or a break hits it when Graph responds, so Graph has got the request."""

    NONE = enum.auto()
    RESET = enum.auto()
    BREAK = enum.auto()
    """Closed in the middle of the response."""
    DRIP = enum.auto()
    """The response comes byte by byte, one a second."""


class GraphProxy:
    """Passes bytes on to `target`, a port of this machine, or fails."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.fault = Fault.NONE
        self.port = 0
        self.open()

    def open(self) -> None:
        """Accepts connections."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def refuse(self) -> None:
        """Closes all connections and refuses new ones."""
        listener, self._listener = self._listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        sockets, self._sockets = self._sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Passes everything on again."""
        self.fault = Fault.NONE
        self.open()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._sockets += [client, server]
            threading.Thread(target=self._copy, args=[client, server], daemon=True).start()
            threading.Thread(target=self._copy_response, args=[server, client], daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := source.recv(CHUNK):
                target.sendall(content)
        _end(target)

    def _copy_response(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := server.recv(CHUNK):
                if not self._pass_on(content, client):
                    break
        for each in (server, client):
            _end(each)
            each.close()

    def _pass_on(self, content: bytes, client: socket.socket) -> bool:
        """Returns whether the connection goes on."""
        match self.fault:
            case Fault.NONE:
                client.sendall(content)
                return True
            case Fault.RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.shutdown(socket.SHUT_RD)  # ends the other thread's wait: a socket that is read from is not closed
                client.close()
            case Fault.BREAK:
                client.sendall(content[: len(content) // 2])
            case Fault.DRIP:
                for index in range(len(content)):
                    client.sendall(content[index : index + 1])
                    time.sleep(DRIP_SECONDS)
        return False


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@contextmanager
def graph_proxy(target: int) -> Iterator[GraphProxy]:
    proxy = GraphProxy(target)
    try:
        yield proxy
    finally:
        proxy.refuse()
