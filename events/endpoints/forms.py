"""The form of an endpoint."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from bots.remote.rights import addresses_of
from bots.web_requests.addresses import check_addresses, check_destination, parse_destination
from bots.web_requests.errors import RefusedAddress
from contacts.forms import SingleLineField
from events.endpoints.services import EndpointSettings
from events.models import EventEndpoint
from organizations.events.kinds import EventKind
from organizations.models import Organization, PhoneNumber

MAX_URL = 2000
MAX_NAME = 100


class EndpointForm(forms.Form):
    """The settings of an endpoint. The web address is checked by the rules for addresses, and not called."""

    description = SingleLineField(
        label=_("Name"),
        max_length=MAX_NAME,
        help_text=_("Which system gets the events, such as “CRM”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    url = forms.CharField(
        label=_("Web address"),
        max_length=MAX_URL,
        help_text=_("The hub posts each event there. It must begin with https:// and be public."),
        widget=forms.URLInput({"placeholder": "https://", "autocomplete": "off", "spellcheck": "false"}),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Which events"), choices=EventKind.choices, initial=EventKind.values, widget=forms.CheckboxSelectMultiple
    )
    numbers = forms.MultipleChoiceField(
        label=_("Only of these numbers"),
        required=False,
        help_text=_("Choose none to get the events of all numbers, also of those that you connect later."),
        widget=forms.CheckboxSelectMultiple,
    )
    is_enabled = forms.BooleanField(label=_("On"), required=False, initial=True)

    def __init__(self, *args: Any, organization: Organization, numbers: Sequence[PhoneNumber], **options: Any) -> None:
        super().__init__(*args, **options)
        self._organization = organization
        choice: Any = self.fields["numbers"]
        choice.choices = [(each.phone_number_id, each.shown_name) for each in numbers]

    @classmethod
    def of(cls, endpoint: EventEndpoint, numbers: Sequence[PhoneNumber]) -> "EndpointForm":
        """Returns the form with the settings of the endpoint."""
        initial = {name: getattr(endpoint, name) for name in cls.base_fields}
        initial["numbers"] = endpoint.numbers or []
        return cls(initial=initial, organization=endpoint.organization, numbers=numbers)

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            self._check(url)
        except RefusedAddress as refusal:
            raise ValidationError(str(refusal.text)) from None
        return url

    def _check(self, url: str) -> None:
        """Raises RefusedAddress. The addresses of a name are checked when it is called."""
        destination, allowed = parse_destination(url), addresses_of(self._organization.pk)
        check_destination(destination, allowed)
        if not isinstance(destination.host, str):
            check_addresses(destination, [str(destination.host)], allowed)

    def settings(self) -> EndpointSettings:
        """Returns the settings of a valid form."""
        cleaned = self.cleaned_data
        return EndpointSettings(
            description=cleaned["description"],
            url=cleaned["url"],
            kinds=[kind for kind in EventKind if kind in cleaned["kinds"]],
            numbers=cleaned["numbers"] or None,
            is_enabled=cleaned["is_enabled"],
        )
