"""Forms of contacts, notes and labels."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import example_number, formatted
from contacts.models import Label, Note
from contacts.services import InvalidInput, collapse_whitespace, read_label_name
from organizations.models import PhoneNumber
from organizations.phone_numbers import clean_phone

MAX_NAME_LENGTH = 150


class SingleLineField(forms.CharField):
    """A text in one line, with one space between words."""

    def to_python(self, value: Any) -> str:
        return collapse_whitespace(super().to_python(value) or "")


class NumberForm(forms.Form):
    """A choice among the organization's numbers, hidden if there is one number only."""

    number = forms.ChoiceField(label=_("On your number"))

    def __init__(self, *args: Any, numbers: Sequence[PhoneNumber], **options: Any) -> None:
        super().__init__(*args, **options)
        self.numbers = {each.phone_number_id: each for each in numbers}
        choice: Any = self.fields["number"]
        choice.choices = [(pk, formatted(each.wa_id)) for pk, each in self.numbers.items()]
        if len(numbers) == 1:
            choice.required, choice.widget = False, forms.HiddenInput()

    def clean_number(self) -> PhoneNumber:
        phone_number_id = self.cleaned_data["number"] or next(iter(self.numbers))
        return self.numbers[phone_number_id]


class NewContactForm(NumberForm):
    """A new contact. The cleaned `phone` is the wa_ids that it may mean, the likeliest first."""

    phone = forms.CharField(
        label=_("Phone"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    name = SingleLineField(
        label=_("Name"),
        max_length=MAX_NAME_LENGTH,
        required=False,
        help_text=_("What your team calls the person. May stay empty."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("phone", "name", "number")

    def __init__(self, *args: Any, country: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.country = country
        self.fields["phone"].help_text = _("As you would dial it: %(example)s. Foreign numbers begin with +.") % {
            "example": example_number(country)
        }

    def clean_phone(self) -> tuple[str, ...]:
        return clean_phone(self.cleaned_data["phone"], country=self.country)


class AliasForm(forms.Form):
    alias = SingleLineField(label=_("Name"), max_length=MAX_NAME_LENGTH, required=False)


class NoteForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Note
        fields = ("text",)
        error_messages = {"text": {"required": _("Write something first.")}}  # noqa: RUF012


class LabelForm(forms.Form):
    name = SingleLineField(label=_("Name"), max_length=40)
    colour = forms.ChoiceField(label=_("Colour"), choices=Label.Colour.choices)

    def clean_name(self) -> str:
        try:
            return read_label_name(self.cleaned_data["name"])
        except InvalidInput as refusal:
            raise ValidationError(refusal.args[0]) from None
