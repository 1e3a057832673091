"""Makes the web calls that an administrator lets a model make."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from bots.ai.questions import Dialogue
from bots.ai.settings import Tool
from bots.flows.calls import filled_body, filled_headers, filled_url
from bots.flows.texts import cut, fill, names_in
from bots.web_requests.addresses import parse_destination
from bots.web_requests.errors import RefusedAddress, RequestFailed
from bots.web_requests.requests import Request, send_request

CALLS = uuid.UUID("5d3c1a8e-0b7f-4f0c-9c39-4a2d0e9f6b21")
"""Namespace of the keys that tell a server that a call is repeated."""
MAX_RESULT = 4_000
"""Characters of a response that the model reads."""
MAX_SECONDS = 10.0
MIN_SECRET = 8
"""Shorter values of headers are no secrets but words."""
PUBLIC_HEADERS = frozenset({"accept", "accept-language", "content-type", "user-agent"})


def call_web_tool(tool: Tool, arguments: Mapping[str, str], dialogue: Dialogue, *, position: int, seconds: float) -> str:
    """Makes a web call and returns what the model gets: the response, or why there is none. `position` counts the web calls of
    the dialogue. After a kill the same call has the same `Idempotency-Key`."""

    def value_of(name: str) -> str:
        return arguments.get(name, "")

    if problem := _problem_in_url(tool, arguments):
        return f"Error: {problem}"
    if dialogue.uses_examples:
        return cut(tool.example, MAX_RESULT)
    url = filled_url(tool.url, value_of)
    written = b""
    if tool.body is not None:
        written = json.dumps(filled_body(tool.body, value_of), ensure_ascii=False).encode(errors="replace")
    key = uuid.uuid5(uuid.uuid5(CALLS, dialogue.key.hex), f"{position} {tool.method} {url} {written.decode()}")
    headers = {"Idempotency-Key": str(key), **filled_headers(tool.headers, value_of)}
    if written:
        headers = {"Content-Type": "application/json", **headers}
    request = Request(method=tool.method, url=url, headers=headers, body=written, timeout=min(MAX_SECONDS, seconds))
    try:
        response = send_request(request, allowed=dialogue.endpoint.allowed)
    except (RefusedAddress, RequestFailed) as error:
        return f"Error: the call failed: {error.code}."
    body = response.body.decode(errors="replace").replace("\x00", "")
    return cut(f"HTTP status {response.status}\n{_without_secrets(body, tool.headers)}", MAX_RESULT)


def _problem_in_url(tool: Tool, arguments: Mapping[str, str]) -> str:
    """Returns why the values may not stand in the URL of the tool. They are encoded anyway, but a server may decode them before it
    looks for the path."""
    path, _, _query = tool.url.partition("?")
    for name in names_in(path):
        value = arguments.get(name, "")
        if any(part in value for part in ("/", "\\", "..")) or not value.isprintable():
            return f"{name} must be a plain value, without slashes and dots that lead elsewhere."
    try:
        intended = parse_destination(filled_url(tool.url, lambda _name: "1"))
        found = parse_destination(filled_url(tool.url, lambda name: arguments.get(name, "")))
    except RefusedAddress:
        return "the address of this call is not valid with these values."
    return "" if found.origin == intended.origin else "the values must not change the server."


def _without_secrets(body: str, headers: Mapping[str, str]) -> str:
    """Returns the response without what the headers of the tool contain: a server may repeat them, and customers must not get them
    from the model. What the model itself has filled in stays."""
    found = {each for secret in _secrets_in(headers) for each in (secret, secret.replace("/", "\\/"), quote(secret, safe=""))}
    for secret in sorted(found, key=len, reverse=True):
        body = body.replace(secret, "…")
    return body


def _secrets_in(headers: Mapping[str, str]) -> Iterator[str]:
    for name, value in headers.items():
        if name.lower() in PUBLIC_HEADERS:
            continue
        for fixed in fill(value, lambda _name: "\n").split("\n"):
            yield from (each for each in (fixed.strip(), *re.split(r"[\s;,=]+", fixed)) if len(each) >= MIN_SECRET)
