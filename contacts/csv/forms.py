"""Forms of an import: the file, and what its columns are."""

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
}
FORMER_WORDS = {"bot": _("Bot (yes, no)"), "automatic": _("Automatic messages (yes, no)")}
COLUMN_CHOICES = [(LEFT_OUT, _("Leave out")), *((key, COLUMN_WORDS[key]) for key in COLUMN_KEYS)]


class ImportForm(NumberForm):
    file = forms.FileField(
        label=_("CSV file"),
        allow_empty_file=True,  # which has its own words: see `contacts.csv.tables`
        max_length=None,
        error_messages={"required": _("Choose a file.")},
        help_text=_("At most 50,000 contacts and 5 MB."),
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    field_order = ("file", "number")


class ColumnsForm(forms.Form):
    """What each column of a file is, and how the file is to be read. `column_0` and so on: a key of `contacts.csv.columns`."""

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
