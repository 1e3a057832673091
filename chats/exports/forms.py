"""The form that starts an export."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chats.exports.services import ExportRequest
from chats.models import Export
from contacts.models import Label
from organizations.models import Organization, PhoneNumber

FIRST_DAY, LAST_DAY = date(2009, 1, 1), date(2099, 12, 31)
"""WhatsApp is not older."""


class DayField(forms.DateField):
    """A day, chosen in a calendar."""

    def __init__(self, label: Any) -> None:
        limits = [MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)]
        widget = forms.DateInput({"type": "date"}, "%Y-%m-%d")
        super().__init__(label=label, required=False, widget=widget, validators=limits)


class ExportForm(forms.Form):
    """What to export. A valid form makes an ExportRequest."""

    content = forms.ChoiceField(label=_("What"), choices=Export.Content.choices)
    format = forms.ChoiceField(label=_("Format"), choices=Export.Format.choices)
    number = forms.ChoiceField(label=_("Number"), required=False)
    label = forms.ModelChoiceField(
        label=_("Label"), queryset=Label.objects.none(), required=False, empty_label=_("All contacts"), blank=True
    )
    since = DayField(_("From"))
    until = DayField(_("Until"))
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, organization: Organization, numbers: list[PhoneNumber], **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(each.phone_number_id, each.shown_name) for each in numbers]
        self.fields["number"].choices = [("", _("All numbers")), *choices]  # type: ignore[attr-defined]
        self.fields["label"].queryset = Label.objects.filter(organization=organization)  # type: ignore[attr-defined]
        period = _("Only for conversations. Leave it empty for all.")
        self.fields["since"].help_text = self.fields["until"].help_text = period

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("This day is before the first one."))
        if (since or until) and cleaned.get("content") == Export.Content.CONTACTS:
            self.add_error("since" if since else "until", _("A period is only for conversations. Leave it empty."))
        return cleaned

    def request(self, *, language: str, time_zone: str) -> ExportRequest:
        """Returns what a valid form asks for. The last day is included."""
        cleaned = self.cleaned_data
        since, until, label = cleaned["since"], cleaned["until"], cleaned["label"]
        return ExportRequest(
            content=Export.Content(cleaned["content"]),
            format=Export.Format(cleaned["format"]),
            phone_number_id=cleaned["number"],
            label_id=label.pk if label else None,
            since=_start_of(since) if since else None,
            until=_start_of(until + timedelta(days=1)) if until else None,
            language=language,
            time_zone=time_zone,
        )


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
