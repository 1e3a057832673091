"""What one step of an export reads, and JSON Lines."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of an export as text, and where the next ones begin. `fraction` is how much of the export has been read, from 0
    to 1."""

    text: str
    lines: int
    position: dict[str, Any]
    fraction: float
    is_last: bool


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    """Returns the rows as JSON Lines: one object in each line."""
    return "".join(f"{json.dumps(row, ensure_ascii=False, separators=(',', ':'))}\n" for row in rows)
