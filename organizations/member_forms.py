"""Forms of the pages about oneself, members and the organization. Those of Django admin are in `forms`."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from organizations.models import Role, Theme, User
from organizations.permissions import Access

REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
LANGUAGE_NAMES = [("pt-br", "Português (Brasil)"), ("en", "English"), ("es", "Español")]
"""Each in its own language."""


class OrganizationForm(forms.Form):
    """The name of an organization, one line."""

    name = forms.CharField(
        label=_("Name of the organization"), max_length=150, widget=forms.TextInput({"autocomplete": "organization"})
    )

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class DeactivateForm(forms.Form):
    """Whoever switches an organization off types its name."""

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
    """One of the roles that whoever fills it in may give."""

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


class JoinForm(forms.Form):
    """What is still to be known of somebody whom an invitation reached."""

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


def time_zones(current: str) -> list[tuple[str, Any]]:
    """The zones to choose from, by region; none at all stands for the hub's own. One that was chosen before stays a choice."""
    names = sorted(name for name in zoneinfo.available_timezones() if name.partition("/")[0] in REGIONS)
    regions = [(region, [(name, _city(name)) for name in names if name.startswith(f"{region}/")]) for region in REGIONS]
    others = [("UTC", "UTC")] + ([(current, current)] if current and current not in {"UTC", *names} else [])
    return [("", _("As the hub (%(zone)s)") % {"zone": settings.TIME_ZONE}), *regions, *others]


def _city(name: str) -> str:
    return name.partition("/")[2].replace("_", " ").replace("/", " / ")


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a user is called, and how they want the pages."""

    language = forms.ChoiceField(label=_("Language"), required=False, choices=[("", _("As the browser asks")), *LANGUAGE_NAMES])
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    theme = forms.ChoiceField(
        label=_("Appearance"),
        required=False,
        choices=[(Theme.SYSTEM, _("As the device")), (Theme.LIGHT, _("Light")), (Theme.DARK, _("Dark"))],
    )
    shortcuts = forms.BooleanField(label=_("Keyboard shortcuts"), required=False, help_text=_("Press ? on any page to see them."))

    class Meta:
        model = User
        fields = ("name", "language", "time_zone", "theme", "shortcuts")
        labels = {"name": _("Name")}  # noqa: RUF012  so Django has it
        help_texts = {"name": _("Your colleagues see it.")}  # noqa: RUF012

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["time_zone"].choices = time_zones(self.instance.time_zone)  # type: ignore[attr-defined]
