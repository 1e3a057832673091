"""HTTP with one limit of time over a whole call. The time-out of `requests` is for each read, and a server that drips a byte at a
time never meets it.

A call's limit is known to the sockets by way of a context variable: each wait on a socket lasts at most what the call has left. Two
things are outside of it: the look-up of the host's name, and a host of several addresses, each of which is tried for up to
CONNECT_PATIENCE.
"""

import io
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

T = TypeVar("T")

CONNECT_PATIENCE = 4.0


CHUNK = 64 * 2**10

FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)
"""What the layers below may raise: OSError is the socket's and TLS's, ValueError comes of impossible addresses and headers."""


class Broken(Exception):
    """No answer came that says what became of the request. The message tells what was seen, and holds nothing secret."""

    def __init__(self, seen: str, *, may_have_left: bool, http_status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(seen)
        self.may_have_left = may_have_left
        """False: the server surely has not got the request."""
        self.http_status = http_status
        self.retry_after = retry_after


@dataclass(slots=True)
class Call:
    """A call under way; `until` is by the monotonic clock."""

    until: float
    rest: float
    """Seconds a connection may have been idle and still be used again. Servers close idle ones, and a message that crosses with
    that would be neither surely sent nor surely not."""
    may_have_left: bool = False
    """Whether a byte of a request may be with the server."""

    def left(self) -> float:
        """Seconds, more than none; TimeoutError after the last."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


_call: ContextVar[Call] = ContextVar("graph_call")


@contextmanager
def within(seconds: float, *, rest: float) -> Iterator[None]:
    """All exchanges inside, together, take no longer than that; who waits longer gets Broken. For `rest` see Call."""
    before = _call.set(Call(time.monotonic() + seconds, rest))
    try:
        yield
    finally:
        _call.reset(before)


def open_answer(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    """Ask, and give the answer once its headers are there; its body is still to be read. Raises Broken."""
    return _guarded(lambda: session.request(method, url, stream=True, allow_redirects=False, **options))


def chunks(answer: requests.Response) -> Iterator[bytes]:
    """The answer's body as it travels, not decoded. Raises Broken."""
    while chunk := _guarded(lambda: answer.raw.read(CHUNK, decode_content=False)):
        yield chunk


def _guarded(step: Callable[[], T]) -> T:
    """Broken in place of whatever failed below: those exceptions hold the address, the token and the body. It is raised after they
    are gone, so that they are not its context either."""
    try:
        return step()
    except FAILURES as failure:
        seen = _first_cause(failure)
    raise Broken(seen, may_have_left=_call.get().may_have_left)


def _first_cause(failure: BaseException) -> str:
    while isinstance(failure.__context__, FAILURES):
        failure = failure.__context__
    return type(failure).__name__


class _TimedSocket:
    """A connected socket, plain or TLS, whose operations end with the call under way."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.used = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        """The call knows better."""

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
    """What http.client reads a response from."""

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
        self.timeout = min(CONNECT_PATIENCE, _call.get().left())
        super().connect()
        self.sock = cast(socket.socket, _TimedSocket(self.sock))

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        sock.settimeout(_call.get().left())  # for the handshake of TLS, the whole of it
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


class TimedAdapter(HTTPAdapter):
    """Keeps to the limit of the call under way, without which it does nothing."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def make_session(*, connections: int = 64) -> requests.Session:
    """A session that threads share, for Graph alone: so many connections are kept, and no cookies; nothing is taken from the
    environment, nothing followed, nothing tried twice."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "whatsapp-hub", "Accept-Encoding": "identity"})
    for scheme in ("http://", "https://"):
        session.mount(scheme, TimedAdapter(pool_maxsize=connections))
    return session
