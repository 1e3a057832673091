"""The result of a drill, and the table of all results."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import say
from drills.checker import Findings
from drills.traffic.meta_sender import DeliveryLog
from drills.traffic.staff import Answers

SHOWN = 5
"""Sentences about what is lost, doubled or wrong that are shown of each drill."""


@dataclass
class Result:
    """What a drill has found. Its drill fails if anything is lost, doubled or wrong."""

    name: str
    deliveries: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    answers: int = 0
    """Of members, which the hub has taken."""
    longest_pause: float = 0.0
    """Seconds without an acknowledgement, or from a member's click until the hub had taken the answer."""
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_passed(self) -> bool:
        return not (self.lost or self.doubled or self.problems)

    def add_log(self, log: DeliveryLog) -> None:
        self.deliveries += log.deliveries
        self.acknowledged += len(log.acknowledged)
        self.longest_pause = max(self.longest_pause, log.longest_pause)
        if log.given_up:
            self.problems.append(f"{log.given_up} deliveries were never acknowledged")

    def add_answers(self, answers: Answers) -> None:
        self.answers += len(answers.written)
        self.longest_pause = max(self.longest_pause, answers.longest_pause)
        if answers.unclear:
            self.problems.append(f"{len(answers.unclear)} answers of staff were never taken")

    def add_findings(self, found: Findings) -> None:
        self.lost += len(found.lost)
        self.doubled += len(found.doubled)
        for sentences in (found.lost, found.doubled, found.untrue):
            self.problems += sentences[:SHOWN]

    def check(self, is_so: object, otherwise: str) -> None:
        """Notes a problem unless it is so."""
        if not is_so:
            self.problems.append(otherwise)

    def note(self, text: str) -> None:
        """Shows a figure or a fact beside the result."""
        self.notes.append(text)
        say(f"  {text}")

    def as_json(self) -> dict[str, Any]:
        return self.__dict__ | {"verdict": "passed" if self.is_passed else "FAILED"}


HEADINGS = ("drill", "deliveries", "acknowledged", "answers", "lost", "doubled", "pause s", "time s", "verdict")


def table(results: Sequence[Result]) -> str:
    """Returns the results as a table, and below it what was wrong."""
    rows = [HEADINGS, *map(_cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(_aligned(cell, width, column) for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    problems = [f"{each.name}: {problem}" for each in results for problem in each.problems]
    return "\n".join([*map(str.rstrip, lines), *([""] if problems else []), *problems])


def _cells(result: Result) -> tuple[str, ...]:
    counts = (result.deliveries, result.acknowledged, result.answers, result.lost, result.doubled)
    times = (f"{result.longest_pause:.1f}", f"{result.seconds:.0f}")
    return (result.name, *(f"{each:,}" for each in counts), *times, "passed" if result.is_passed else "FAILED")


def _aligned(cell: str, width: int, column: int) -> str:
    is_text = column in (0, len(HEADINGS) - 1)
    return cell.ljust(width) if is_text else cell.rjust(width)


def as_json(results: Sequence[Result]) -> str:
    return json.dumps([each.as_json() for each in results], indent=1)
