"""The differences of two flows, for people who decide whether to publish or to restore."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedStep:
    """A step that differs. `number` is its position, beginning with 1, in the flow that has it; `fields` are those that differ."""

    id: str
    number: int
    title: str
    type: str
    fields: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FlowChanges:
    """What is different in the later of two flows."""

    added: Sequence[ChangedStep] = ()
    removed: Sequence[ChangedStep] = ()
    changed: Sequence[ChangedStep] = ()
    is_reordered: bool = False
    settings: Sequence[str] = ()
    """Names of the settings that differ, and `name` and `start`."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.is_reordered or self.settings)


def compare_flows(earlier: Document, later: Document) -> FlowChanges:
    """Returns what is different in `later`. Steps are the same if their ids are."""
    before, after = _steps(earlier), _steps(later)
    return FlowChanges(
        added=[_describe(number, step) for number, step in after.values() if step["id"] not in before],
        removed=[_describe(number, step) for number, step in before.values() if step["id"] not in after],
        changed=[
            _describe(number, step, before[step["id"]][1])
            for number, step in after.values()
            if step["id"] in before and before[step["id"]][1] != step
        ],
        is_reordered=[each for each in before if each in after] != [each for each in after if each in before],
        settings=_differing(_settings(earlier), _settings(later)),
    )


def _steps(document: Document) -> dict[str, tuple[int, Document]]:
    return {step["id"]: (number, step) for number, step in enumerate(document.get("steps", ()), 1)}


def _settings(document: Document) -> Document:
    return {**document.get("settings", {}), "name": document.get("name"), "start": document.get("start")}


def _describe(number: int, step: Document, before: Document | None = None) -> ChangedStep:
    fields = _differing(before, step) if before else ()
    return ChangedStep(step["id"], number, str(step.get("title", "")), str(step.get("type", "")), fields)


def _differing(one: Document, other: Document) -> list[str]:
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
