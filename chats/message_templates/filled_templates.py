"""A template with its blanks filled: the parameters for Graph, and how it will look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chats.media.uploads import Upload
from chats.message_templates.components import Blank, Button, Place, blanks_of, parts_of
from chats.message_templates.variables import filled
from chats.models import MessageTemplate

Values = Mapping[str, str | Upload | None]
"""By the blanks' keys."""


class WrongValues(ValueError):
    """There are not the values that the template asks for, no more and no fewer."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How the message will look. `file_name` is that of the header's file, once there is one."""

    header: str
    header_kind: str
    file_name: str
    body: str
    footer: str
    buttons: Sequence[Button]

    @property
    def content(self) -> str:
        """What people read of it."""
        return "\n\n".join(filter(None, (self.header, self.body)))


def components_for(template: MessageTemplate, values: Values) -> list[dict[str, Any]]:
    """The components for `cloud_api.messages.template`; a header's file has no media id yet. Raises WrongValues."""
    blanks = blanks_of(template)
    if {blank.key for blank in blanks} != set(values) or not all(values.values()):
        raise WrongValues(template.pk)
    components = []
    for place in (Place.HEADER, Place.BODY):
        parameters = [_parameter(template, blank, values[blank.key]) for blank in blanks if blank.place == place]
        if parameters:
            components.append({"type": str(place), "parameters": parameters})
    return components + [_button(blank, values[blank.key]) for blank in blanks if blank.place == Place.BUTTON]


def _parameter(template: MessageTemplate, blank: Blank, value: Any) -> dict[str, Any]:
    if blank.is_file:
        return {"type": blank.kind, blank.kind: {"filename": value.file_name} if blank.kind == "document" else {}}
    named = {"parameter_name": blank.name} if template.parameter_format == MessageTemplate.Format.NAMED else {}
    return {"type": "text", **named, "text": value}


def _button(blank: Blank, value: Any) -> dict[str, Any]:
    is_code = blank.kind == "coupon_code"
    parameter = {"type": "coupon_code", "coupon_code": value} if is_code else {"type": "text", "text": value}
    sub_type = "copy_code" if is_code else "url"
    return {"type": "button", "sub_type": sub_type, "index": str(blank.button), "parameters": [parameter]}


def preview(template: MessageTemplate, values: Values) -> Preview:
    """With these values; what has none keeps its variable."""
    parts = parts_of(template)
    file = values.get("header_file")
    return Preview(
        header=filled(parts.header, _of(Place.HEADER, template, values)),
        header_kind=parts.header_kind,
        file_name=file.file_name if isinstance(file, Upload) else "",
        body=filled(parts.body, _of(Place.BODY, template, values)),
        footer=parts.footer,
        buttons=[_shown(place, button, values) for place, button in enumerate(parts.buttons)],
    )


def example(template: MessageTemplate) -> Preview:
    """With the examples that Meta was given."""
    return preview(template, {blank.key: blank.example for blank in blanks_of(template) if not blank.is_file})


def _of(place: Place, template: MessageTemplate, values: Values) -> dict[str, str]:
    blanks = [blank for blank in blanks_of(template) if blank.place == place and not blank.is_file]
    return {blank.name: str(values.get(blank.key) or "") for blank in blanks}


def _shown(place: int, button: Button, values: Values) -> Button:
    value = str(values.get(f"button_{place}") or "")
    if not value:
        return button
    if button.kind == "COPY_CODE":
        return Button(button.kind, button.text, value)
    return Button(button.kind, button.text, button.value.partition("{{")[0] + value)
