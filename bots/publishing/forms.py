"""Forms of the pages of bots."""

from django import forms
from django.utils.translation import gettext_lazy as _

from bots.publishing.services import MAX_NAME
from contacts.forms import NumberForm

EMPTY = "empty"
"""Stands for a bot without a starter."""


class NameForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME)


class NewBotForm(forms.Form):
    """What a new bot begins with. Without a name, it gets that of the starter."""

    starter = forms.CharField(max_length=40)
    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, required=False)


class ImportForm(forms.Form):
    file = forms.FileField(
        label=_("File of a bot (.json)"),
        allow_empty_file=True,  # `bots.flows` refuses it with its own text
        error_messages={"required": _("Choose a file.")},
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )


class AssignForm(NumberForm):
    """On which number a bot is switched on, and for whom."""

    new_contacts = forms.BooleanField(
        label=_("Answers people who write for the first time"),
        required=False,
        initial=True,
    )
    all_contacts = forms.BooleanField(
        label=_("Answers everybody who has written before"),
        help_text=_("Contacts whom your team answers now are handed over to it. You can change it for each contact."),
        required=False,
    )
