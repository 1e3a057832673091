"""Text and JSON of others, shown so that nothing is lost or made up; and numbers as their reader writes them."""

import json
from typing import Any

from django.utils.formats import number_format


class Grouped(int):
    """A whole number that is written with the separators of its reader's language: 1.234 or 1,234. In a translated sentence it
    still decides between singular and plural."""

    def __str__(self) -> str:
        return number_format(int(self), force_grouping=True)


def printable(text: str) -> str:
    """Text as it stands, whatever it holds: what UTF-8 cannot carry is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def faithful_json(text: str) -> Any:
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


def indented(text: str, *, longest: int) -> str:
    """A JSON text, indented. ValueError or RecursionError where that would tell something else, or where it becomes longer than so
    many letters: deep nesting makes much of little."""
    parts: list[str] = []
    length = 0
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(faithful_json(text)):
        parts.append(part)
        length += len(part)
        if length > longest:
            raise ValueError("too long")
    return "".join(parts)
