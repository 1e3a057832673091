"""The form by which staff record a decision of a person."""

import uuid
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from contacts.consent.purposes import MAX_PURPOSE, PURPOSE_LABELS, read_purpose
from contacts.consent.services import ConsentRecord
from contacts.forms import SingleLineField
from contacts.models import ConsentDecision
from contacts.services import InvalidInput

MAX_FORM: int = ConsentDecision._meta.get_field("form").max_length or 0
MAX_WORDING: int = ConsentDecision._meta.get_field("wording").max_length or 0
OTHER = "other"
TIME_FORMAT = "%Y-%m-%dT%H:%M"


class ConsentForm(forms.Form):
    """A decision of a person. Without a time, it was made now."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    decision = forms.ChoiceField(
        label=_("What the person decided"),
        choices=[("granted", _("agreed")), ("withdrawn", _("withdrew"))],
        widget=forms.RadioSelect,
    )
    purpose = forms.ChoiceField(
        label=_("To what"), choices=[*PURPOSE_LABELS.items(), (OTHER, _("Something else"))], widget=forms.RadioSelect
    )
    own_purpose = forms.CharField(label=_("In your words"), required=False, max_length=MAX_PURPOSE)
    form = SingleLineField(
        label=_("Where or how"),
        max_length=MAX_FORM,
        help_text=_("Such as the form of the shop, a phone call, or your website."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    wording = forms.CharField(
        label=_("What the person was shown"), required=False, max_length=MAX_WORDING, widget=forms.Textarea({"rows": 3})
    )
    decided_at = forms.DateTimeField(
        label=_("When"),
        required=False,
        input_formats=[TIME_FORMAT],
        help_text=_("Empty: now."),
        widget=forms.DateTimeInput({"type": "datetime-local"}, TIME_FORMAT),
    )

    def __init__(self, data: Any = None, *, contact_id: int) -> None:
        initial = {"token": uuid.uuid4(), "decision": "granted", "purpose": next(iter(PURPOSE_LABELS))}
        super().__init__(data, initial=initial, auto_id=f"consent-{contact_id}-%s")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("purpose") == OTHER and "own_purpose" in cleaned:
            try:
                cleaned["purpose"] = read_purpose(cleaned["own_purpose"])
            except InvalidInput as refusal:
                self.add_error("own_purpose", refusal.args[0])
        return cleaned

    def record(self, now: datetime) -> ConsentRecord:
        """Returns what the valid form says."""
        cleaned = self.cleaned_data
        return ConsentRecord(
            purpose=cleaned["purpose"],
            withdrawn=cleaned["decision"] == "withdrawn",
            decided_at=cleaned["decided_at"] or now,
            form=cleaned["form"],
            wording=cleaned["wording"],
        )
