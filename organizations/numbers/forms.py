"""Forms of a number's pages. They check the form of what users type and paste from Meta's panel."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import example_number
from organizations.models import PhoneNumber, Profile
from organizations.numbers.number_secrets import read_secret, secret_state
from organizations.numbers.setup import required_secrets
from organizations.phone_numbers import clean_phone

META_ID = re.compile(r"[1-9][0-9]{4,31}")


def _meta_id_field(label: Any, help_text: Any, **attributes: str) -> forms.CharField:
    """A field for one of Meta's ids."""
    widget = forms.TextInput({"autocomplete": "off", "spellcheck": "false", "inputmode": "numeric", **attributes})
    return forms.CharField(label=label, max_length=64, help_text=help_text, widget=widget)


class NumberIdsForm(forms.Form):
    """The phone number, and Meta's ids of the number and its account."""

    wa_id = forms.CharField(
        label=_("Phone number"),
        max_length=40,
        help_text=_("Written as you like; with + and its country code if it is of another country than your organization."),
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "tel"}),
    )
    phone_number_id = _meta_id_field(
        _("Phone number ID"), _("Below the number, once you have chosen it in “From”. It is not the phone number itself.")
    )
    waba_id = _meta_id_field(_("WhatsApp Business Account ID"), _("Right below the other one. It is not the phone number either."))

    def __init__(self, *args: Any, country: str, id_is_fixed: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.country = country
        self.fields["wa_id"].widget.attrs["placeholder"] = example_number(country)
        if id_is_fixed:
            self.fields["phone_number_id"].disabled = True
            self.fields["phone_number_id"].help_text = _("It cannot change any more: webhooks have come for it.")

    def clean_wa_id(self) -> str:
        return clean_phone(self.cleaned_data["wa_id"], country=self.country)[0]

    def clean_phone_number_id(self) -> str:
        if self.fields["phone_number_id"].disabled:
            return str(self.cleaned_data["phone_number_id"])
        return _meta_id(self.cleaned_data["phone_number_id"])

    def clean_waba_id(self) -> str:
        return _meta_id(self.cleaned_data["waba_id"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        number, account = cleaned.get("phone_number_id"), cleaned.get("waba_id")
        for field in ("phone_number_id", "waba_id"):
            if cleaned.get(field) and cleaned[field] == cleaned.get("wa_id"):
                self.add_error(field, _("This is the phone number itself. Meta's ID is another number, shown below it."))
        if number and number == account:
            self.add_error("waba_id", _("This is the Phone number ID once more. The account's ID is right below it."))
        return cleaned


def _meta_id(typed: str) -> str:
    digits = re.sub(r"\s", "", typed)
    if not META_ID.fullmatch(digits):
        raise ValidationError(_("Meta's IDs are digits and nothing else, such as 524386454098961. Copy it from the panel."))
    return digits


def _secret_field(label: Any, max_length: int) -> forms.CharField:
    widget = forms.PasswordInput({"autocomplete": "new-password", "spellcheck": "false"})
    return forms.CharField(label=label, max_length=max_length, widget=widget)


class SecretsForm(forms.Form):
    """Secrets can be entered, but are never shown. An empty field keeps the stored secret."""

    app_secret = _secret_field(_("App secret"), 1_000)
    meta_token = _secret_field(_("Access token"), 10_000)

    def __init__(self, *args: Any, number: PhoneNumber, **options: Any) -> None:
        super().__init__(*args, **options)
        for column in ("app_secret", "meta_token"):
            is_stored = bool(read_secret(number, column))
            self.fields[column].required = not is_stored and column in required_secrets()
            state = secret_state(number, column)
            kept = _("%(state)s. Leave it empty to keep it so.") if is_stored else "%(state)s."
            self.fields[column].help_text = str(kept) % {"state": state}

    def clean_app_secret(self) -> str:
        secret = _without_spaces(self.cleaned_data["app_secret"])
        if secret.startswith("EAA"):
            raise ValidationError(_("This looks like an access token. The app secret is 32 letters and digits."))
        return secret

    def clean_meta_token(self) -> str:
        return _without_spaces(self.cleaned_data["meta_token"])


def _without_spaces(pasted: str) -> str:
    if re.search(r"\s", pasted) or not pasted.isascii():
        raise ValidationError(_("There is a space or an unusual letter in it. Copy it once more, and nothing around it."))
    return pasted


class NameForm(forms.Form):
    """The name that staff gives to the number."""

    name = forms.CharField(
        label=_("Name for your team"),
        max_length=40,
        required=False,
        help_text=_("Such as Sales or Workshop. Lists show it where you have several numbers; customers never see it."),
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class DefaultsForm(forms.Form):
    """Who answers people who write to the number for the first time."""

    default_profile = forms.ChoiceField(label=_("Who answers new contacts"), choices=Profile.choices)


class ReceiptsForm(forms.Form):
    """Whether customers see that their messages were read."""

    sends_read_receipts = forms.BooleanField(
        label=_("Tell customers what was read"),
        required=False,
        help_text=_("When somebody opens the conversation, the customer's messages get their blue ticks."),
    )


class SwitchForm(forms.Form):
    """The new state of the switch, so that a repeated post does not reverse it."""

    activate = forms.TypedChoiceField(choices=[("on", "on"), ("off", "off")], coerce=lambda word: word == "on")
