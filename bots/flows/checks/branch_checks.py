"""Problems of the cases of a branch: conditions that cannot be read, and cases that can never match."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from bots.flows.answer_values import TODAY
from bots.flows.conditions import InvalidPattern, check_pattern
from bots.flows.flow import Flow, Step
from bots.flows.problems import Problem
from bots.flows.texts import fold, plain

Condition = Mapping[str, Any]

LIMITS = {"number": ("min", "max"), "date": ("from", "to")}
MAX_CASES = 20
"""Of one branch. The schema reports more, and those are not compared."""
EITHER = {"field", "variable"}
"""Conditions that compare with a text, or look whether there is one."""


def branch_problems(flow: Flow, step: Step, offered: frozenset[str] | None) -> Iterator[Problem]:
    """Yields the problems of a branch. `offered` are the ids of choices in messages that a path leads to, None if there may
    be others."""
    conditions = [case["when"] for case in step["cases"]]
    compared = [_Compared(condition) for condition in conditions[:MAX_CASES]]
    for index, condition in enumerate(conditions):
        field = f"cases.{index}.when"
        yield from _condition_problems(flow, condition, step["id"], field)
        if condition["type"] == "choice" and offered is not None and condition["id"] not in offered:
            yield Problem("choice_never_offered", step["id"], f"{field}.id", {"name": condition["id"]}, blocks=False)
        earlier = (number for number, each in enumerate(compared[:index], 1) if each.covers(compared[index]))
        if index < MAX_CASES and (number := next(earlier, None)):
            yield Problem("case_never_matches", step["id"], field, {"number": number}, blocks=False)


def _condition_problems(flow: Flow, condition: Condition, step: str, field: str) -> Iterator[Problem]:
    kind = condition["type"]
    name, name_field = (condition["name"], "name") if kind == "variable" else (condition.get("variable"), "variable")
    if name is not None and name not in flow.variables:
        yield Problem("unknown_variable", step, f"{field}.{name_field}", {"name": name})
    if kind == "pattern":
        yield from _pattern_problems(condition["pattern"], step, f"{field}.pattern")
    elif kind == "keyword":
        for index, word in enumerate(condition["words"]):
            if word and not fold(word):
                yield Problem("word_without_letters", step, f"{field}.words.{index}")
    elif kind in LIMITS:
        yield from range_problems(kind, condition, LIMITS[kind], step, field)
    elif kind in EITHER and ("is" in condition) == ("empty" in condition):
        yield Problem("condition_incomplete", step, field)


def _pattern_problems(pattern: str, step: str, field: str) -> Iterator[Problem]:
    try:
        check_pattern(pattern)
    except InvalidPattern as failure:
        yield Problem("invalid_pattern", step, field, {"reason": str(failure)[:100]})


def range_problems(kind: str, limits: Condition, names: tuple[str, str], step: str, field: str) -> Iterator[Problem]:
    """Yields the problems of a lower and an upper limit, each of which may be absent."""
    values = [limits.get(name) for name in names]
    fits = _is_date if kind == "date" else _is_number
    wrong = [name for name, value in zip(names, values, strict=True) if value is not None and not fits(value)]
    for name in wrong:
        yield Problem("wrong_date" if kind == "date" else "not_a_number", step, f"{field}.{name}")
    if not wrong and None not in values and TODAY not in values and values[0] > values[1]:  # type: ignore[operator]
        yield Problem("empty_range", step, field)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and (value == TODAY or (len(value) == 10 and bool(date.fromisoformat(value))))
    except ValueError:
        return False


class _Compared:
    """A condition with its texts folded once, because it is compared with all others of its branch."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.complete = _complete(condition)
        words = [fold(word) for word in condition["words"]] if condition["type"] == "keyword" else []
        self.words = frozenset(words)
        self.runs = [_runs(word) for word in words]

    def covers(self, other: "_Compared") -> bool:
        """Returns whether this condition matches whenever the other does, as far as the conditions show it."""
        first, second = self.condition, other.condition
        kind = first["type"]
        if kind != second["type"] or first.get("variable") != second.get("variable"):
            return False
        if kind == "keyword" and first.get("whole", False):
            return bool(second.get("whole", False)) and other.words <= self.words
        if kind == "keyword":
            return all(not self.words.isdisjoint(runs) for runs in other.runs)
        if kind in LIMITS:
            low, high = LIMITS[kind]
            return _is_lower(first.get(low), second.get(low)) and _is_lower(second.get(high), first.get(high), is_upper=True)
        if kind == "kind":
            return set(second["kinds"]) <= set(first["kinds"])
        return self.complete == other.complete


def _runs(folded: str) -> frozenset[str]:
    """Returns all that a text with these folded words is known to contain: each run of them."""
    words = folded.split()
    return frozenset(" ".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1))


def _is_lower(low: Any, high: Any, *, is_upper: bool = False) -> bool:
    """Returns whether one limit is at most the other. An absent lower limit is the lowest, an absent upper limit the highest."""
    if low == high or (high if is_upper else low) is None:
        return True
    if low is None or high is None or TODAY in (low, high):
        return False
    return bool(low < high) if isinstance(low, str) == isinstance(high, str) else False


def _complete(condition: Condition) -> Condition:
    """Returns the condition with its defaults and without case and accents in what it compares with."""
    defaults = {"label": {"has": True}}.get(condition["type"], {})
    folded = {"is": plain(condition["is"])} if "is" in condition else {}
    return defaults | dict(condition) | folded
