"""The variables in a template's texts: {{1}}, {{2}} … or {{order_id}} (reference 8.2)."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def variables_of(text: str) -> list[str]:
    """The names in the order in which they first stand there, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables' values; those that have none stay as they are."""
    return _VARIABLE.sub(lambda found: values.get(found[1]) or found[0], text)


def tidy(text: str) -> str:
    """The text with its variables as Meta writes them, without spaces inside."""
    return _VARIABLE.sub(lambda found: f"{{{{{found[1]}}}}}", text)


def without_variables(text: str) -> str:
    """The text's own words."""
    return _VARIABLE.sub(" ", text)


def spans_of(text: str) -> list[tuple[int, int]]:
    """Where the variables stand in the text: begin and end of each."""
    return [found.span() for found in _VARIABLE.finditer(text)]
