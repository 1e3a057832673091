"""From the bytes of a body to plain values that every database can store."""

import json
import math
import re
from typing import Any

from cloud_api.payloads.items import UnreadableBody

DEEPEST = 24
"""Levels of nesting that are kept. MariaDB's JSON allows 32, MySQL's 100."""
LARGEST = 2**63 - 1
REPLACEMENT = "\ufffd"

_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def decode(body: bytes) -> Any:
    """Returns the JSON value of the body, safe to store. Raises UnreadableBody if it is not UTF-8, not JSON, or nested too
    deeply.

    Python's parser accepts what databases refuse. So NaN and infinities become None, NUL characters are removed, unpaired
    surrogates become U+FFFD, and numbers beyond 64 bits and values that are nested too deeply become strings.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise UnreadableBody(f"The body is not UTF-8 text: byte {failure.start}.") from failure
    if not text.strip():
        raise UnreadableBody("The body is empty.")
    try:
        value = _DECODER.decode(text)
        return clean(value) if _may_be_unclean(text) else value
    except RecursionError as failure:
        raise UnreadableBody("The body is nested too deep.") from failure
    except ValueError as failure:
        raise UnreadableBody(f"The body is not JSON: {failure}.") from failure


def _may_be_unclean(text: str) -> bool:
    """Returns whether the text may have something for `clean` to change. Most bodies have nothing, and this check costs less
    than cleaning."""
    return text.count("{") + text.count("[") > DEEPEST or _SUSPECT.search(text) is not None


def clean(value: Any, level: int = 0) -> Any:
    """Returns the value, safe to store. `level` is its depth in the body."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\0" not in value else _text(value)
    if kind is dict:
        if level >= DEEPEST:
            return _flat(value)
        return {clean(key): clean(each, level + 1) for key, each in value.items()}
    if kind is list:
        return [clean(each, level + 1) for each in value] if level < DEEPEST else _flat(value)
    return value


def _text(value: str) -> str:
    value = value.replace("\0", "")
    try:
        value.encode()
    except UnicodeEncodeError:
        return "".join(REPLACEMENT if "\ud800" <= letter <= "\udfff" else letter for letter in value)
    return value


def _flat(value: Any) -> str:
    try:
        return _text(json.dumps(value, ensure_ascii=False))
    except RecursionError:
        return "…"


def _number(digits: str) -> int | str:
    if len(digits) < 19:
        return int(digits)
    return digits if len(digits) > 20 or abs(int(digits)) > LARGEST else int(digits)


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _nothing(constant: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_constant=_nothing, parse_int=_number, parse_float=_finite)
