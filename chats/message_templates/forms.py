"""Forms about templates: one for the blanks of a template that is there, made anew for each, and one for a template to be."""

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
    LONGEST_BODY,
    LONGEST_COUPON_CODE,
    LONGEST_HEADER,
    LONGEST_VALUE,
    MOST_BUTTONS,
    check_address_end,
    check_coupon_code,
    check_value,
)
from cloud_api.wa_ids import BRAZIL, candidates

PREFIX = "fill"
FILE_WORDS = {"image": _("Image"), "video": _("Video"), "document": _("Document")}


class ParameterField(forms.CharField):
    """The value of a variable, the end of a button's address or a code: `check` raises InvalidMessage for what WhatsApp refuses."""

    def __init__(self, *, check: Callable[[str], None], **options: Any) -> None:
        super().__init__(widget=forms.TextInput({"autocomplete": "off"}), **options)
        self.check = check

    def clean(self, value: Any) -> str:
        line = str(super().clean(value))
        try:
            self.check(line)
        except InvalidMessage as refusal:
            raise ValidationError(gettext(refusal.words) % {"limit": refusal.limit}) from None
        return line


class HeaderFileField(forms.FileField):
    """The file of a header, which becomes an Upload of its kind."""

    def __init__(self, *, kind: str, **options: Any) -> None:
        accepted = ",".join(sorted(MEDIA_LIMITS[kind].mime_types))
        super().__init__(widget=forms.FileInput({"accept": accepted}), max_length=None, **options)
        self.kind = kind

    def clean(self, value: Any, initial: Any = None) -> Any:
        file = super().clean(value, initial)
        try:
            upload = read_submitted_file(file)
        except InvalidMessage as refusal:
            raise ValidationError(gettext(refusal.words) % {"limit": refusal.limit}) from None
        if upload.kind != self.kind:
            words = gettext("This is another kind of file. This template needs: %(kind)s.")
            raise ValidationError(words % {"kind": FILE_WORDS[self.kind]})
        return upload


class TemplateFieldsForm(forms.Form):
    """A field for every blank of the template. What comes for a blank that it has not means that it was changed meanwhile."""

    prefix = PREFIX

    def __init__(self, *args: Any, template: MessageTemplate, **options: Any) -> None:
        super().__init__(*args, **options)
        self.template = template
        for blank in fields_of(template):
            self.fields[blank.key] = _field(blank)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        expected = {self.add_prefix(name) for name in self.fields}
        if any(name.startswith(f"{PREFIX}-") and name not in expected for name in (*self.data, *self.files)):
            raise ValidationError(_("The template was changed meanwhile. Read it once more, and fill it in anew."))
        if not self.errors:
            self._check_lengths(cleaned)
        return cleaned

    def _check_lengths(self, values: FieldValues) -> None:
        shown = build_preview(self.template, values)
        if len(shown.body) > LONGEST_BODY:
            raise ValidationError(_too_long(LONGEST_BODY, len(shown.body) - LONGEST_BODY))
        if len(shown.header) > LONGEST_HEADER:
            raise ValidationError(_("With this, the header is longer than the 60 characters that WhatsApp takes."))

    @property
    def values(self) -> FieldValues:
        """By the blanks' keys; of a form that is valid."""
        return {key: self.cleaned_data[key] for key in self.fields}

    @property
    def upload(self) -> SubmittedFile | None:
        """The header's file; of a form that is valid."""
        return self.cleaned_data.get("header_file")


def submitted_values(template: MessageTemplate, posted: Mapping[str, str]) -> dict[str, str]:
    """What has been typed so far, by the blanks' keys, right or wrong."""
    return {blank.key: posted.get(f"{PREFIX}-{blank.key}", "").strip() for blank in fields_of(template) if not blank.is_file}


def length_error(shown: TemplatePreview) -> str:
    """How much too long it is, in a sentence; nothing if it is not."""
    over = len(shown.body) - LONGEST_BODY
    return _too_long(LONGEST_BODY, over) if over > 0 else ""


def _too_long(limit: int, over: int) -> str:
    words = gettext("The text may have %(limit)s characters with everything filled in: it has %(over)s too many.")
    return words % {"limit": limit, "over": over}


def _field(blank: TemplateField) -> forms.Field:
    if blank.is_file:
        return HeaderFileField(kind=blank.kind, label=FILE_WORDS[blank.kind])
    hint = format_html(gettext("For example: {}"), blank.example) if blank.example else ""
    longest = LONGEST_VALUE
    check: Callable[[str], None] = check_value
    if blank.kind == "coupon_code":
        longest, check = LONGEST_COUPON_CODE, check_coupon_code
    elif blank.place == VariablePosition.BUTTON:
        check = check_address_end
    field = ParameterField(label=_label(blank), check=check, max_length=longest, help_text=hint)
    field.widget.attrs["placeholder"] = blank.example
    return field


def _label(blank: TemplateField) -> str:
    name = f"{{{{{blank.name}}}}}"
    if blank.place == VariablePosition.HEADER:
        return gettext("%(variable)s in the header") % {"variable": name}
    if blank.place == VariablePosition.BODY:
        return name
    words = (
        gettext("Code of the button “%(button)s”") if blank.kind == "coupon_code" else gettext("Address of the button “%(button)s”")
    )
    return words % {"button": blank.label}


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
    """A template to be. It has lines for buttons and fields for the variables' examples as far as what was typed asks for them, so
    that it is shown anew while somebody types: then with `initial` alone, and no errors."""

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
        self._written: Mapping[str, Any] = self.data if self.is_bound else self.initial
        for row in range(MOST_BUTTONS):
            self.fields |= _button_fields(row)
        self.draft = self._read()
        for blank in fields_of(template_of(self.draft)):
            self.fields[f"example_{blank.key}"] = forms.CharField(
                label=_label(blank), required=False, widget=forms.TextInput({"autocomplete": "off"})
            )
        self.draft = self._read()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for problem in draft_problems(self.draft):
            if problem.field not in self.errors:
                self.add_error(problem.field, problem.words)
        return cleaned

    def _read(self) -> TemplateDraft:
        submitted_values = {name: self._typed(name) for name in self.fields}
        buttons = [
            DraftButton(
                row, kind, submitted_values[f"button_{row}_text"], self._button_value(kind, submitted_values[f"button_{row}_value"])
            )
            for row in range(MOST_BUTTONS)
            if (kind := submitted_values[f"button_{row}_kind"])
        ]
        examples = {
            name.removeprefix("example_"): submitted_values[name] for name in submitted_values if name.startswith("example_")
        }
        columns = ("name", "language", "category", "header", "body", "footer")
        return TemplateDraft(**{name: submitted_values[name] for name in columns}, buttons=buttons, examples=examples)

    def _button_value(self, kind: str, submitted_values: str) -> str:
        """A phone number with its country code, however it is typed."""
        if kind == "PHONE_NUMBER" and (wa_ids := candidates(submitted_values, country=self._country)):
            return f"+{wa_ids[0]}"
        return submitted_values

    def _typed(self, name: str) -> str:
        written = self._written.get(name)
        return str(self.fields[name].initial or "" if written is None else written).replace("\r\n", "\n").strip()

    @property
    def example_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("example_")]

    @property
    def button_rows(self) -> list[dict[str, Any]]:
        """The lines that are in use, and one to go on with."""
        used = max((button.row for button in self.draft.buttons), default=-1) + 1
        return [
            {part: self[f"button_{row}_{part}"] for part in ("kind", "text", "value")} | {"is": self._typed(f"button_{row}_kind")}
            for row in range(min(used + 1, MOST_BUTTONS))
        ]

    @property
    def build_preview(self) -> TemplatePreview:
        """With the examples that are there."""
        return build_example_preview(template_of(self.draft))


def _button_fields(row: int) -> dict[str, forms.Field]:
    plain = {"autocomplete": "off"}
    return {
        f"button_{row}_kind": forms.ChoiceField(label=_("Button"), choices=BUTTON_KINDS, required=False),
        f"button_{row}_text": forms.CharField(label=_("It says"), required=False, widget=forms.TextInput(plain)),
        f"button_{row}_value": forms.CharField(label=_("Address or number"), required=False, widget=forms.TextInput(plain)),
    }
