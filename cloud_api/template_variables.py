"""The variables in a template's texts: {{1}}, {{2}} … or {{order_id}} (docs/meta-platform.md 8.2)."""

import re

VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def variables_of(text: str) -> list[str]:
    """Returns the names of the variables in order of their first occurrence, each once."""
    return list(dict.fromkeys(VARIABLE.findall(text)))


def without_variables(text: str) -> str:
    """Returns the text without its variables."""
    return VARIABLE.sub(" ", text)


def spans_of(text: str) -> list[tuple[int, int]]:
    """Returns start and end of each variable in the text."""
    return [found.span() for found in VARIABLE.finditer(text)]
