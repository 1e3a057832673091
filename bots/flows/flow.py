"""A flow as the interpreter, the checks and the editor read it.

`read_flow` checks the structure with `schema.json`. A document whose structure is right but that breaks a limit of the schema, such
as a button's title of 21 characters, is read all the same, so that the editor can show it: `check_flow` reports it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import ValidationError

from bots.flows.documents import InvalidFlow, read_document
from bots.flows.messages import choices_of
from bots.flows.problems import Problem
from bots.flows.schema import SCHEMA, message_errors, schema_errors
from bots.flows.texts import fold, plain

__all__ = ["FORMAT", "Flow", "InvalidFlow", "Step", "message_problems", "read_flow"]

FORMAT = 1
MAX_STEPS = 300
MAX_SCHEMA_PROBLEMS = 50
PERSON_WORDS = ("atendente", "humano", "human")
SILENCE_SECONDS = 3
MAX_AI_ANSWERS = 6
"""Answers of an AI in one step, unless the step says otherwise."""
MAX_AI_MESSAGES = 3
"""Of one answer of an AI to a step."""
FROM_CALL = "call"
"""The kind of a variable that a web call sets."""

Step = Mapping[str, Any]


@dataclass(frozen=True)
class Flow:
    """A flow. `document` is the JSON object and must not be changed. `limits` are the limits of the schema that it breaks."""

    document: Mapping[str, Any]
    limits: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        return str(self.document["name"])

    @property
    def start(self) -> str:
        return str(self.document["start"])

    @property
    def step_list(self) -> list[Step]:
        """All steps in the order of the document."""
        return list(self.document["steps"])

    @cached_property
    def steps(self) -> Mapping[str, Step]:
        """The steps by id, in the order of the document. Of several steps with one id, the first."""
        found: dict[str, Step] = {}
        for step in self.step_list:
            found.setdefault(step["id"], step)
        return found

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The position of each step, starting with 1."""
        found: dict[str, int] = {}
        for position, step in enumerate(self.step_list, 1):
            found.setdefault(step["id"], position)
        return found

    @cached_property
    def choices(self) -> frozenset[str]:
        """The ids of all buttons and rows."""
        return frozenset(choice["id"] for choice in self._choices())

    def _choices(self) -> Iterator[Mapping[str, str]]:
        for step in self.step_list:
            for _field, message in messages_in(step):
                yield from choices_of(message)

    @cached_property
    def _choices_by_title(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for choice in self._choices():
            for title in {f"={plain(choice['title'])}", fold(choice["title"])} - {""}:
                found.setdefault(title, set()).add(choice["id"])
        return {title: frozenset(ids) for title, ids in found.items()}

    def choices_titled(self, text: str) -> frozenset[str]:
        """Returns the ids of the choices with this title. Punctuation counts only if it makes a difference, as in A+ and A-."""
        exact = self._choices_by_title.get(f"={plain(text)}", frozenset())
        return exact or self._choices_by_title.get(fold(text), frozenset())

    @cached_property
    def variables(self) -> Mapping[str, str]:
        """The variables that steps set, with the kind of answer that a step asks for, `FROM_CALL`, or an empty kind."""
        found: dict[str, str] = {}
        for step in self.step_list:
            kind = step["answer"]["kind"] if step["type"] == "ask" else FROM_CALL if step["type"] == "call" else ""
            for _field, name in variables_set_by(step):
                found[name] = kind or found.get(name, "")
        return found

    @property
    def _settings(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self.document.get("settings", {})
        return settings

    @property
    def greets(self) -> bool:
        """Whether the first messages of the flow replace the greeting of the number."""
        return bool(self._settings.get("greets", True))

    @property
    def silence_seconds(self) -> int:
        """Seconds to wait for more text before the flow answers. A tapped button is answered at once."""
        return int(self._settings.get("silence_seconds", SILENCE_SECONDS))

    @property
    def continues(self) -> bool:
        """Whether the state goes on in the customer's next session."""
        return bool(self._settings.get("continues", False))

    @property
    def person_words(self) -> tuple[str, ...]:
        """Words by which a customer asks for a person."""
        return tuple(self._settings.get("person_words", PERSON_WORDS))


def messages_in(step: Step) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the messages of a step, each with its field."""
    for name in ("message", "invalid"):
        if step.get(name):
            yield name, step[name]
    if step.get("reminder"):
        yield "reminder.message", step["reminder"]["message"]


def variables_set_by(step: Step) -> Iterator[tuple[str, str]]:
    """Yields the variables that a step sets, each with its field."""
    if step["type"] == "ask":
        yield "variable", step["variable"]
    elif step["type"] == "set" and step["target"] == "variable":
        yield "name", step["name"]
    elif step["type"] == "call":
        for index, saved in enumerate(step.get("save", ())):
            yield f"save.{index}.variable", saved["variable"]


def read_flow(source: object) -> Flow:
    """Returns the flow in a JSON text, in bytes, or in an object that was read from JSON. Raises InvalidFlow."""
    document = read_document(source)
    if not isinstance(document, dict) or "steps" not in document:
        raise InvalidFlow([Problem("not_a_flow")])
    if document.get("format") != FORMAT or document.get("format") is True:
        found = str(document.get("format"))[:20]
        raise InvalidFlow([Problem("other_format", field="format", values={"value": found, "limit": FORMAT})])
    if isinstance(document["steps"], list) and len(document["steps"]) > MAX_STEPS:
        raise InvalidFlow([Problem("too_many", field="steps", values={"limit": MAX_STEPS})])
    problems = _without_repetition(_schema_problems(document))
    if broken := [problem for problem in problems if problem.code in STRUCTURE]:
        raise InvalidFlow(broken[:MAX_SCHEMA_PROBLEMS])
    return Flow(document, tuple(problems))


STRUCTURE = frozenset({"missing", "unknown_field", "wrong_type", "wrong_value"})
"""Codes of problems that keep a document from being a flow. Other problems of the schema are limits."""
LIMITS = {
    "maxLength": "too_long",
    "maxItems": "too_many",
    "minItems": "too_few",
    "maxProperties": "too_many",
    "minimum": "too_small",
    "maximum": "too_big",
}
PATTERNS = {
    SCHEMA["$defs"]["variable"]["pattern"]: "wrong_variable",
    SCHEMA["$defs"]["date"]["pattern"]: "wrong_date",
}


def _without_repetition(problems: Iterable[Problem]) -> list[Problem]:
    return list({(problem.code, problem.step, problem.field, str(problem.values)): problem for problem in problems}.values())


def _schema_problems(document: Mapping[str, Any]) -> Iterator[Problem]:
    for error in schema_errors(document):
        path = list(error.absolute_path)
        step = ""
        if len(path) > 1 and path[0] == "steps" and (step := _id_of(document["steps"][path[1]])):
            path = path[2:]
        yield from _in_words(error, step, ".".join(map(str, path)))


def message_problems(message: object) -> list[Problem]:
    """Returns what is wrong with one message that is in no flow. `field` is the place in the message."""
    return [
        problem for error in message_errors(message) for problem in _in_words(error, "", ".".join(map(str, error.absolute_path)))
    ]


def _id_of(step: object) -> str:
    found = step.get("id") if isinstance(step, dict) else None
    return found if isinstance(found, str) else ""


def _in_words(error: ValidationError, step: str, field: str) -> Iterator[Problem]:
    """Yields what a finding of the schema means. An object may have several fields too many."""
    kind = str(error.validator)
    value: Any = error.instance
    limit: Any = error.validator_value
    if kind == "required":
        name = next(name for name in limit if name not in value and repr(name) in error.message)
        yield Problem("missing", step, field, {"name": name})
    elif kind == "additionalProperties":
        allowed = error.schema["properties"] if isinstance(error.schema, Mapping) else ()
        for name in sorted(set(value) - set(allowed)):
            yield Problem("unknown_field", step, field, {"name": name[:60]})
    elif kind == "minLength":
        yield Problem("empty", step, field)
    elif kind == "pattern":
        yield Problem(PATTERNS.get(limit, "wrong_id"), step, field)
    elif kind in LIMITS:
        yield Problem(LIMITS[kind], step, field, {"limit": limit})
    elif kind in ("enum", "const"):
        yield Problem("wrong_value", step, field, {"value": str(value)[:60]})
    else:
        yield Problem("wrong_type", step, field)
