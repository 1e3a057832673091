"""The form of a webhook bot."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bots.automatic.forms import read_person_words
from bots.publishing.services import MAX_NAME, read_name
from bots.publishing.settings_checks import address_problem
from bots.webhook_bots.settings import WebhookSettings
from contacts.services import InvalidInput
from organizations.models import Organization

MAX_URL = 2000


def _whole_number(label: Any, least: int, most: int, help_text: Any) -> forms.IntegerField:
    widget = forms.NumberInput({"inputmode": "numeric"})
    return forms.IntegerField(label=label, min_value=least, max_value=most, help_text=help_text, widget=widget)


class WebhookForm(forms.Form):
    """The settings of a webhook bot. The web address is checked by the rules for addresses, and not called."""

    name = forms.CharField(label=_("Name"), max_length=MAX_NAME, widget=forms.TextInput({"autocomplete": "off"}))
    url = forms.CharField(
        label=_("Web address of your program"),
        max_length=MAX_URL,
        help_text=_("The hub sends each message of a customer there. It must begin with https:// and be public."),
        widget=forms.URLInput({"placeholder": "https://", "autocomplete": "off", "spellcheck": "false"}),
    )
    timeout_seconds = _whole_number(
        _("Seconds to wait for the answer"), 1, 60, _("Without an answer by then, a person is called. 15 is a good start.")
    )
    callback_minutes = _whole_number(
        _("Minutes to wait for a later answer"),
        *(1, 60),
        _("Only if your program says that it answers later."),
    )
    silence_seconds = _whole_number(
        _("Seconds of silence before it is asked"),
        *(0, 15),
        _("Customers write in pieces. The hub waits until nothing more comes, and sends all pieces together."),
    )
    person_words = forms.CharField(
        label=_("Words with which customers ask for a person"),
        required=False,
        max_length=1_000,
        help_text=_("Separated by commas. People who write one of them get a person at once. Empty: the usual words."),
    )

    def __init__(self, *arguments: Any, organization: Organization, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._organization = organization

    @classmethod
    def of(cls, settings: WebhookSettings, organization: Organization) -> "WebhookForm":
        """Returns the form with these settings."""
        initial = {name: getattr(settings, name) for name in cls.base_fields}
        return cls(initial=initial | {"person_words": ", ".join(settings.person_words)}, organization=organization)

    def clean_name(self) -> str:
        try:
            return read_name(self.cleaned_data["name"])
        except InvalidInput as refusal:
            raise ValidationError(refusal.args[0]) from None

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        if problem := address_problem(self._organization.pk, url):
            raise ValidationError(str(problem))
        return url

    def clean_person_words(self) -> tuple[str, ...]:
        return tuple(read_person_words(self.cleaned_data["person_words"]))

    def settings(self, *, hub_url: str) -> WebhookSettings:
        """Returns the settings of a valid form."""
        return WebhookSettings(**self.cleaned_data, hub_url=hub_url)
