"""HTTP on top of ASGI: reads whole requests, and sends responses, which can be broken on purpose.

Written by hand: Starlette's responses cannot break off, its forms need a further package, and the hub would install both for the
simulator alone.
"""

import ipaddress
import json
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.message import Message as Headers
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope

Content = dict[str, Any]

MAX_JSON = 2**20
MAX_UPLOAD = 101 * 2**20
UPLOAD_PREFIX = "upload:"
"""Prefix of the id of an upload session."""
MAX_DISCARDED = 32 * 2**20
"""Bytes of a body that is too large which are read and discarded, so that the client receives the response."""


_HOST = re.compile(r"([0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class BodyTooLarge(Exception):
    pass


class UnreadableBody(ValueError):
    """The body is not in the required format. The text explains why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a multipart form."""

    content: bytes
    filename: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request. `path` has its decoded parts, and the names in `headers` are in lower case."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def token(self) -> str:
        """The bearer token, or the OAuth token of an upload session. Empty if there is none."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() in ("bearer", "oauth") else ""

    @property
    def base_url(self) -> str:
        """The URL by which the client reaches this server."""
        return f"http://{self.headers.get('host', '')}"

    def json(self) -> Content:
        """Returns the object in the body, or an empty one without a body. Raises UnreadableBody."""
        if not self.body:
            return {}
        try:
            content = json.loads(self.body, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            raise UnreadableBody("The body is not JSON.") from None
        if not isinstance(content, dict):
            raise UnreadableBody("The body is not a JSON object.")
        return content

    def form(self) -> dict[str, Part]:
        """Returns the fields of a multipart form. Raises UnreadableBody."""
        headers = Headers()
        headers["Content-Type"] = self.headers.get("content-type", "")
        boundary = headers.get_param("boundary")
        if headers.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary.isascii():
            raise UnreadableBody("The body is not a multipart form.")
        _, *parts = (b"\r\n" + self.body).split(b"\r\n--" + boundary.encode())
        return dict(_part(each) for each in parts if not each.startswith(b"--"))


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _finite(content_text: str) -> float:
    value = float(content_text)
    if not math.isfinite(value):
        raise ValueError(content_text)
    return value


def _part(content_text: bytes) -> tuple[str, Part]:
    heading, separator, content = content_text.partition(b"\r\n\r\n")
    headers = Headers()
    for line in heading.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip():
            headers[name.strip()] = value.strip()
    field_name = headers.get_param("name", header="Content-Disposition")
    if not separator or not isinstance(field_name, str):
        raise UnreadableBody("A part of the form has no name.")
    filename = (headers.get_filename() or "").replace("%22", '"')  # as clients write it (WHATWG HTML, multipart/form-data)
    return field_name, Part(content, filename, headers.get("Content-Type", ""))


@dataclass(frozen=True, slots=True)
class Response:
    """A response. `ending`: it is sent whole, breaks off after half of its body, or is never sent."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: Literal["whole", "half", "never"] = "whole"

    async def send(self, send: ASGISendCallable) -> None:
        headers = {"content-type": self.content_type, "content-length": str(len(self.body)), **self.headers}
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw, "trailers": False})
        if self.ending == "half":  # the server closes the connection if the body is incomplete
            await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})
        else:
            await send({"type": "http.response.body", "body": self.body, "more_body": False})


@dataclass(frozen=True, slots=True)
class StreamedResponse:
    """A response of status 200 whose body is sent in parts, perhaps for ever."""

    parts: AsyncIterator[bytes]
    content_type: str

    async def send(self, send: ASGISendCallable) -> None:
        headers = [(b"content-type", self.content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
        async for part in self.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def json_response(content: Any, status: int = 200, **headers: str) -> Response:
    return Response(status, json.dumps(content).encode(), headers=headers)


def is_addressed_here(scope: HTTPScope) -> bool:
    """Whether the Host header is an IP address or localhost. A page whose host name resolves to this machine (DNS rebinding) sends
    that name instead."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    name = urlsplit(f"//{hosts[0]}").hostname if len(hosts) == 1 and _HOST.fullmatch(hosts[0]) else None
    if not name:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
    return True


async def read_request(scope: HTTPScope, receive: ASGIReceiveCallable) -> Request | None:
    """Returns the whole request, or None if the client disconnects. Raises BodyTooLarge."""
    path = tuple(unquote(part) for part in scope["raw_path"].decode("latin-1").strip("/").split("/"))
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    body = await _read_body(receive, MAX_UPLOAD if path[-1] == "media" or path[-1].startswith(UPLOAD_PREFIX) else MAX_JSON)
    return None if body is None else Request(scope["method"], path, query, headers, body)


async def _read_body(receive: ASGIReceiveCallable, max_size: int) -> bytes | None:
    """None if the client disconnects."""
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        size += len(event["body"])
        if size <= max_size:
            chunks.append(event["body"])
        elif size > max_size + MAX_DISCARDED:
            raise BodyTooLarge
        if not event["more_body"]:
            break
    if size > max_size:
        raise BodyTooLarge
    return b"".join(chunks)
