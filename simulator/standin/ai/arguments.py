"""The arguments of a tool, made up by its JSON schema."""

import re
from collections.abc import Mapping
from typing import Any

from cloud_api.payloads.texts import mapping
from simulator.standin.ai.chats import Tool
from simulator.standin.ai.words import stems

_WITH_DIGITS = re.compile(r"\w*\d[\w-]*")


def arguments_of(tool: Tool, said: str, **known: Any) -> dict[str, Any]:
    """Returns values of all properties that are known by their name, and of those that are required. `said` is what the user wrote:
    the first word with a digit is the value of any other property."""
    properties = mapping(tool.schema, "properties")
    required = tool.schema.get("required")
    needed = required if isinstance(required, list) else []
    return {
        name: _fit(mapping(properties, name), known.get(name, _word_with_digits(said)))
        for name in properties
        if name in known or name in needed
    }


def closest(names: list[Any], said: str) -> Any:
    """Returns the name that shares most words with a text, the first in doubt."""
    return max(names, key=lambda name: len(stems(str(name)) & stems(said)), default=None)


def _word_with_digits(said: str) -> str:
    found = _WITH_DIGITS.search(said)
    return found[0] if found else said.strip()[:100]


def _fit(schema: Mapping[str, Any], value: Any) -> Any:
    """Returns the value in the type of the schema."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return value if value in choices else closest(choices, str(value))
    match schema.get("type"):
        case "integer" | "number":
            digits = re.sub(r"\D", "", str(value))
            return int(digits[:9]) if digits else 1
        case "boolean":
            return bool(value)
        case "array":
            return [_fit(mapping(schema, "items"), each) for each in (value if isinstance(value, list) else [value])]
        case "object":
            return {name: _fit(mapping(schema, "properties").get(name, {}), value) for name in mapping(schema, "properties")}
    return "\n\n".join(value) if isinstance(value, list) else value
