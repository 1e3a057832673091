"""Forms of the admin: users by e-mail, and numbers whose secrets can be replaced but not read."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.wa_ids import BRAZIL
from organizations.countries import country_choices
from organizations.members.time_zones import time_zones
from organizations.models import Organization, PhoneNumber, User, hub_time_zone
from organizations.numbers.number_secrets import secret_state
from organizations.numbers.ownership import AlreadyConnected, phone_number_id_for, raise_if_account_owned
from organizations.numbers.registration import CannotConnect, parse_meta_id, parse_phone, replace_secrets


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A user with a password, or without one until it is set."""

    class Meta:
        model = User
        fields = ("email", "name")


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = "__all__"


class OrganizationRowForm(forms.ModelForm):  # type: ignore[type-arg]
    """An organization in the admin. Country and time zone are choices."""

    country = forms.ChoiceField(label=_("Country"), required=False, choices=country_choices, initial=BRAZIL)
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)

    class Meta:
        model = Organization
        fields = ("organization_name", "activate", "country", "time_zone", "storage_quota")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        zones = [("", _("As the hub (%(zone)s)") % {"zone": hub_time_zone()}), *time_zones(self.instance.time_zone)]
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]


def _secret_field(label: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false", "class": "vTextField"})
    return forms.CharField(label=label, required=False, max_length=10_000, widget=widget)


class PhoneNumberForm(forms.ModelForm):  # type: ignore[type-arg]
    """A number. An empty secret keeps the stored one. A new app secret makes the old one the previous app secret."""

    new_webhook_verify_token = _secret_field(_("Verify token"))
    new_meta_token = _secret_field(_("Access token"))
    new_app_secret = _secret_field(_("App secret"))
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
            return parse_phone(self.cleaned_data["wa_id"], country=organization.country if organization else BRAZIL)
        except CannotConnect:
            raise ValidationError(_("Country code and digits, e.g. 556133214400.")) from None

    def clean_phone_number_id(self) -> str:
        try:
            return parse_meta_id("phone number ID", self.cleaned_data["phone_number_id"])
        except CannotConnect:
            raise ValidationError(
                _("Meta's IDs are digits and nothing else, such as 524386454098961. Copy it from the panel.")
            ) from None

    def clean(self) -> dict[str, Any]:
        """Applies the same rules as everywhere else (`organizations.numbers.ownership`)."""
        cleaned = super().clean() or {}
        organization = cleaned.get("organization") or (self.instance.organization if self.instance.pk else None)
        if organization is None:
            return cleaned
        try:
            if "waba_id" in self.changed_data:
                raise_if_account_owned(organization, cleaned.get("waba_id", ""))
            if cleaned.get("phone_number_id"):
                cleaned["phone_number_id"] = phone_number_id_for(organization, cleaned["phone_number_id"])
        except AlreadyConnected as error:
            self.add_error(error.field, _("It has been proven to be another organization's. Withdraw that proof first."))
        return cleaned

    def save(self, commit: bool = True) -> Any:
        entered = self.cleaned_data
        secrets = replace_secrets(
            self.instance,
            verify_token=entered["new_webhook_verify_token"],
            meta_token=entered["new_meta_token"],
            app_secret=entered["new_app_secret"],
        )
        if entered["forget_previous_app_secret"]:
            self.instance.previous_app_secret = ""
            secrets.append("previous_app_secret")
        if "waba_id" in self.changed_data:  # a superuser confirms it
            self.instance.waba_is_claimed = False
            secrets.append("waba_is_claimed")
        columns = {field.name for field in PhoneNumber._meta.concrete_fields}
        self.columns_changed = [*columns.intersection(self.changed_data), *secrets]
        return super().save(commit)
