"""Forms of the admin: users by e-mail, and a number whose secrets go in and never come out."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import BRAZIL
from organizations.countries import country_choices
from organizations.member_forms import time_zones
from organizations.models import Organization, PhoneNumber, User, hub_time_zone
from organizations.ownership import AlreadyConnected, key_for, refuse_owned_account
from organizations.services import NotConnected, meta_id, opened, phone_digits, replace_secrets

SHOWN_FROM = 8
"""The shortest secret of which the last four characters are shown."""


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A user with a password, or without one as yet."""

    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"


class OrganizationRowForm(forms.ModelForm):  # type: ignore[type-arg]
    """An organization in the admin: its country and time zone are chosen, not typed."""

    country = forms.ChoiceField(label=_("Country"), required=False, choices=country_choices, initial=BRAZIL)
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)

    class Meta:
        model = Organization
        fields = ("organization_name", "activate", "country", "time_zone", "storage_quota")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        zones = [("", _("As the hub (%(zone)s)") % {"zone": hub_time_zone()}), *time_zones(self.instance.time_zone)]
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]


def _secret(label: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false", "class": "vTextField"})
    return forms.CharField(label=label, required=False, max_length=10_000, widget=widget)


class PhoneNumberForm(forms.ModelForm):  # type: ignore[type-arg]
    """A number. Empty secrets keep what is stored; a new app secret makes the one before it the previous one."""

    new_webhook_verify_token = _secret(_("Verify token"))
    new_meta_token = _secret(_("Access token"))
    new_app_secret = _secret(_("App secret"))
    forget_previous_app_secret = forms.BooleanField(
        label=_("Forget the previous app secret"),
        required=False,
        help_text=_("It stays good for what Meta signed before the change. Forget it at once if it has leaked."),
    )

    class Meta:
        model = PhoneNumber
        fields = (
            *("organization", "wa_id", "phone_number_id", "waba_id", "activate"),
            *("name", "default_profile"),
        )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.columns_changed: list[str] = []
        for column in ("webhook_verify_token", "meta_token", "app_secret"):
            self.fields[f"new_{column}"].help_text = gettext("%(state)s. Leave it empty to keep it so.") % {
                "state": secret_state(self.instance, column)
            }

    def clean_wa_id(self) -> str:
        organization = self.cleaned_data.get("organization") or (self.instance.organization if self.instance.pk else None)
        try:
            return phone_digits(self.cleaned_data["wa_id"], country=organization.country if organization else BRAZIL)
        except NotConnected:
            raise ValidationError(_("Country code and digits, e.g. 556133214400.")) from None

    def clean_phone_number_id(self) -> str:
        try:
            return meta_id("phone number ID", self.cleaned_data["phone_number_id"])
        except NotConnected:
            raise ValidationError(
                _("Meta's IDs are digits and nothing else, such as 524386454098961. Copy it from the panel.")
            ) from None

    def clean(self) -> dict[str, Any]:
        """The same decision as everywhere (`organizations.ownership`)."""
        cleaned = super().clean() or {}
        organization = cleaned.get("organization") or (self.instance.organization if self.instance.pk else None)
        if organization is None:
            return cleaned
        try:
            if "waba_id" in self.changed_data:
                refuse_owned_account(organization, cleaned.get("waba_id", ""))
            if cleaned.get("phone_number_id"):
                cleaned["phone_number_id"] = key_for(organization, cleaned["phone_number_id"])
        except AlreadyConnected as refusal:
            self.add_error(refusal.field, _("It has been proven to be another organization's. Withdraw that proof first."))
        return cleaned

    def save(self, commit: bool = True) -> Any:
        given = self.cleaned_data
        secrets = replace_secrets(
            self.instance,
            verify_token=given["new_webhook_verify_token"],
            meta_token=given["new_meta_token"],
            app_secret=given["new_app_secret"],
        )
        if given["forget_previous_app_secret"]:
            self.instance.previous_app_secret = ""
            secrets.append("previous_app_secret")
        if "waba_id" in self.changed_data:  # whoever runs the hub says so
            self.instance.waba_is_claimed = False
            secrets.append("waba_is_claimed")
        columns = {field.name for field in PhoneNumber._meta.concrete_fields}
        self.columns_changed = [*columns.intersection(self.changed_data), *secrets]
        return super().save(commit)


def secret_state(number: PhoneNumber, column: str) -> str:
    """What may be told of a secret: whether there is one, and the last four characters of a long one."""
    secret = opened(number, column)
    if secret is None:
        return gettext("Set, but no key of FIELD_ENCRYPTION_KEYS opens it")
    if not secret:
        return gettext("Not set")
    if len(secret) < SHOWN_FROM:
        return gettext("Set")
    return gettext("Set, ends in %(end)s") % {"end": secret[-4:]}


def previous_secret_state(number: PhoneNumber, *, now: datetime) -> str:
    """Until when the number's previous app secret is accepted, in a sentence; empty if there is none."""
    if opened(number, "previous_app_secret") == "":
        return ""
    expires_at = number.previous_app_secret_expires_at
    if expires_at is None or expires_at <= now:
        return gettext("The previous app secret has expired: what is signed with it is refused.")
    local = localtime(expires_at)
    until = f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M}"  # English formats end in a dot, and the sentence has its own
    return gettext("The previous app secret is accepted until %(date)s.") % {"date": until}
