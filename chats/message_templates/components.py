"""The parts of a template, read from Meta's components (docs/meta-platform.md 8.2), and the fields to fill in when it is sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from chats.models import MessageTemplate
from cloud_api.payloads.texts import mapping, objects, text
from cloud_api.template_checks import examples_of, first_of
from cloud_api.template_variables import variables_of

HEADER_FILE_KINDS = ("image", "video", "document")
PLAIN_BUTTONS = ("QUICK_REPLY", "PHONE_NUMBER")
"""Buttons that nothing has to be told of."""
KNOWN_BUTTONS = (*PLAIN_BUTTONS, "URL", "COPY_CODE")


class VariablePosition(StrEnum):
    """Where a variable stands."""

    HEADER = "header"
    BODY = "body"
    BUTTON = "button"


@dataclass(frozen=True, slots=True)
class TemplateField:
    """Something to be filled in. `key` names it among a template's; `name` is the variable's, `button` the button's index."""

    key: str
    place: VariablePosition
    kind: str
    """text, coupon_code, or the kind of the header's file: image, video, document."""
    name: str = ""
    example: str = ""
    button: int | None = None
    label: str = ""
    """The button's text."""

    @property
    def is_file(self) -> bool:
        return self.kind in HEADER_FILE_KINDS


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button as Meta has it; `value` is its address, phone number or code."""

    kind: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class TemplateTexts:
    """A template's texts as they are written, variables and all."""

    header: str
    header_kind: str
    """text, image, video, document, Meta's other words in lower case, or nothing."""
    body: str
    footer: str
    buttons: Sequence[TemplateButton]


def texts_of(template: MessageTemplate) -> TemplateTexts:
    header = _component(template, "HEADER")
    return TemplateTexts(
        header=text(header, "text"),
        header_kind=text(header, "format").lower() or ("text" if header else ""),
        body=text(_component(template, "BODY"), "text"),
        footer=text(_component(template, "FOOTER"), "text"),
        buttons=[_button(each) for each in objects(_component(template, "BUTTONS"), "buttons")],
    )


def fields_of(template: MessageTemplate) -> list[TemplateField]:
    """All that has to be filled in, from the top to the bottom."""
    return [*_of_header(template), *_of_body(template), *_of_buttons(template)]


def unsupported_reason(template: MessageTemplate) -> Any:
    """Why a template cannot be sent from the hub, in a sentence; nothing if it can. Whether Meta takes it now is another matter."""
    if not _component(template, "BODY"):
        return _("Its text is not known here yet. An administrator can bring the templates up to date.")
    if template.category == MessageTemplate.Category.AUTHENTICATION:
        return _("Templates with one-time codes are sent by programs, not by hand.")
    if texts_of(template).header_kind == "location":
        return _("It shows a place on a map, which cannot be filled in here.")
    known = {"HEADER", "BODY", "FOOTER", "BUTTONS"}
    if any(_type(each) not in known for each in template.components):
        return _("It has cards or an offer, which cannot be filled in here.")
    if texts_of(template).header_kind not in ("", "text", *HEADER_FILE_KINDS):
        return _("Its header is of a kind that cannot be filled in here.")
    if any(each.kind not in KNOWN_BUTTONS for each in texts_of(template).buttons):
        return _("It has a button that cannot be filled in here.")
    return ""


def _type(component: Any) -> str:
    return text(component, "type").upper() if isinstance(component, Mapping) else ""


def _component(template: MessageTemplate, kind: str) -> Mapping[str, Any]:
    components = template.components if isinstance(template.components, list) else []
    return next((each for each in components if _type(each) == kind), {})


def _button(button: Mapping[str, Any]) -> TemplateButton:
    value = text(button, "url") or text(button, "phone_number") or first_of(button.get("example"))
    return TemplateButton(text(button, "type").upper(), text(button, "text"), value)


def _of_header(template: MessageTemplate) -> Iterator[TemplateField]:
    header = _component(template, "HEADER")
    kind = text(header, "format").lower()
    if kind in HEADER_FILE_KINDS:
        yield TemplateField("header_file", VariablePosition.HEADER, kind)
    else:
        yield from _of_text(VariablePosition.HEADER, header, "header_text")


def _of_body(template: MessageTemplate) -> Iterator[TemplateField]:
    yield from _of_text(VariablePosition.BODY, _component(template, "BODY"), "body_text")


def _of_text(place: VariablePosition, component: Mapping[str, Any], example: str) -> Iterator[TemplateField]:
    names = variables_of(text(component, "text"))
    if all(name.isdecimal() for name in names):
        names.sort(key=int)  # which is the order of Meta's parameters
    examples = examples_of(mapping(component, "example"), example, names)
    for name in names:
        yield TemplateField(f"{place}_{name}", place, "text", name, examples.get(name, ""))


def _of_buttons(template: MessageTemplate) -> Iterator[TemplateField]:
    for place, button in enumerate(objects(_component(template, "BUTTONS"), "buttons")):
        kind, label, example = text(button, "type").upper(), text(button, "text"), first_of(button.get("example"))
        names = variables_of(text(button, "url")) if kind == "URL" else []
        if names:
            example = example.removeprefix(text(button, "url").partition("{{")[0])
            yield TemplateField(f"button_{place}", VariablePosition.BUTTON, "text", names[0], example, place, label)
        elif kind == "COPY_CODE":
            yield TemplateField(f"button_{place}", VariablePosition.BUTTON, "coupon_code", "", example, place, label)
