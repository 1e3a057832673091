"""Reads JSON of a flow strictly: what Python's reader accepts and databases refuse is a problem here.

NaN, repeated keys, NUL characters, unpaired surrogates, numbers beyond 64 bits, and documents that are too large or nested too
deep are refused with a reason.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from bots.flows.problems import Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_INTEGER = 2**63 - 1

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class InvalidFlow(ValueError):
    """The document is not a flow. `problems` are the reasons, at least one."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.step}.{problem.field}: {problem.code}".lstrip(".: ") for problem in problems))
        self.problems = problems


def refuse(code: str, **values: object) -> NoReturn:
    raise InvalidFlow([Problem(code, values=values)])


def read_document(source: object) -> Any:
    """Returns the JSON value of a text, of bytes, or of an object that was read already. Raises InvalidFlow."""
    if isinstance(source, bytes):
        if len(source) > MAX_BYTES:
            refuse("too_large", limit=MAX_BYTES // 1024)
        try:
            source = source.decode("utf-8-sig")
        except UnicodeDecodeError:
            refuse("not_text")
    document = _read_text(source) if isinstance(source, str) else source
    _check_values(document)
    if not isinstance(source, str) and len(json.dumps(document, ensure_ascii=False).encode()) > MAX_BYTES:
        refuse("too_large", limit=MAX_BYTES // 1024)
    return document


def _read_text(text: str) -> Any:
    if len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        refuse("too_large", limit=MAX_BYTES // 1024)
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object, parse_constant=_refuse_number, parse_int=_integer)
    except RecursionError:
        refuse("too_deep", limit=MAX_DEPTH)
    except json.JSONDecodeError as failure:
        refuse("not_json", line=failure.lineno, column=failure.colno)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            refuse("repeated_key", key=_shown(key))
        found[key] = value
    return found


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= len(str(MAX_INTEGER)) + 1 else _refuse_number(digits)


def _refuse_number(constant: str) -> NoReturn:
    refuse("bad_number")


def _check_values(document: Any) -> None:
    """Checks depth, number and kind of all values. An object may come from a caller, so it may contain anything."""
    for count, (value, depth) in enumerate(_walk(document)):
        if count > MAX_BYTES:
            refuse("too_large", limit=MAX_BYTES // 1024)
        if depth > MAX_DEPTH:
            refuse("too_deep", limit=MAX_DEPTH)
        _check_value(value)


def _walk(document: Any) -> Iterator[tuple[Any, int]]:
    """Yields each value with its depth, without recursion."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        children: list[Any] = []
        if isinstance(value, dict):
            children = [*value.keys(), *value.values()]
        elif isinstance(value, list):
            children = value
        is_container = isinstance(value, dict | list)
        yield value, depth + is_container
        waiting += [(child, depth + is_container) for child in children]


def _check_value(value: Any) -> None:
    if value is None or isinstance(value, list | bool):
        return
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            refuse("bad_character")
    elif isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > MAX_INTEGER:
            refuse("bad_number")
    elif not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        refuse("not_a_flow")


def _shown(text: str) -> str:
    """Returns a key of a stranger's file as it may stand in a sentence."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:60])
