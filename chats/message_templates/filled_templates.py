"""A template with its blanks filled: the parameters for Graph, and how it will look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chats.media.submitted_files import SubmittedFile
from chats.message_templates.components import TemplateButton, TemplateField, VariablePosition, fields_of, texts_of
from chats.message_templates.variables import fill_variables
from chats.models import MessageTemplate

FieldValues = Mapping[str, str | SubmittedFile | None]
"""By the blanks' keys."""


class ValuesMismatch(ValueError):
    """There are not the values that the template asks for, no more and no fewer."""


@dataclass(frozen=True, slots=True)
class TemplatePreview:
    """How the message will look. `file_name` is that of the header's file, once there is one."""

    header: str
    header_kind: str
    file_name: str
    body: str
    footer: str
    buttons: Sequence[TemplateButton]

    @property
    def content(self) -> str:
        """What people read of it."""
        return "\n\n".join(filter(None, (self.header, self.body)))


def fill_components(template: MessageTemplate, values: FieldValues) -> list[dict[str, Any]]:
    """The components for `cloud_api.messages.template`; a header's file has no media id yet. Raises ValuesMismatch."""
    blanks = fields_of(template)
    if {blank.key for blank in blanks} != set(values) or not all(values.values()):
        raise ValuesMismatch(template.pk)
    components = []
    for place in (VariablePosition.HEADER, VariablePosition.BODY):
        parameters = [_parameter(template, blank, values[blank.key]) for blank in blanks if blank.place == place]
        if parameters:
            components.append({"type": str(place), "parameters": parameters})
    return components + [_button(blank, values[blank.key]) for blank in blanks if blank.place == VariablePosition.BUTTON]


def _parameter(template: MessageTemplate, blank: TemplateField, value: Any) -> dict[str, Any]:
    if blank.is_file:
        return {"type": blank.kind, blank.kind: {"filename": value.file_name} if blank.kind == "document" else {}}
    named = {"parameter_name": blank.name} if template.parameter_format == MessageTemplate.Format.NAMED else {}
    return {"type": "text", **named, "text": value}


def _button(blank: TemplateField, value: Any) -> dict[str, Any]:
    is_code = blank.kind == "coupon_code"
    parameter = {"type": "coupon_code", "coupon_code": value} if is_code else {"type": "text", "text": value}
    sub_type = "copy_code" if is_code else "url"
    return {"type": "button", "sub_type": sub_type, "index": str(blank.button), "parameters": [parameter]}


def build_preview(template: MessageTemplate, values: FieldValues) -> TemplatePreview:
    """With these values; what has none keeps its variable."""
    parts = texts_of(template)
    file = values.get("header_file")
    return TemplatePreview(
        header=fill_variables(parts.header, _of(VariablePosition.HEADER, template, values)),
        header_kind=parts.header_kind,
        file_name=file.file_name if isinstance(file, SubmittedFile) else "",
        body=fill_variables(parts.body, _of(VariablePosition.BODY, template, values)),
        footer=parts.footer,
        buttons=[_shown(place, button, values) for place, button in enumerate(parts.buttons)],
    )


def build_example_preview(template: MessageTemplate) -> TemplatePreview:
    """With the examples that Meta was given."""
    return build_preview(template, {blank.key: blank.example for blank in fields_of(template) if not blank.is_file})


def _of(place: VariablePosition, template: MessageTemplate, values: FieldValues) -> dict[str, str]:
    blanks = [blank for blank in fields_of(template) if blank.place == place and not blank.is_file]
    return {blank.name: str(values.get(blank.key) or "") for blank in blanks}


def _shown(place: int, button: TemplateButton, values: FieldValues) -> TemplateButton:
    value = str(values.get(f"button_{place}") or "")
    if not value:
        return button
    if button.kind == "COPY_CODE":
        return TemplateButton(button.kind, button.text, value)
    return TemplateButton(button.kind, button.text, button.value.partition("{{")[0] + value)
