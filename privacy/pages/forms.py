"""Forms of the pages about privacy."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from privacy.models import PrivacySettings
from privacy.retention.policies import LIMITS


class DaysField(forms.IntegerField):
    """A number of days, or empty to keep without limit."""

    def __init__(self, column: str, label: Any, help_text: Any) -> None:
        limits = LIMITS[column]
        widget = forms.NumberInput({"inputmode": "numeric"})
        super().__init__(
            label=label, help_text=help_text, required=False, min_value=limits.minimum, max_value=limits.maximum, widget=widget
        )


class RetentionForm(forms.Form):
    """How many days what is kept, and who the data protection officer is."""

    message_days = DaysField(
        "message_days",
        _("Days to keep messages"),
        _("At least 30. Older messages are deleted with their files, statuses and what bots were asked. Contacts and notes stay."),
    )
    file_days = DaysField(
        "file_days",
        _("Days to keep files"),
        _("At least 7. Older pictures, recordings and documents are deleted. The messages stay and say so."),
    )
    webhook_days = DaysField(
        "webhook_days",
        _("Days to keep raw webhooks"),
        _("At least 2. What WhatsApp sent, as it was sent, also the texts of messages. Without it nothing can be applied again."),
    )
    officer_name = forms.CharField(label=_("Data protection officer"), max_length=150, required=False)
    officer_contact = forms.CharField(
        label=_("How the officer can be reached"),
        max_length=300,
        required=False,
        help_text=_("An e-mail, a phone or a page. It is on this page, for your team."),
    )

    def __init__(self, posted: Any = None, *, settings: PrivacySettings) -> None:
        super().__init__(posted, initial={name: getattr(settings, name) for name in self.base_fields})
