"""A new template as staff writes it, and what Meta would refuse of it (`cloud_api.template_checks`)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from chats.message_templates.variables import normalize_variables
from chats.models import MessageTemplate
from cloud_api.template_checks import TemplateProblem, template_problems
from cloud_api.template_variables import variables_of


@dataclass(frozen=True, slots=True)
class DraftButton:
    """A button of a new template. `row` is its line in the form, `value` its URL or phone number."""

    row: int
    kind: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """A new template. `examples` are by the keys of its fields (see `chats.message_templates.components`)."""

    name: str
    language: str
    category: str
    body: str
    header: str = ""
    footer: str = ""
    buttons: Sequence[DraftButton] = ()
    examples: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """Why Meta would refuse the template: the field of the form, and a sentence."""

    field: str
    words: Any


def draft_problems(draft: TemplateDraft) -> list[DraftProblem]:
    """Returns all problems that are found without a request to Meta."""
    return [_draft_problem(draft, problem) for problem in template_problems(template_definition(draft))]


def _draft_problem(draft: TemplateDraft, problem: TemplateProblem) -> DraftProblem:
    if problem.button is None:
        return DraftProblem(problem.field, gettext(problem.words))
    return DraftProblem(f"button_{draft.buttons[problem.button].row}_{problem.field}", gettext(problem.words))


def template_of(draft: TemplateDraft) -> MessageTemplate:
    """Returns the template that the draft describes, not stored."""
    described = template_definition(draft)
    columns = ("name", "language", "category", "parameter_format", "components")
    return MessageTemplate(status=MessageTemplate.Status.PENDING, **{column: described[column] for column in columns})


def template_definition(draft: TemplateDraft) -> dict[str, Any]:
    """Returns the request to Graph that creates the template (docs/meta-platform.md 8.2, 8.4)."""
    names = [*variables_of(draft.header), *variables_of(draft.body)]
    is_named = any(not name.isdecimal() for name in names)
    header: dict[str, Any] = {"type": "HEADER", "format": "TEXT", "text": normalize_variables(draft.header)}
    body: dict[str, Any] = {"type": "BODY", "text": normalize_variables(draft.body)}
    footer: dict[str, Any] = {"type": "FOOTER", "text": draft.footer}
    buttons: dict[str, Any] = {
        "type": "BUTTONS",
        "buttons": [_button(index, each, draft) for index, each in enumerate(draft.buttons)],
    }
    header |= _example("header", draft.header, draft, is_named)
    body |= _example("body", draft.body, draft, is_named)
    components = [(draft.header, header), (True, body), (draft.footer, footer), (draft.buttons, buttons)]
    return {
        "name": draft.name,
        "language": draft.language,
        "category": draft.category,
        "parameter_format": "NAMED" if is_named else "POSITIONAL",
        "components": [component for is_used, component in components if is_used],
    }


def _example(position: str, text: str, draft: TemplateDraft, is_named: bool) -> dict[str, Any]:
    """Returns the key `example` of a component, with the examples of its variables."""
    names = variables_of(text)
    if not names:
        return {}
    examples = {name: draft.examples.get(f"{position}_{name}", "") for name in names}
    if is_named:
        params = [{"param_name": name, "example": example} for name, example in examples.items()]
        return {"example": {f"{position}_text_named_params": params}}
    listed = [examples[name] for name in sorted(names, key=int)]
    return {"example": {f"{position}_text": [listed] if position == "body" else listed}}


def _button(index: int, button: DraftButton, draft: TemplateDraft) -> dict[str, Any]:
    described: dict[str, Any] = {"type": button.kind, "text": button.text}
    if button.kind == "PHONE_NUMBER":
        return described | {"phone_number": re.sub(r"[\s().-]", "", button.value)}
    if button.kind == "URL":
        described["url"] = normalize_variables(button.value)
        if variables_of(button.value):
            fixed_part = described["url"].partition("{{")[0]
            described["example"] = [fixed_part + draft.examples.get(f"button_{index}", "")]
    return described
