"""Forms of an import: the file, and its columns."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from contacts.csv.columns import COLUMN_KEYS, LEFT_OUT, OTHER_PHONE
from contacts.csv.encodings import ENCODINGS, UTF_8
from contacts.csv.tables import Layout
from contacts.forms import NumberForm

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
    "marketing": _("Accepts marketing messages (yes, no)"),
}
FORMER_WORDS = {"bot": _("Bot (yes, no)"), "automatic": _("Automatic messages (yes, no)")}
COLUMN_CHOICES = [(LEFT_OUT, _("Leave out")), *((key, COLUMN_WORDS[key]) for key in COLUMN_KEYS)]


class ImportForm(NumberForm):
    file = forms.FileField(
        label=_("CSV file"),
        allow_empty_file=True,  # `contacts.csv.tables` refuses it with its own text
        max_length=None,
        error_messages={"required": _("Choose a file.")},
        help_text=_("At most 50,000 contacts and 5 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    field_order = ("file", "number")


class ColumnsForm(forms.Form):
    """The layout of a file: encoding, header and columns. `column_0` and so on are keys of `contacts.csv.columns`."""

    encoding = forms.ChoiceField(choices=[(UTF_8, "UTF-8"), *ENCODINGS.items()], required=False)
    has_header = forms.BooleanField(required=False)

    def __init__(self, *args: Any, layout: Layout, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = layout
        for index, key in enumerate(layout.columns):
            former = [(key, FORMER_WORDS[key])] if key in FORMER_WORDS else []
            self.fields[f"column_{index}"] = forms.ChoiceField(choices=COLUMN_CHOICES + former, required=False, initial=key)

    @property
    def layout(self) -> Layout:
        """The layout that the user chose, in a valid form."""
        cleaned = self.cleaned_data
        columns = tuple(cleaned[f"column_{index}"] for index in range(len(self.before.columns)))
        return Layout(cleaned["encoding"] or self.before.encoding, self.before.separator, columns, cleaned["has_header"])
