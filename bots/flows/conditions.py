"""Conditions of branches: each looks at the last answer, a variable, the contact or the time."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import re2

from bots.flows.answer_values import fits_dates, fits_range, plain_number, read_date, read_number, shown
from bots.flows.flow import FROM_CALL, Flow
from bots.flows.texts import fill, first_word_in, plain, storable
from bots.flows.turns.events import Facts

Condition = Mapping[str, Any]
Value = TypeVar("Value")

MAX_MEMORY = 1 << 20
"""Bytes of one pattern: RE2 refuses those that need more."""


class Readings:
    """What was read from texts in one turn. A long answer takes milliseconds to read, and may be compared with 2,000 cases."""

    def __init__(self) -> None:
        self._found: dict[tuple[Any, ...], Any] = {}

    def once(self, read: Callable[..., Value], *arguments: Any) -> Value:
        """Returns what `read` returns for these arguments. It is called for the first time only."""
        key = (read, *arguments)
        if key not in self._found:
            self._found[key] = read(*arguments)
        value: Value = self._found[key]
        return value


@dataclass(frozen=True, slots=True)
class Known:
    """What conditions and placeholders look at."""

    flow: Flow
    facts: Facts
    variables: Mapping[str, str]
    last: Mapping[str, Any]
    readings: Readings

    def value_of(self, name: str) -> str:
        """Returns the value of a placeholder or variable in its normal form, empty if it is unknown."""
        if name == "today":
            return self.facts.today.strftime("%d/%m/%Y")
        if name in _FACTS:
            return storable(getattr(self.facts, name))
        return self.variables.get(name, "")

    def shown_value_of(self, name: str) -> str:
        """Returns the value as a customer reads it."""
        return shown(self.flow.variables.get(name, ""), self.value_of(name))

    def text_for(self, condition: Condition) -> str:
        """Returns the text that a condition looks at: a variable, or the last answer."""
        name = condition.get("variable")
        return self.variables.get(name, "") if name else str(self.last.get("text", ""))


_POINT = re.compile(r"-?\d+\.\d+", re.ASCII)
_FACTS = ("first_name", "name", "phone", "organization", "hours", "next_opening")


def reason_to_match(condition: Condition, known: Known) -> str | None:
    """Returns None if the condition does not match, otherwise a detail that explains why it does, which may be empty."""
    return MATCHERS[condition["type"]](condition, known)


def is_choice(last: Mapping[str, Any], flow: Flow) -> bool:
    """Returns whether the answer is a choice of the flow, tapped or typed."""
    return last.get("choice_id", "") in flow.choices or bool(flow.choices_titled(str(last.get("text", ""))))


def _choice(condition: Condition, known: Known) -> str | None:
    tapped, text = str(known.last.get("choice_id", "")), str(known.last.get("text", ""))
    if tapped == condition["id"]:
        return text
    if tapped in known.flow.choices:
        return None
    # A choice of another version of the flow, or of a template, has an unknown id, but its title says the same. Two messages may
    # have choices with one title.
    return text if condition["id"] in known.readings.once(known.flow.choices_titled, text) else None


def _keyword(condition: Condition, known: Known) -> str | None:
    word = first_word_in(known.text_for(condition), condition["words"], whole=condition.get("whole", False))
    return word or None


def _pattern(condition: Condition, known: Known) -> str | None:
    return condition["pattern"] if is_found(condition["pattern"], known.text_for(condition)) else None


def _number(condition: Condition, known: Known) -> str | None:
    number = known.readings.once(read_number, _normal_text(condition, known))
    if number is None or not fits_range(number, condition.get("min"), condition.get("max")):
        return None
    return plain_number(number)


def _normal_text(condition: Condition, known: Known) -> str:
    """Returns the text for a number. In variables from number questions and web calls 1.234 is little more than one."""
    text = known.text_for(condition)
    kind = known.flow.variables.get(condition.get("variable", ""))
    return text.replace(".", ",") if kind in ("number", FROM_CALL) and _POINT.fullmatch(text) else text


def _date(condition: Condition, known: Known) -> str | None:
    today = known.facts.today
    day = known.readings.once(read_date, known.text_for(condition), today)
    if day is None or not fits_dates(day, condition.get("from"), condition.get("to"), today):
        return None
    return day.isoformat()


def _hours(condition: Condition, known: Known) -> str | None:
    if known.facts.is_open != condition["open"]:
        return None
    return "open" if known.facts.is_open else "closed"


def _field(condition: Condition, known: Known) -> str | None:
    return _compared(condition, known, str(getattr(known.facts, condition["name"])))


def _variable(condition: Condition, known: Known) -> str | None:
    value = known.variables.get(condition["name"], "")
    return _compared(condition, known, value, known.shown_value_of(condition["name"]))


def _compared(condition: Condition, known: Known, *values: str) -> str | None:
    """Compares a value, which may have several forms, with the text of the condition."""
    if "is" in condition:
        expected = plain(fill(condition["is"], known.value_of))
        matches = any(expected == known.readings.once(plain, value) for value in values)
    else:
        matches = (values[0].strip() == "") == condition.get("empty", True)
    return condition["name"] if matches else None


def _label(condition: Condition, known: Known) -> str | None:
    return condition["label"] if (condition["label"] in known.facts.labels) == condition.get("has", True) else None


def _kind(condition: Condition, known: Known) -> str | None:
    return next((kind for kind in known.last.get("kinds", ()) if kind in condition["kinds"]), None)


MATCHERS: Mapping[str, Callable[[Condition, Known], str | None]] = {
    "choice": _choice,
    "keyword": _keyword,
    "pattern": _pattern,
    "number": _number,
    "date": _date,
    "hours": _hours,
    "field": _field,
    "variable": _variable,
    "label": _label,
    "kind": _kind,
}


# Patterns. RE2 takes linear time, so no pattern and no answer can stop a worker.


class InvalidPattern(ValueError):
    """RE2 does not read this pattern."""


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    return re2.compile(pattern, options)


def check_pattern(pattern: str) -> None:
    """Raises InvalidPattern with RE2's reason."""
    try:
        _compiled(pattern)
    except re2.error as failure:
        reason = failure.args[0] if failure.args else ""
        raise InvalidPattern(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from failure


def is_found(pattern: str, text: str) -> bool:
    """Returns whether the text contains the pattern, ignoring case. An invalid pattern is never found."""
    try:
        return _compiled(pattern).search(text) is not None
    except re2.error:
        return False
