"""Forms of the admin: users by e-mail, and a number whose secrets go in and never come out."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from organizations.models import PhoneNumber, User
from organizations.services import NotConnected, opened, phone_digits, replace_secrets

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
            *("default_profile", "default_bot"),
        )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.columns_changed: list[str] = []
        for column in ("webhook_verify_token", "meta_token", "app_secret"):
            self.fields[f"new_{column}"].help_text = gettext("%(state)s. Leave it empty to keep it so.") % {
                "state": secret_state(self.instance, column)
            }

    def clean_wa_id(self) -> str:
        try:
            return phone_digits(self.cleaned_data["wa_id"])
        except NotConnected:
            raise ValidationError(_("Country code and digits, e.g. 556133214400.")) from None

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
