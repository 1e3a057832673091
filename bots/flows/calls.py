"""Web calls of a flow: the request with values for its placeholders, and the values that a response contains."""

import json
import string
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from bots.flows.answer_values import MAX_VALUE, plain_number
from bots.flows.texts import cut, fill
from cloud_api.payloads import UnreadableBody
from cloud_api.payloads.json_values import decode

ValueOf = Callable[[str], str]

MAX_URL_VALUE = 200
"""Characters of one value in a URL."""
_MISSING = object()


def filled_url(url: str, value_of: ValueOf) -> str:
    """Returns the URL. Values are encoded, so that they cannot change its host, path or query."""
    return fill(url, lambda name: _url_part(value_of(name)))


def _url_part(value: str) -> str:
    """Returns the encoded value. Dots alone would mean a folder above."""
    return quote(cut(value, MAX_URL_VALUE), safe="") if value.strip(".") else ""


def filled_headers(headers: Mapping[str, str], value_of: ValueOf) -> dict[str, str]:
    """Returns the headers. What is not ASCII, such as the line breaks that would begin another header, is percent-encoded."""
    return {name: quote(fill(text, value_of), safe=string.punctuation + " ") for name, text in headers.items()}


def filled_body(body: Any, value_of: ValueOf) -> Any:
    """Returns the JSON value with values in all its strings, but not in its keys."""
    if isinstance(body, str):
        return fill(body, value_of)
    if isinstance(body, Mapping):
        return {key: filled_body(each, value_of) for key, each in body.items()}
    if isinstance(body, list):
        return [filled_body(each, value_of) for each in body]
    return body


def saved_values(step: Mapping[str, Any], body: Any) -> dict[str, str] | None:
    """Returns the variables that a call step saves from a response: bytes, or a JSON value. A path that leads nowhere gives an
    empty value. None if the step saves something and the response is not JSON."""
    saved: Sequence[Mapping[str, str]] = step.get("save", ())
    if not saved:
        return {}
    if isinstance(body, bytes | bytearray):
        try:
            body = decode(bytes(body))
        except UnreadableBody:
            return None
    if not isinstance(body, Mapping | list):
        return None
    return {each["variable"]: _as_text(found_at(body, each["path"])) for each in saved}


def has_path(body: Any, path: str) -> bool:
    return found_at(body, path) is not _MISSING


def found_at(body: Any, path: str) -> Any:
    """Returns the value at a path such as `orders.0.status`."""
    for part in path.split("."):
        if isinstance(body, Mapping):
            body = body.get(part, _MISSING)
        elif isinstance(body, list) and part.isascii() and part.isdigit() and len(part) < 6 and int(part) < len(body):
            body = body[int(part)]
        else:
            return _MISSING
    return body


def _as_text(value: Any) -> str:
    if value is None or value is _MISSING:
        return ""
    if isinstance(value, str):
        return value[:MAX_VALUE]
    if isinstance(value, float):
        return plain_number(Decimal(str(value)))[:MAX_VALUE]
    return json.dumps(value, ensure_ascii=False)[:MAX_VALUE]
