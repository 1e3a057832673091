"""Forms for profiles, members and organizations. Those of Django admin are in `organizations.admin.forms`."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from organizations.countries import country_choices
from organizations.members.time_zones import time_zones
from organizations.models import EnterKey, Organization, Role, Theme, User, hub_time_zone
from organizations.permissions import Access

LANGUAGE_NAMES = [("pt-br", "Português (Brasil)"), ("en", "English"), ("es", "Español")]
"""Each name is in its own language."""


class OrganizationForm(forms.Form):
    """Name and location of an organization. Fields that are left out keep their values."""

    name = forms.CharField(
        label=_("Name of the organization"), max_length=150, widget=forms.TextInput({"autocomplete": "organization"})
    )
    country = forms.ChoiceField(
        label=_("Country"),
        required=False,
        help_text=_("A phone number that is typed without a country code is one of this country."),
    )
    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        required=False,
        help_text=_("For the times on the pages of everybody who has chosen no other in their profile."),
    )

    def __init__(self, posted: Any = None, *, organization: Organization | None = None) -> None:
        shown = organization or Organization()
        self._current = {"name": shown.organization_name, "country": shown.country, "time_zone": shown.time_zone or hub_time_zone()}
        super().__init__(posted, initial=self._current)
        self.fields["country"].choices = country_choices()  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = time_zones(self._current["time_zone"])  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_country(self) -> str:
        return self.cleaned_data["country"] or self._current["country"]

    def clean_time_zone(self) -> str:
        return self.cleaned_data["time_zone"] or self._current["time_zone"]


class DeactivateForm(forms.Form):
    """Confirms the deactivation: the user types the organization's name."""

    name = forms.CharField(label=_("Type the organization's name"), max_length=200, widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, *args: Any, name: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._name = name

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        if typed.strip() != self._name.strip():
            raise ValidationError(_("This is not the organization's name."))
        return typed


class RoleForm(forms.Form):
    """One of the roles that the user may assign."""

    role = forms.ChoiceField(label=_("Role"))

    def __init__(self, *args: Any, access: Access, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["role"].choices = [(role.value, capfirst(role.label)) for role in Role if access.may_give(role)]  # type: ignore[attr-defined]

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class InviteForm(RoleForm):
    email = forms.EmailField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "off", "spellcheck": "false"})
    )
    field_order = ("email", "role")

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        return email.strip().lower()


class EmailForm(forms.Form):
    """A new e-mail to sign in with."""

    email = forms.EmailField(
        label=_("New e-mail"), max_length=254, widget=forms.EmailInput({"autocomplete": "email", "spellcheck": "false"})
    )

    def __init__(self, *args: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self._user = user

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        if email == self._user.email:
            raise ValidationError(_("This is your e-mail already."))
        return email


class JoinForm(forms.Form):
    """What a new user enters to accept an invitation."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput({"autocomplete": "name"}))
    password = forms.CharField(
        label=_("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )

    def __init__(self, *args: Any, email: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._email = email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self._email, name=self.cleaned_data.get("name", "")))
        return password


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """A user's name and preferences."""

    language = forms.ChoiceField(label=_("Language"), required=False, choices=[("", _("As the browser asks")), *LANGUAGE_NAMES])
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    theme = forms.ChoiceField(
        label=_("Appearance"),
        required=False,
        choices=[(Theme.SYSTEM, _("As the device")), (Theme.LIGHT, _("Light")), (Theme.DARK, _("Dark"))],
    )
    enter_key = forms.ChoiceField(
        label=_("When you write, the Enter key"),
        required=False,
        choices=EnterKey.choices,
        help_text=_("Shift and Enter always begin a new line, Ctrl and Enter always send."),
    )
    shortcuts = forms.BooleanField(label=_("Keyboard shortcuts"), required=False, help_text=_("Press ? on any page to see them."))
    alert_sound = forms.BooleanField(label=_("Sound for new messages"), required=False)
    alert_notifications = forms.BooleanField(
        label=_("Notifications for new messages"),
        required=False,
        help_text=_("Your browser asks once on each device, when you switch them on there with the bell above the conversations."),
    )

    class Meta:
        model = User
        fields = (
            *("name", "language", "time_zone", "theme"),
            *("enter_key", "shortcuts", "alert_sound", "alert_notifications"),
        )
        labels = {"name": _("Name")}  # noqa: RUF012  so Django has it
        help_texts = {"name": _("Your colleagues see it.")}  # noqa: RUF012

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        zones = [("", _("As the organization")), *time_zones(self.instance.time_zone)]
        self.fields["time_zone"].choices = zones  # type: ignore[attr-defined]


class AlertsForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a user is notified of new messages."""

    class Meta:
        model = User
        fields = ("alert_sound", "alert_notifications")
