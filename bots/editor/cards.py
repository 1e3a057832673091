"""What the cards of the page show: each step in short, with its ways on and its problems."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext, ngettext

from bots.editor.checks import CACHED_STEPS, DraftCheck
from bots.editor.forms.fields import Option, Part, fields_in, key_of
from bots.editor.forms.step_forms import ANSWER_KINDS, FormContext, form_context, form_of
from bots.editor.steps.outputs import Document, Step, choices_of, outputs_of
from bots.editor.steps.step_types import STEP_TYPES, StepType, name_of
from bots.files.stored_files import FileDetails
from bots.flow_ais import AI_STEPS
from bots.flows.flow import MAX_AI_ANSWERS
from bots.flows.messages import file_of
from bots.flows.problems import Problem
from contacts.consent.texts import consent_text

MAX_PREVIEW = 300
"""Characters of a message in a card."""


NOTHING_TO_SELECT = FormContext((), ())


@dataclass(frozen=True, slots=True)
class CardOutput:
    """A way on from a step. Without a target, `target_name` says what happens."""

    label: str
    target: str | None
    target_name: str


@dataclass(frozen=True, slots=True)
class CardProblem:
    """A problem of a step. `field_id` is the element to which it belongs."""

    text: str
    blocks: bool
    field_id: str
    step: str
    path: str
    where: str = ""
    """The name of the step, for the list of all problems."""

    @property
    def id(self) -> str:
        return f"{self.field_id}-problem"


@dataclass(frozen=True, slots=True)
class Card:
    """A step in the list. `parts` are its form, if it is open. Cards are equal if the page need not draw them again."""

    id: str
    type: StepType
    name: str
    has_title: bool
    is_start: bool
    message: Mapping[str, Any] | None
    summary: str
    outputs: Sequence[CardOutput]
    problems: Sequence[CardProblem]
    parts: Sequence[Part] | None = None
    number: int = field(default=0, compare=False)
    """The page counts by itself."""

    @property
    def is_open(self) -> bool:
        return self.parts is not None

    @property
    def is_blocked(self) -> bool:
        return any(problem.blocks for problem in self.problems)

    @property
    def problems_by_path(self) -> dict[str, list[CardProblem]]:
        """The problems of each field of the form."""
        found: dict[str, list[CardProblem]] = {}
        for problem in self.problems:
            found.setdefault(problem.path, []).append(problem)
        return found


def cards_of(
    document: Document,
    check: DraftCheck,
    opened: Collection[str] = (),
    templates: Sequence[Option] = (),
    files: Mapping[str, FileDetails] | None = None,
    ais: Mapping[str, str] | None = None,
) -> list[Card]:
    """Returns the cards of a draft. The steps `opened` have their forms. `files` are stored files by their keys, `ais` the names of
    AIs."""
    names = {step["id"]: name_of(step) for step in document["steps"]}
    choices = choices_of(document)
    context = form_context(document, templates, files, ais) if opened else None
    problems: dict[str, list[Problem]] = {}
    for problem in check.problems:
        problems.setdefault(problem.step, []).append(problem)
    cards = []
    for number, step in enumerate(document["steps"], 1):
        parts = form_of(step, context) if context and step["id"] in opened else None
        cards.append(
            Card(
                id=step["id"],
                type=STEP_TYPES[step["type"]],
                name=names[step["id"]],
                has_title=bool(step.get("title")),
                is_start=step["id"] == document["start"],
                message=_preview(step.get("message"), files or {}),
                summary=_summary(step, ais or {}),
                outputs=_outputs(step, names, choices),
                problems=list(dict.fromkeys(_placed(problem, step, names) for problem in problems.get(step["id"], []))),
                parts=parts,
                number=number,
            )
        )
    return cards


def placed_problems(document: Document, check: DraftCheck) -> list[CardProblem]:
    """Returns all problems of a draft for the list of problems, those that block first."""
    names = {step["id"]: name_of(step) for step in document["steps"]}
    steps = {step["id"]: step for step in document["steps"]}
    problems = sorted(check.problems, key=lambda problem: not problem.blocks)
    # Several places of a step can have one field, and be wrong for the same reason.
    return list(dict.fromkeys(_placed(problem, steps.get(problem.step), names) for problem in problems))


def _preview(message: Mapping[str, Any] | None, files: Mapping[str, FileDetails]) -> Mapping[str, Any] | None:
    if not message:
        return None
    text = str(message.get("text") or message.get("caption") or "")
    file = files.get(file_of(message))
    shown = {**message, "file_name": file.file_name} if file else message
    return {**shown, "text": text if len(text) <= MAX_PREVIEW else text[:MAX_PREVIEW] + "…"}


def _outputs(step: Step, names: Mapping[str, str], choices: dict[str, str]) -> list[CardOutput]:
    found = []
    for output in outputs_of(step, choices):
        if output.target:
            found.append(CardOutput(output.label, output.target, names.get(output.target, output.target)))
        elif not output.hands_over:
            found.append(CardOutput(output.label, None, gettext("the path ends here")))
    return found


def _summary(step: Step, ais: Mapping[str, str]) -> str:
    """Returns what a step without a message does, in one line. `ais` are the names of AIs by their keys."""
    kind = step["type"]
    if kind in AI_STEPS:
        return _ai_summary(step, ais.get(step["ai"]) or step["ai"] or "?")
    if kind == "ask":
        words = {"kind": ANSWER_KINDS[step["answer"]["kind"]], "name": step["variable"] or "?"}
        return gettext("Keeps the answer (%(kind)s) as %(name)s") % words
    if kind == "set":
        name = gettext("Name of the contact") if step["target"] == "field" else step["name"] or "?"
        return f"{name} = {step['value'] or '…'}"
    if kind == "call":
        return f"{step['method']} {step['url'] or '…'}"
    if kind == "label":
        return "   ".join([*(f"+ {each}" for each in step.get("add", [])), *(f"− {each}" for each in step.get("remove", []))])
    if kind == "consent":
        return consent_text(step["purpose"] or "?", withdrawn=step["decision"] == "withdrawn")
    return str(step.get("note", "")) if kind == "hand_over" else ""


def _ai_summary(step: Step, ai: str) -> str:
    if step["type"] == "ai_branch":
        return gettext("%(ai)s chooses: %(question)s") % {"ai": ai, "question": step["question"] or "…"}
    values = {"ai": ai, "count": step.get("max_answers", MAX_AI_ANSWERS), "until": step["until"] or "…"}
    words = ngettext("%(ai)s answers once, until: %(until)s", "%(ai)s answers at most %(count)s times, until: %(until)s",
                     values["count"])  # fmt: skip
    return words % values


def _placed(problem: Problem, step: Step | None, names: Mapping[str, str]) -> CardProblem:
    """Returns the problem with the element to which it belongs: the field, the field around it, or the card."""
    where = names.get(problem.step, "")
    if not problem.step:
        return CardProblem(problem.text, problem.blocks, "bot-settings", "", problem.field)
    path = _field_of(problem.field, _paths_of(json.dumps(step)) if step else ())
    field_id = field_id_of(problem.step, path) if path else f"heading-{problem.step}"
    return CardProblem(problem.text, problem.blocks, field_id, problem.step, path, where)


OTHER_FIELDS = {"file": "link", "name": "template", "language": "template"}
"""Parts of messages that another field of the form stands for."""


@lru_cache(maxsize=CACHED_STEPS)
def _paths_of(step: str) -> tuple[str, ...]:
    """Returns the places in a step that have a field."""
    return tuple(each.path for each in fields_in(form_of(json.loads(step), NOTHING_TO_SELECT)))


def _field_of(path: str, paths: Sequence[str]) -> str:
    """Returns the field of the form for a place in the step: the same place, one in it, or one around it. Empty: none."""
    owner, _, name = path.rpartition(".")
    if f"{owner}.{OTHER_FIELDS.get(name)}" in paths:
        return f"{owner}.{OTHER_FIELDS[name]}"
    while path and path not in paths:
        inside = next((each for each in paths if each.startswith(f"{path}.") and not each.endswith(".type")), "")
        path = inside or path.rpartition(".")[0]
    return path


def field_id_of(step_id: str, path: str) -> str:
    """Returns the id of the element of a field."""
    return f"field-{step_id}-{key_of(path)}"
