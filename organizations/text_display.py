"""Text and JSON of others, shown so that nothing is lost or made up."""

import json
from typing import Any


def printable(text: str) -> str:
    """Text as it stands, whatever it holds: what UTF-8 cannot carry is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def parse_exact_json(text: str) -> Any:
    """The value of a JSON text; ValueError where printing it anew would tell something else, as with a repeated key."""
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_same_float)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is given twice")
    return value


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _same_float(text: str) -> float:
    value = float(text)
    if repr(value) != text:
        raise ValueError(f"{text} would change")
    return value


def indent_json(text: str, *, longest: int) -> str:
    """A JSON text, indented. ValueError or RecursionError where that would tell something else, or where it becomes longer than so
    many letters: deep nesting makes much of little."""
    parts: list[str] = []
    length = 0
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(parse_exact_json(text)):
        parts.append(part)
        length += len(part)
        if length > longest:
            raise ValueError("too long")
    return "".join(parts)
