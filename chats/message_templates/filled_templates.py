"""A template with its fields filled in: the components for Graph, and a preview of the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chats.media.submitted_files import SubmittedFile
from chats.message_templates.components import (
    TemplateButton,
    TemplateField,
    VariablePosition,
    buttons_of,
    fields_of,
    texts_of,
)
from chats.message_templates.variables import fill_variables
from chats.models import MessageTemplate
from cloud_api.payloads.texts import mapping, objects, text

FieldValues = Mapping[str, str | SubmittedFile | None]
"""Values by the keys of the fields."""


class ValuesMismatch(ValueError):
    """The values do not match the fields of the template."""


@dataclass(frozen=True, slots=True)
class TemplatePreview:
    """How the message will look. `file_name` is the name of the header's file; empty if no file is chosen yet."""

    header: str
    header_kind: str
    file_name: str
    body: str
    footer: str
    buttons: Sequence[TemplateButton]

    @property
    def content(self) -> str:
        """The readable text of the message."""
        return "\n\n".join(filter(None, (self.header, self.body)))


def fill_components(template: MessageTemplate, values: FieldValues) -> list[dict[str, Any]]:
    """Returns the components for `cloud_api.messages.template`. A header's file has no media ID yet. Raises ValuesMismatch."""
    fields = fields_of(template)
    if {field.key for field in fields} != set(values) or not all(values.values()):
        raise ValuesMismatch(template.pk)
    components = []
    for position in (VariablePosition.HEADER, VariablePosition.BODY):
        parameters = [_parameter(template, field, values[field.key]) for field in fields if field.position == position]
        if parameters:
            components.append({"type": str(position), "parameters": parameters})
    return components + [
        _button_component(field, values[field.key]) for field in fields if field.position == VariablePosition.BUTTON
    ]


def _parameter(template: MessageTemplate, field: TemplateField, value: Any) -> dict[str, Any]:
    if field.is_file:
        return {"type": field.kind, field.kind: {"filename": value.file_name} if field.kind == "document" else {}}
    named = {"parameter_name": field.name} if template.parameter_format == MessageTemplate.Format.NAMED else {}
    return {"type": "text", **named, "text": value}


def _button_component(field: TemplateField, value: Any) -> dict[str, Any]:
    is_code = field.kind == "coupon_code"
    parameter = {"type": "coupon_code", "coupon_code": value} if is_code else {"type": "text", "text": value}
    sub_type = "copy_code" if is_code else "url"
    return {"type": "button", "sub_type": sub_type, "index": str(field.button), "parameters": [parameter]}


def build_preview(template: MessageTemplate, values: FieldValues) -> TemplatePreview:
    """Returns how the message looks with these values. Variables without a value stay."""
    texts = texts_of(template)
    file = values.get("header_file")
    return TemplatePreview(
        header=fill_variables(texts.header, _values_by_variable(VariablePosition.HEADER, template, values)),
        header_kind=texts.header_kind,
        file_name=file.file_name if isinstance(file, SubmittedFile) else "",
        body=fill_variables(texts.body, _values_by_variable(VariablePosition.BODY, template, values)),
        footer=texts.footer,
        buttons=[_fill_button(index, button, values) for index, button in enumerate(texts.buttons)],
    )


def build_example_preview(template: MessageTemplate) -> TemplatePreview:
    """Returns how the message looks with the template's examples."""
    return build_preview(template, {field.key: field.example for field in fields_of(template) if not field.is_file})


def values_of_parameters(template: MessageTemplate, components: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the texts of the parameters by the keys of the template's fields. Those that do not fit are left out."""
    values: dict[str, str] = {}
    for position in (VariablePosition.HEADER, VariablePosition.BODY):
        found = [each for each in components if str(each.get("type", "")).lower() == position]
        given = found[0].get("parameters") if found else None
        parameters = [each if isinstance(each, dict) else {} for each in given] if isinstance(given, list) else []
        fields = [field for field in fields_of(template) if field.position == position and not field.is_file]
        if template.parameter_format == MessageTemplate.Format.NAMED:
            pairs = [(field, each) for each in parameters for field in fields if each.get("parameter_name") == field.name]
        else:
            pairs = list(zip(fields, parameters, strict=False))
        values |= {field.key: each["text"] for field, each in pairs if isinstance(each.get("text"), str)}
    return values


def with_definition(message: Mapping[str, Any], template: MessageTemplate) -> dict[str, Any]:
    """Returns the API object with the template's definition, as it is now. It is stored with the message, so that the conversation
    shows the buttons (`sent_buttons`), and is not sent."""
    return {**message, "definition": {"components": template.components}}


def sent_buttons(payload: Mapping[str, Any]) -> list[TemplateButton]:
    """Returns the buttons of a template that was sent, with their values. Empty if its definition was not stored."""
    components = objects(mapping(payload, "template"), "components")
    sent = {text(each, "index"): objects(each, "parameters") for each in components if text(each, "type").lower() == "button"}
    values = {
        f"button_{index}": text(parameters[0], "coupon_code") or text(parameters[0], "text")
        for index, parameters in sent.items()
        if parameters
    }
    buttons = buttons_of(mapping(payload, "definition").get("components"))
    return [_fill_button(index, button, values) for index, button in enumerate(buttons)]


def _values_by_variable(position: VariablePosition, template: MessageTemplate, values: FieldValues) -> dict[str, str]:
    fields = [field for field in fields_of(template) if field.position == position and not field.is_file]
    return {field.name: str(values.get(field.key) or "") for field in fields}


def _fill_button(index: int, button: TemplateButton, values: FieldValues) -> TemplateButton:
    value = str(values.get(f"button_{index}") or "")
    if not value:
        return button
    if button.kind == "COPY_CODE":
        return TemplateButton(button.kind, button.text, value)
    return TemplateButton(button.kind, button.text, button.value.partition("{{")[0] + value)
