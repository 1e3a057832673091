"""A new template as somebody writes it, and what Meta would refuse of it (`cloud_api.template_checks`)."""

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
    """A button to be; `row` is its line in the form, `value` its address or phone number."""

    row: int
    kind: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class TemplateDraft:
    """A template to be. `examples` are by the keys of the variables' blanks (see `chats.message_templates.components`)."""

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
    """Why Meta would refuse it: the form's field, and a sentence."""

    field: str
    words: Any


def draft_problems(draft: TemplateDraft) -> list[DraftProblem]:
    """All that can be told without asking Meta."""
    return [_problem(draft, found) for found in template_problems(template_definition(draft))]


def _problem(draft: TemplateDraft, found: TemplateProblem) -> DraftProblem:
    """At the draft's own line of the form, where it is about a button."""
    field = found.field if found.button is None else f"button_{draft.buttons[found.button].row}_{found.field}"
    return DraftProblem(field, gettext(found.words))


def template_of(draft: TemplateDraft) -> MessageTemplate:
    """The template as it would be, not stored."""
    made = template_definition(draft)
    columns = ("name", "language", "category", "parameter_format", "components")
    return MessageTemplate(status=MessageTemplate.Status.PENDING, **{column: made[column] for column in columns})


def template_definition(draft: TemplateDraft) -> dict[str, Any]:
    """What Graph is asked to create (docs/meta-platform.md 8.2, 8.4)."""
    names = [*variables_of(draft.header), *variables_of(draft.body)]
    is_named = any(not name.isdecimal() for name in names)
    header: dict[str, Any] = {"type": "HEADER", "format": "TEXT", "text": normalize_variables(draft.header)}
    body: dict[str, Any] = {"type": "BODY", "text": normalize_variables(draft.body)}
    footer: dict[str, Any] = {"type": "FOOTER", "text": draft.footer}
    buttons: dict[str, Any] = {
        "type": "BUTTONS",
        "buttons": [_button(place, each, draft) for place, each in enumerate(draft.buttons)],
    }
    header |= _example("header", draft.header, draft, is_named)
    body |= _example("body", draft.body, draft, is_named)
    given = [(draft.header, header), (True, body), (draft.footer, footer), (draft.buttons, buttons)]
    return {
        "name": draft.name,
        "language": draft.language,
        "category": draft.category,
        "parameter_format": "NAMED" if is_named else "POSITIONAL",
        "components": [component for is_there, component in given if is_there],
    }


def _example(place: str, written: str, draft: TemplateDraft, is_named: bool) -> dict[str, Any]:
    names = variables_of(written)
    if not names:
        return {}
    given = {name: draft.examples.get(f"{place}_{name}", "") for name in names}
    if is_named:
        params = [{"param_name": name, "example": example} for name, example in given.items()]
        return {"example": {f"{place}_text_named_params": params}}
    listed = [given[name] for name in sorted(names, key=int)]
    return {"example": {f"{place}_text": [listed] if place == "body" else listed}}


def _button(place: int, button: DraftButton, draft: TemplateDraft) -> dict[str, Any]:
    made: dict[str, Any] = {"type": button.kind, "text": button.text}
    if button.kind == "PHONE_NUMBER":
        return made | {"phone_number": re.sub(r"[\s().-]", "", button.value)}
    if button.kind == "URL":
        made["url"] = normalize_variables(button.value)
        if variables_of(button.value):
            made["example"] = [made["url"].partition("{{")[0] + draft.examples.get(f"button_{place}", "")]
    return made
