"""Displays text and JSON of other systems without losing or inventing anything, and numbers in the format of the language."""

import json
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext

from cloud_api.messages import InvalidMessage


class GroupedInt(int):
    """An integer that is shown with the thousands separators of the active language: 1.234 or 1,234. In a translated sentence it
    still selects singular or plural."""

    def __str__(self) -> str:
        return number_format(int(self), force_grouping=True)


def invalid_message_text(refusal: InvalidMessage) -> str:
    """Returns why WhatsApp would refuse the message, in the active language."""
    limit = refusal.limit
    return gettext(refusal.words) % {"limit": GroupedInt(limit) if isinstance(limit, int) else limit}


def printable(text: str) -> str:
    """Returns the text with an escape for each character that UTF-8 cannot encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def parse_exact_json(text: str) -> Any:
    """Returns the value of a JSON text. Raises ValueError if writing the value again would give another text, such as after a
    repeated key."""
    return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_exact_float)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is repeated")
    return value


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _exact_float(text: str) -> float:
    value = float(text)
    if repr(value) != text:
        raise ValueError(f"{text} would change")
    return value


def indent_json(text: str, *, max_length: int) -> str:
    """Returns a JSON text, indented. Raises ValueError or RecursionError if indenting would change the value, or if the result is
    longer than `max_length` characters: deep nesting makes a short text long."""
    parts: list[str] = []
    length = 0
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(parse_exact_json(text)):
        parts.append(part)
        length += len(part)
        if length > max_length:
            raise ValueError("too long")
    return "".join(parts)
