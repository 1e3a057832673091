"""What people type about contacts."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import example_number, formatted
from contacts.columns import CHOICES, LEFT_OUT, OTHER_PHONE
from contacts.encodings import ENCODINGS, UTF_8
from contacts.models import Label, Note
from contacts.services import Unfit, one_line, read_label_name
from contacts.sheets import Layout
from organizations.models import PhoneNumber
from organizations.phone_numbers import clean_phone

LONGEST_NAME = 150
COLUMN_WORDS = {
    "phone": _("Phone"),
    OTHER_PHONE: _("Another phone, where the phone is empty"),
    "wa_id": _("Phone with country code, digits only"),
    "name": _("Name"),
    "first_name": _("First name"),
    "middle_name": _("Middle name"),
    "last_name": _("Last name"),
    "labels": _("Labels"),
    "profile": _("Who answers (team, bot, AI)"),
    "number": _("Our number"),
    "user_id": _("WhatsApp user ID"),
}
FORMER_WORDS = {"bot": _("Bot (yes, no)"), "automatic": _("Automatic messages (yes, no)")}
COLUMN_CHOICES = [(LEFT_OUT, _("Leave out")), *((key, COLUMN_WORDS[key]) for key in CHOICES)]


class OneLineField(forms.CharField):
    """Text with one space between its words."""

    def to_python(self, value: Any) -> str:
        return one_line(super().to_python(value) or "")


class NumberChoice(forms.Form):
    """Which of the organization's numbers; not asked where there is one."""

    number = forms.ChoiceField(label=_("On your number"))

    def __init__(self, *args: Any, numbers: Sequence[PhoneNumber], **options: Any) -> None:
        super().__init__(*args, **options)
        self.numbers = {each.phone_number_id: each for each in numbers}
        choice: Any = self.fields["number"]
        choice.choices = [(pk, formatted(each.wa_id)) for pk, each in self.numbers.items()]
        if len(numbers) == 1:
            choice.required, choice.widget = False, forms.HiddenInput()

    def clean_number(self) -> PhoneNumber:
        chosen = self.cleaned_data["number"] or next(iter(self.numbers))
        return self.numbers[chosen]


class NewContactForm(NumberChoice):
    """A person typed in by hand. `phone` becomes the wa_ids that it may mean, the likeliest first."""

    phone = forms.CharField(
        label=_("Phone"),
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
    )
    name = OneLineField(
        label=_("Name"),
        max_length=LONGEST_NAME,
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
    alias = OneLineField(label=_("Name"), max_length=LONGEST_NAME, required=False)


class NoteForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Note
        fields = ("text",)
        error_messages = {"text": {"required": _("Write something first.")}}  # noqa: RUF012


class LabelForm(forms.Form):
    name = OneLineField(label=_("Name"), max_length=40)
    colour = forms.ChoiceField(label=_("Colour"), choices=Label.Colour.choices)

    def clean_name(self) -> str:
        try:
            return read_label_name(self.cleaned_data["name"])
        except Unfit as refusal:
            raise ValidationError(refusal.args[0]) from None


class ImportForm(NumberChoice):
    file = forms.FileField(
        label=_("CSV file"),
        allow_empty_file=True,  # which has its own words: see `contacts.sheets`
        max_length=None,
        error_messages={"required": _("Choose a file.")},
        help_text=_("At most 50,000 contacts and 5 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    field_order = ("file", "number")


class ColumnsForm(forms.Form):
    """What each column of a file is, and how the file is to be read. `column_0` and so on: a key of `contacts.columns`."""

    encoding = forms.ChoiceField(choices=[(UTF_8, "UTF-8"), *ENCODINGS.items()], required=False)
    has_header = forms.BooleanField(required=False)

    def __init__(self, *args: Any, layout: Layout, **options: Any) -> None:
        super().__init__(*args, **options)
        self.known = layout
        for position, key in enumerate(layout.columns):
            former = [(key, FORMER_WORDS[key])] if key in FORMER_WORDS else []
            self.fields[f"column_{position}"] = forms.ChoiceField(choices=COLUMN_CHOICES + former, required=False, initial=key)

    @property
    def layout(self) -> Layout:
        """As it was filled in."""
        given = self.cleaned_data
        columns = tuple(given[f"column_{position}"] for position in range(len(self.known.columns)))
        return Layout(given["encoding"] or self.known.encoding, self.known.separator, columns, given["has_header"])
