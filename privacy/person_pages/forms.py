"""The typed confirmation of an erasure."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class ErasureForm(forms.Form):
    """Asks for a word, because nothing can bring the person back."""

    word = forms.CharField(label="", max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fields["word"].label = gettext("To confirm, type %(word)s") % {"word": self.confirmation}

    @property
    def confirmation(self) -> str:
        """The word to type, in the language of the page."""
        return str(_("ERASE"))

    def clean_word(self) -> str:
        word = str(self.cleaned_data["word"])
        if word.strip().casefold() != self.confirmation.casefold():
            raise forms.ValidationError(gettext("Type %(word)s, exactly this word.") % {"word": self.confirmation})
        return word
