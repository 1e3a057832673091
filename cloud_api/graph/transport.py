"""HTTP with one time limit for a whole call. The time-out of urllib3 applies to each read, so a server that sends one byte at a
time never exceeds it.

A context variable passes the call's limit to the sockets: each operation of a socket lasts at most as long as the call may. Two
things are outside the limit: the DNS lookup, and a host with several addresses, each of which is tried for up to
CONNECT_TIMEOUT.
"""

import io
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

T = TypeVar("T")

CONNECT_TIMEOUT = 4.0
CHUNK = 64 * 2**10
HEADERS = {"User-Agent": "whatsapp-hub", "Accept-Encoding": "identity"}

FAILURES = (HTTPError, HTTPException, OSError, ValueError)
"""Exceptions of the layers below. OSError comes from sockets and TLS, ValueError from impossible URLs and headers."""


class NoResponse(Exception):
    """No response says what happened to the request. The message has no secrets."""

    def __init__(self, seen: str, *, may_have_left: bool, http_status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(seen)
        self.may_have_left = may_have_left
        """False: the server surely did not receive the request."""
        self.http_status = http_status
        self.retry_after = retry_after


@dataclass(slots=True)
class Call:
    """A call in progress. `until` is by the monotonic clock."""

    until: float
    rest: float
    """Seconds for which a connection may be idle and still be used. A server closes idle connections, and if that happens while
    a message is sent, the outcome is unknown."""
    may_have_left: bool = False
    """Whether the server may have received a byte of a request."""

    def left(self) -> float:
        """Returns the remaining seconds, more than 0. Raises TimeoutError if there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


_call: ContextVar[Call] = ContextVar("graph_call")


@contextmanager
def time_limit(seconds: float, *, rest: float) -> Iterator[None]:
    """Limits the time of all exchanges inside, together, to `seconds`. After that they raise NoResponse. For `rest` see Call."""
    before = _call.set(Call(time.monotonic() + seconds, rest))
    try:
        yield
    finally:
        _call.reset(before)


def chunks(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """Yields the response's body as it was transferred, not decoded. Raises NoResponse."""
    while chunk := _guarded(lambda: answer.read(CHUNK)):
        yield chunk


def _guarded(step: Callable[[], T]) -> T:
    """Raises NoResponse instead of exceptions of the layers below, which contain URL, token and body. It is raised after they are
    gone, so that they are not its context."""
    try:
        return step()
    except FAILURES as failure:
        seen = _first_cause(failure)
    raise NoResponse(seen, may_have_left=_call.get().may_have_left)


def _first_cause(failure: BaseException) -> str:
    while isinstance(failure.__context__, FAILURES):
        failure = failure.__context__
    return type(failure).__name__


class _TimedSocket:
    """A connected socket, plain or TLS, whose operations end with the current call."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.used = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        """Does nothing: the limit of the call applies."""

    def sendall(self, content: bytes) -> None:
        call, rest = _call.get(), memoryview(content)
        while rest:
            self._sock.settimeout(call.left())
            call.may_have_left = True
            rest = rest[self._sock.send(rest) :]
        self.used = time.monotonic()

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self, self._sock))


class _TimedReader(io.RawIOBase):
    """The file from which http.client reads a response."""

    def __init__(self, timed: _TimedSocket, sock: socket.socket) -> None:
        self._timed = timed
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_call.get().left())
        size = self._raw.readinto(buffer)
        self._timed.used = time.monotonic()
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection(HTTPConnection):
    def connect(self) -> None:
        self.timeout = min(CONNECT_TIMEOUT, _call.get().left())
        super().connect()
        self.sock = cast(socket.socket, _TimedSocket(self.sock))

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        sock.settimeout(_call.get().left())  # for the whole TLS handshake
        return sock

    @property
    def is_connected(self) -> bool:
        return super().is_connected and time.monotonic() - cast(_TimedSocket, self.sock).used <= _call.get().rest


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Connections:
    """Connections that threads may share, up to `kept` of which stay open for each host. They keep the limit of the current call,
    and do not work outside of one. They have no cookies, ignore the environment, follow no redirects and retry nothing. `ca_certs`
    is a file of certificates to trust, Mozilla's by default."""

    def __init__(self, *, kept: int = 64, ca_certs: str | None = None) -> None:
        context = create_urllib3_context()  # one for all connections: reading the certificates takes 30 ms
        context.load_verify_locations(ca_certs or certifi.where())
        self._pools = PoolManager(maxsize=kept, ssl_context=context)
        self._pools.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._pools.clear()

    def open_response(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None = None
    ) -> BaseHTTPResponse:
        """Makes a request and returns the response when its headers have arrived. The body is still to be read. Raises
        NoResponse."""
        request = partial(self._pools.urlopen, method, url, headers={**HEADERS, **headers}, body=body)
        return _guarded(partial(request, redirect=False, retries=False, preload_content=False, decode_content=False))
