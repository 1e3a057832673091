"""Texts, buttons and fields of a template, read from Meta's components (docs/meta-platform.md 8.2)."""

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
"""Buttons without a field."""
KNOWN_BUTTONS = (*PLAIN_BUTTONS, "URL", "COPY_CODE")


class VariablePosition(StrEnum):
    """Which part of a template a variable or field belongs to."""

    HEADER = "header"
    BODY = "body"
    BUTTON = "button"


@dataclass(frozen=True, slots=True)
class TemplateField:
    """Something to fill in when a template is sent.

    `key` is unique in the template. `name` is the name of the variable. `button` is the index of the button.
    """

    key: str
    position: VariablePosition
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


BUTTON_ICONS = {"URL": "external-link", "PHONE_NUMBER": "phone", "COPY_CODE": "copy"}


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """A button. `value` is its URL, phone number or code."""

    kind: str
    text: str
    value: str = ""

    @property
    def icon(self) -> str:
        """The name of its icon. Empty for a button that answers with its text."""
        return BUTTON_ICONS.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class TemplateTexts:
    """The texts of a template, with its variables."""

    header: str
    header_kind: str
    """text, image, video, document, or another format of Meta in lower case. Empty without a header."""
    body: str
    footer: str
    buttons: Sequence[TemplateButton]


def texts_of(template: MessageTemplate) -> TemplateTexts:
    """Returns the texts of the template. Parts that it does not have are empty."""
    header = _component(template, "HEADER")
    return TemplateTexts(
        header=text(header, "text"),
        header_kind=text(header, "format").lower() or ("text" if header else ""),
        body=text(_component(template, "BODY"), "text"),
        footer=text(_component(template, "FOOTER"), "text"),
        buttons=buttons_of(template.components),
    )


def buttons_of(components: Any) -> list[TemplateButton]:
    """Returns the buttons of a template's components, with their variables."""
    return [_button(each) for each in objects(_find_component(components, "BUTTONS"), "buttons")]


def fields_of(template: MessageTemplate) -> list[TemplateField]:
    """Returns all fields of the template, from the top to the bottom."""
    return [
        *_header_fields(_component(template, "HEADER")),
        *_text_fields(VariablePosition.BODY, _component(template, "BODY"), "body_text"),
        *_button_fields(_component(template, "BUTTONS")),
    ]


def unsupported_reason(template: MessageTemplate) -> Any:
    """Returns why staff cannot send the template, as a sentence; an empty string if it can. Ignores its status at Meta."""
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
    return _find_component(template.components, kind)


def _find_component(components: Any, kind: str) -> Mapping[str, Any]:
    return next((each for each in components if _type(each) == kind), {}) if isinstance(components, list) else {}


def _button(button: Mapping[str, Any]) -> TemplateButton:
    value = text(button, "url") or text(button, "phone_number") or first_of(button.get("example"))
    return TemplateButton(text(button, "type").upper(), text(button, "text"), value)


def _header_fields(header: Mapping[str, Any]) -> Iterator[TemplateField]:
    kind = text(header, "format").lower()
    if kind in HEADER_FILE_KINDS:
        yield TemplateField("header_file", VariablePosition.HEADER, kind)
    else:
        yield from _text_fields(VariablePosition.HEADER, header, "header_text")


def _text_fields(position: VariablePosition, component: Mapping[str, Any], example_key: str) -> Iterator[TemplateField]:
    names = variables_of(text(component, "text"))
    if all(name.isdecimal() for name in names):
        names.sort(key=int)  # the order of Meta's parameters
    examples = examples_of(mapping(component, "example"), example_key, names)
    for name in names:
        yield TemplateField(f"{position}_{name}", position, "text", name, examples.get(name, ""))


def _button_fields(component: Mapping[str, Any]) -> Iterator[TemplateField]:
    for index, button in enumerate(objects(component, "buttons")):
        kind, label, example = text(button, "type").upper(), text(button, "text"), first_of(button.get("example"))
        names = variables_of(text(button, "url")) if kind == "URL" else []
        if names:
            example = example.removeprefix(text(button, "url").partition("{{")[0])
            yield TemplateField(f"button_{index}", VariablePosition.BUTTON, "text", names[0], example, index, label)
        elif kind == "COPY_CODE":
            yield TemplateField(f"button_{index}", VariablePosition.BUTTON, "coupon_code", "", example, index, label)
