"""What a benchmark says: figures on stdout, one JSON line each, and everything else on stderr."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class Failed(Exception):
    """The benchmark could not be run, or what it left behind is not what it should be."""


@dataclass(frozen=True)
class Goal:
    """What is asked of a figure; said on stderr beside it."""

    limit: float
    at_least: bool = True

    def verdict(self, value: float) -> str:
        reached = value >= self.limit if self.at_least else value <= self.limit
        bound = "at least" if self.at_least else "at most"
        return f"{'reached' if reached else 'NOT REACHED'}: {bound} {self.limit:g}"


def at_least(limit: float) -> Goal:
    return Goal(limit)


def at_most(limit: float) -> Goal:
    return Goal(limit, at_least=False)


def show(name: str, value: float, unit: str, *, vs: str | None = None, goal: Goal | None = None) -> None:
    """One figure. `vs` names what the hub is compared to; the value is then hub divided by it."""
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "vs": vs}), flush=True)  # noqa: T201  its purpose
    if goal is not None:
        say(f"  {name} {value:,.2f} {unit}{f' vs {vs}' if vs else ''}: {goal.verdict(value)}")


def say(text: str) -> None:
    """Progress, for the person who waits."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def say_how_busy() -> None:
    """What the machine does before anything has begun: figures of a busy one say little."""
    before = _processor_time()
    time.sleep(1)
    idle, total = (after - earlier for earlier, after in zip(before, _processor_time(), strict=True))
    say(f"the machine is {1 - idle / total:.0%} busy with other things")


def _processor_time() -> tuple[int, int]:
    """Idle and in all, since the machine started, as Linux counts."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that is not below `share` (0 to 1) of them. ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
