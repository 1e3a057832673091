"""HTTP as the stand-in needs it, on top of ASGI: a request read whole, and an answer, which may be made to fail on its way."""

import ipaddress
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from email.message import Message as Headers
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Content = dict[str, Any]

MOST_JSON = 2**20
MOST_UPLOAD = 101 * 2**20
UPLOAD_MARK = "upload:"
"""How the id of an upload session begins."""
MOST_DISCARDED = 32 * 2**20
"""How much of a body that is too large is read and thrown away, so that its sender gets to see the answer."""


_HOST = re.compile(r"([0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class BodyTooLarge(Exception):
    pass


class ClientGone(Exception):
    pass


class Unreadable(ValueError):
    """The body is not what it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a multipart form."""

    content: bytes
    filename: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` is in its parts, decoded, `headers` are in lower case."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str:
        """The bearer token, or what an upload session calls OAuth; empty if there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in ("bearer", "oauth") else ""

    @property
    def base_url(self) -> str:
        """Where whoever asks reaches this server."""
        return f"http://{self.headers.get('host', '')}"

    def json(self) -> Content:
        """The object in the body, an empty one if there is no body. Raises Unreadable."""
        if not self.body:
            return {}
        try:
            content = json.loads(self.body, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            raise Unreadable("The body is not JSON.") from None
        if not isinstance(content, dict):
            raise Unreadable("The body is not a JSON object.")
        return content

    def form(self) -> dict[str, Part]:
        """The fields of a multipart form. Raises Unreadable."""
        headers = Headers()
        headers["Content-Type"] = self.headers.get("content-type", "")
        boundary = headers.get_param("boundary")
        if headers.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary.isascii():
            raise Unreadable("The body is not a multipart form.")
        _, *parts = (b"\r\n" + self.body).split(b"\r\n--" + boundary.encode())
        return dict(_part(each) for each in parts if not each.startswith(b"--"))


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(written)
    return value


def _part(written: bytes) -> tuple[str, Part]:
    heading, separator, content = written.partition(b"\r\n\r\n")
    headers = Headers()
    for line in heading.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip():
            headers[name.strip()] = value.strip()
    field_name = headers.get_param("name", header="Content-Disposition")
    if not separator or not isinstance(field_name, str):
        raise Unreadable("A part of the form has no name.")
    filename = (headers.get_filename() or "").replace("%22", '"')  # as clients write it (WHATWG HTML, multipart/form-data)
    return field_name, Part(content, filename, headers.get("Content-Type", ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `ending`: it arrives whole; breaks off after half of its body; or never comes."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Literal["whole", "half", "never"] = "whole"

    async def send(self, send: Send) -> None:
        headers = {"content-type": self.content_type, "content-length": str(len(self.body)), **self.headers}
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        if self.ending == "half":  # the server closes the connection of whoever leaves it at that
            await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        else:
            await send({"type": "http.response.body", "body": self.body})


def json_answer(content: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(content).encode(), headers=headers)


def is_addressed_here(scope: Scope) -> bool:
    """Whether the Host header is an IP address or localhost. A page of another site whose name was made to resolve to this machine
    (DNS rebinding) sends that name."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    name = urlsplit(f"//{hosts[0]}").hostname if len(hosts) == 1 and _HOST.fullmatch(hosts[0]) else None
    if not name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return True


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The whole request. Raises BodyTooLarge, ClientGone."""
    path = tuple(unquote(part) for part in scope["raw_path"].decode("latin-1").strip("/").split("/"))
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _body(receive, MOST_UPLOAD if path[-1] == "media" or path[-1].startswith(UPLOAD_MARK) else MOST_JSON)
    return Request(scope["method"], path, query, headers, body)


async def _body(receive: Receive, most: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        size += len(event.get("body", b""))
        if size <= most:
            chunks.append(event.get("body", b""))
        elif size > most + MOST_DISCARDED:
            raise BodyTooLarge
        if not event.get("more_body"):
            break
    if size > most:
        raise BodyTooLarge
    return b"".join(chunks)
