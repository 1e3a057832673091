"""One request and its response on a connection, within limits of size."""

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPException

from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from bots.web_requests.addresses import Destination
from bots.web_requests.connections import CheckedConnection, Deadline, LimitReached
from bots.web_requests.errors import Failure, RequestFailed

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
DEFAULT_TIMEOUT = 10.0
MAX_TIMEOUT = 600.0
MAX_BODY_BYTES = 64 * 2**10
MAX_TRANSFERRED_BYTES = 8 * MAX_BODY_BYTES
"""Of a body with the sizes of its chunks. A server that sends one byte in each chunk transfers six for it."""
CHUNK = 16 * 2**10
REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_CONNECTION_HEADERS = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect"),
        *("accept-encoding", "proxy-authorization", "proxy-connection"),
    }
)
"""Headers about the connection and the form of the body, which the hub sets."""


@dataclass(frozen=True, slots=True)
class Request:
    """`timeout` is in seconds, from the lookup of the name to the last byte of the response, with all redirects. A header's value
    is sent in UTF-8.

    Without `follows_redirects`, a redirect is the response. With `cuts_body`, a body that is too large is cut instead of refused.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout: float = DEFAULT_TIMEOUT
    follows_redirects: bool = True
    cuts_body: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """Names of headers are in lower case. The body of a redirect is not read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def location(self) -> str | None:
        """Where a redirect leads, as the server wrote it."""
        return self.headers.get("location") if self.status in REDIRECTS else None


def check_request(request: Request) -> None:
    """Raises RequestFailed if the method, a header or the timeout is not allowed."""
    if request.method not in METHODS or not 0 < request.timeout <= MAX_TIMEOUT:
        raise RequestFailed(Failure.REQUEST)
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _CONNECTION_HEADERS or _NO_VALUE.search(value):
            raise RequestFailed(Failure.REQUEST)


def exchange(connection: CheckedConnection, request: Request, destination: Destination, deadline: Deadline) -> Response:
    """Sends the request on an open connection, returns the response and closes the connection. Raises RequestFailed."""
    try:
        with closing(connection):
            return _receive(connection, request, destination)
    except LimitReached:
        failure = Failure.SIZE
    except (HTTPError, HTTPException, OSError, ValueError):  # they contain URL, headers and addresses
        failure = Failure.TIMEOUT if deadline.is_over else Failure.RESPONSE
    raise RequestFailed(failure)


def _receive(connection: CheckedConnection, request: Request, destination: Destination) -> Response:
    with suppress(BrokenPipeError, ConnectionResetError):  # a server may refuse a request before it has read all of it
        connection.request(
            request.method,
            destination.target,
            body=request.body or None,
            headers=_sent_headers(request, destination),
            preload_content=False,
            decode_content=False,
        )
    with closing(connection.getresponse()) as received:
        headers = {name.lower(): value for name, value in received.headers.items()}
        response = Response(received.status, headers, b"")
        if connection.limited.has_ended:  # within the headers: http.client takes what it has for all of them
            raise RequestFailed(Failure.RESPONSE)
        _check_headers(response, cuts_body=request.cuts_body)
        if response.location is not None:
            return response
        connection.limited.bytes_left = MAX_TRANSFERRED_BYTES
        return Response(response.status, headers, _read_body(received, cuts=request.cuts_body))


def _sent_headers(request: Request, destination: Destination) -> dict[str, str]:
    # http.client encodes in Latin-1.
    given = {name: value.encode().decode("latin-1") for name, value in request.headers.items()}
    own = {"Host": destination.authority, "Accept-Encoding": "identity", "Connection": "close"}
    return {"User-Agent": "whatsapp-hub", **given, **own}


def _check_headers(response: Response, *, cuts_body: bool) -> None:
    """Raises RequestFailed if the body must not be read: decompressing it could take any amount of memory."""
    if response.status < 200:
        raise RequestFailed(Failure.RESPONSE)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise RequestFailed(Failure.ENCODING)
    transfer = response.headers.get("transfer-encoding", "chunked").strip().lower()
    if transfer != "chunked":
        raise RequestFailed(Failure.ENCODING)
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES and not cuts_body:
        raise RequestFailed(Failure.SIZE)


def _read_body(received: HTTPResponse, *, cuts: bool) -> bytes:
    body = bytearray()
    while chunk := received.read(CHUNK, decode_content=False):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            if not cuts:
                raise LimitReached
            break
    return bytes(body[:MAX_BODY_BYTES])
