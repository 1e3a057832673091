"""A connection for one request, to an address that was checked, with a deadline and a limit of received bytes.

urllib3 is the library below `requests`, which the Graph client uses. Its connection lets this module open the socket itself, so
nothing looks the name up again. `requests` and urllib3's pools parse the URL once more and keep connections, which one request
does not need. An HTTP client that is not in use yet (httpx) would need the same socket code.

`cloud_api.graph.transport` keeps a time limit too. Its connections serve many calls, so the limit comes from a context variable,
and it does not limit bytes.
"""

import io
import socket
import ssl
import time
from typing import Any, cast

from urllib3.connection import HTTPConnection

from bots.web_requests.hosts import IPAddress

CONNECT_TIMEOUT = 4.0
"""Seconds for one address of a name. The next one gets what is left."""
MAX_HEADER_BYTES = 32 * 2**10


class LimitReached(Exception):
    """The server sent more bytes than allowed."""


class Deadline:
    """The time at which a request ends, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        """Returns the remaining seconds, more than 0. Raises TimeoutError if there are none."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until


class LimitedSocket:
    """A connected socket, plain or TLS. Each of its operations ends at the deadline, and it receives at most `bytes_left`."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self.deadline = deadline
        self.bytes_left = MAX_HEADER_BYTES
        self.has_ended = False
        """Whether a read found that the server sends no more."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        """Does nothing: the deadline applies."""

    def sendall(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            self._sock.settimeout(self.deadline.left())
            rest = rest[self._sock.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_LimitedReader(self, self._sock))


class _LimitedReader(io.RawIOBase):
    """The file from which http.client reads a response."""

    def __init__(self, limited: LimitedSocket, sock: socket.socket) -> None:
        self._limited = limited
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._limited.bytes_left <= 0:
            raise LimitReached
        self._sock.settimeout(self._limited.deadline.left())
        size = self._raw.readinto(memoryview(buffer)[: self._limited.bytes_left])
        self._limited.bytes_left -= size or 0
        self._limited.has_ended = not size
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class CheckedConnection(HTTPConnection):
    """A connection to `address`. With `tls`, the server must have a certificate for `host`, which may be a name or an address."""

    def __init__(self, address: IPAddress, port: int, *, host: str, tls: ssl.SSLContext | None, deadline: Deadline) -> None:
        super().__init__(str(address), port)
        self._address = address
        self._host_name = host
        self._tls = tls
        self._deadline = deadline

    def connect(self) -> None:
        sock = socket.socket(socket.AF_INET if self._address.version == 4 else socket.AF_INET6)
        try:
            sock.settimeout(min(CONNECT_TIMEOUT, self._deadline.left()))
            sock.connect((str(self._address), self.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                sock.settimeout(self._deadline.left())  # for the whole handshake
                sock = self._tls.wrap_socket(sock, server_hostname=self._host_name)
        except BaseException:
            sock.close()
            raise
        self.limited = LimitedSocket(sock, self._deadline)
        self.sock = cast(socket.socket, self.limited)
