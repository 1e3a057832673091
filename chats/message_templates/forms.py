"""Django forms about templates: the fields of one template, and the editor of a new template."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.media.submitted_files import SubmittedFile, read_submitted_file
from chats.message_templates.components import TemplateField, VariablePosition, fields_of
from chats.message_templates.filled_templates import FieldValues, TemplatePreview, build_example_preview, build_preview
from chats.message_templates.rules import DraftButton, TemplateDraft, draft_problems, template_of
from chats.message_templates.status_texts import LANGUAGES
from chats.models import MessageTemplate
from cloud_api.messages import MEDIA_LIMITS, InvalidMessage
from cloud_api.template_checks import (
    MAX_BODY_LENGTH,
    MAX_BUTTONS,
    MAX_COUPON_CODE_LENGTH,
    MAX_HEADER_LENGTH,
    MAX_VALUE_LENGTH,
    check_address_end,
    check_coupon_code,
    check_value,
)
from cloud_api.wa_ids import BRAZIL, candidates
from organizations.text_display import GroupedInt, invalid_message_text

PREFIX = "fill"
FILE_WORDS = {"image": _("Image"), "video": _("Video"), "document": _("Document")}


class ParameterField(forms.CharField):
    """The value of a variable, the end of a button's URL, or a code. `check` raises InvalidMessage if WhatsApp refuses the
    value."""

    def __init__(self, *, check: Callable[[str], None], **options: Any) -> None:
        super().__init__(widget=forms.TextInput({"autocomplete": "off"}), **options)
        self.check = check

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        try:
            self.check(text)
        except InvalidMessage as refusal:
            raise ValidationError(invalid_message_text(refusal)) from None
        return text


class HeaderFileField(forms.FileField):
    """The file of a header. Its cleaned value is a SubmittedFile."""

    def __init__(self, *, kind: str, **options: Any) -> None:
        accepted = ",".join(sorted(MEDIA_LIMITS[kind].mime_types))
        super().__init__(widget=forms.FileInput({"accept": accepted}), max_length=None, **options)
        self.kind = kind

    def clean(self, value: Any, initial: Any = None) -> Any:
        file = super().clean(value, initial)
        try:
            submitted = read_submitted_file(file)
        except InvalidMessage as refusal:
            raise ValidationError(invalid_message_text(refusal)) from None
        if submitted.kind != self.kind:
            words = gettext("This is another kind of file. This template needs: %(kind)s.")
            raise ValidationError(words % {"kind": FILE_WORDS[self.kind]})
        return submitted


class TemplateFieldsForm(forms.Form):
    """A form field for each field of the template. A value for another field means that the template has changed in the
    meantime."""

    prefix = PREFIX

    def __init__(self, *args: Any, template: MessageTemplate, **options: Any) -> None:
        super().__init__(*args, **options)
        self.template = template
        for field in fields_of(template):
            self.fields[field.key] = _form_field(field)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        expected = {self.add_prefix(name) for name in self.fields}
        if any(name.startswith(f"{PREFIX}-") and name not in expected for name in (*self.data, *self.files)):
            raise ValidationError(_("The template was changed meanwhile. Read it once more, and fill it in anew."))
        if not self.errors:
            self._check_lengths(cleaned)
        return cleaned

    def _check_lengths(self, values: FieldValues) -> None:
        preview = build_preview(self.template, values)
        if error := length_error(preview):
            raise ValidationError(error)
        if len(preview.header) > MAX_HEADER_LENGTH:
            raise ValidationError(_("With this, the header is longer than the 60 characters that WhatsApp takes."))

    @property
    def values(self) -> FieldValues:
        """The values by the keys of the fields. The form must be valid."""
        return {key: self.cleaned_data[key] for key in self.fields}

    @property
    def upload(self) -> SubmittedFile | None:
        """The header's file. The form must be valid."""
        return self.cleaned_data.get("header_file")


def submitted_values(template: MessageTemplate, posted: Mapping[str, str]) -> dict[str, str]:
    """Returns the submitted values by the keys of the fields, without checking them."""
    return {field.key: posted.get(f"{PREFIX}-{field.key}", "").strip() for field in fields_of(template) if not field.is_file}


def length_error(preview: TemplatePreview) -> str:
    """Returns how much too long the body is, as a sentence; an empty string if it is not."""
    over = len(preview.body) - MAX_BODY_LENGTH
    if over <= 0:
        return ""
    text = gettext("The text may have %(limit)s characters with everything filled in: it has %(over)s too many.")
    return text % {"limit": GroupedInt(MAX_BODY_LENGTH), "over": GroupedInt(over)}


def _form_field(field: TemplateField) -> forms.Field:
    if field.is_file:
        return HeaderFileField(kind=field.kind, label=FILE_WORDS[field.kind])
    hint = format_html(gettext("For example: {}"), field.example) if field.example else ""
    max_length = MAX_VALUE_LENGTH
    check: Callable[[str], None] = check_value
    if field.kind == "coupon_code":
        max_length, check = MAX_COUPON_CODE_LENGTH, check_coupon_code
    elif field.position == VariablePosition.BUTTON:
        check = check_address_end
    form_field = ParameterField(label=_label(field), check=check, max_length=max_length, help_text=hint)
    form_field.widget.attrs["placeholder"] = field.example
    return form_field


def _label(field: TemplateField) -> str:
    variable = f"{{{{{field.name}}}}}"
    if field.position == VariablePosition.HEADER:
        return gettext("%(variable)s in the header") % {"variable": variable}
    if field.position == VariablePosition.BODY:
        return variable
    text = (
        gettext("Code of the button “%(button)s”") if field.kind == "coupon_code" else gettext("Address of the button “%(button)s”")
    )
    return text % {"button": field.label}


CATEGORIES = [
    ("UTILITY", _("Utility")),
    ("MARKETING", _("Marketing")),
]
BUTTON_KINDS = [
    ("", _("No button")),
    ("QUICK_REPLY", _("Quick reply")),
    ("URL", _("Opens an address")),
    ("PHONE_NUMBER", _("Calls a number")),
]


class DraftForm(forms.Form):
    """The editor of a new template. It has fields for the examples of the variables, and lines for buttons.

    The page requests the form again while staff types, because the fields depend on the texts. It is then not bound: it has
    `initial`, and no errors.
    """

    name = forms.CharField(
        label=_("Name"),
        max_length=512,
        help_text=_("Small letters, digits and _. Customers do not see it."),
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES, initial="pt_BR")
    category = forms.ChoiceField(
        label=_("Category"),
        choices=CATEGORIES,
        help_text=_("Utility is about what the customer ordered or asked for; offers, news and invitations are marketing."),
    )
    header = forms.CharField(
        label=_("Header"),
        required=False,
        help_text=_("A short title; may stay empty."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    body = forms.CharField(
        label=_("Text"),
        required=False,
        help_text=_("What changes from message to message is written {{1}}, {{2}} … or {{name}}."),
        widget=forms.Textarea({"rows": 6}),
    )
    footer = forms.CharField(
        label=_("Footer"),
        required=False,
        help_text=_("Small print; may stay empty."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, country: str = BRAZIL, **options: Any) -> None:
        super().__init__(*args, **options)
        self._country = country
        self._values: Mapping[str, Any] = self.data if self.is_bound else self.initial
        for row in range(MAX_BUTTONS):
            self.fields |= _button_fields(row)
        self.draft = self._read()
        for field in fields_of(template_of(self.draft)):
            self.fields[f"example_{field.key}"] = forms.CharField(
                label=_label(field), required=False, widget=forms.TextInput({"autocomplete": "off"})
            )
        self.draft = self._read()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for problem in draft_problems(self.draft):
            if problem.field not in self.errors:
                self.add_error(problem.field, problem.words)
        return cleaned

    def _read(self) -> TemplateDraft:
        values = {name: self._value(name) for name in self.fields}
        buttons = [
            DraftButton(row, kind, values[f"button_{row}_text"], self._button_value(kind, values[f"button_{row}_value"]))
            for row in range(MAX_BUTTONS)
            if (kind := values[f"button_{row}_kind"])
        ]
        examples = {name.removeprefix("example_"): values[name] for name in values if name.startswith("example_")}
        columns = ("name", "language", "category", "header", "body", "footer")
        return TemplateDraft(**{name: values[name] for name in columns}, buttons=buttons, examples=examples)

    def _button_value(self, kind: str, value: str) -> str:
        """Returns the value of a button. A phone number gets its country code."""
        if kind == "PHONE_NUMBER" and (wa_ids := candidates(value, country=self._country)):
            return f"+{wa_ids[0]}"
        return value

    def _value(self, name: str) -> str:
        """Returns the value of a field as it was entered."""
        value = self._values.get(name)
        return str(self.fields[name].initial or "" if value is None else value).replace("\r\n", "\n").strip()

    @property
    def example_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("example_")]

    @property
    def button_rows(self) -> list[dict[str, Any]]:
        """The lines that are in use, and an empty one."""
        used = max((button.row for button in self.draft.buttons), default=-1) + 1
        return [
            {part: self[f"button_{row}_{part}"] for part in ("kind", "text", "value")} | {"is": self._value(f"button_{row}_kind")}
            for row in range(min(used + 1, MAX_BUTTONS))
        ]

    @property
    def preview(self) -> TemplatePreview:
        """How a message of the template looks, with its examples."""
        return build_example_preview(template_of(self.draft))


def _button_fields(row: int) -> dict[str, forms.Field]:
    plain = {"autocomplete": "off"}
    return {
        f"button_{row}_kind": forms.ChoiceField(label=_("Button"), choices=BUTTON_KINDS, required=False),
        f"button_{row}_text": forms.CharField(label=_("It says"), required=False, widget=forms.TextInput(plain)),
        f"button_{row}_value": forms.CharField(label=_("Address or number"), required=False, widget=forms.TextInput(plain)),
    }
