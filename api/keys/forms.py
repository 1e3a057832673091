"""The form of a new API key."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from api.models import Scope
from contacts.forms import SingleLineField
from organizations.models import PhoneNumber

MAX_NAME_LENGTH = 60
LIFETIMES = [("30", _("30 days")), ("90", _("90 days")), ("365", _("one year")), ("", _("never"))]


class ApiKeyForm(forms.Form):
    """A new key. Without a number it may use all numbers."""

    name = SingleLineField(
        label=_("Name"),
        max_length=MAX_NAME_LENGTH,
        help_text=_("Which program uses the key, such as “Online shop”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What the key may do"), choices=Scope.choices, initial=[Scope.READ.value], widget=forms.CheckboxSelectMultiple
    )
    numbers = forms.MultipleChoiceField(
        label=_("Only for these numbers"),
        required=False,
        help_text=_("Choose none to allow all numbers, also those that you connect later."),
        widget=forms.CheckboxSelectMultiple,
    )
    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    days = forms.ChoiceField(label=_("Expires after"), choices=LIFETIMES, required=False, initial="365")

    def __init__(self, *args: Any, numbers: list[PhoneNumber], **options: Any) -> None:
        super().__init__(*args, **options)
        choice: Any = self.fields["numbers"]
        choice.choices = [(each.phone_number_id, each.shown_name) for each in numbers]

    def clean_scopes(self) -> list[Scope]:
        return [scope for scope in Scope if scope in self.cleaned_data["scopes"]]

    def expires_at(self, now: datetime) -> datetime | None:
        """Returns when the key expires, None for never."""
        days = self.cleaned_data["days"]
        return now + timedelta(days=int(days)) if days else None
