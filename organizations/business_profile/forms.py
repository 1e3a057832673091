"""The form of a number's business profile."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.business_profile import (
    LENGTHS,
    MAX_PICTURE,
    MAX_WEBSITE_LENGTH,
    PICTURE_TYPES,
    VERTICALS,
    BusinessProfile,
    check_profile,
)
from cloud_api.limits import InvalidMessage
from organizations.business_profile.services import Picture
from organizations.text_display import invalid_message_text

PICTURE_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
"""The first bytes of the picture types that Meta accepts."""
WEBSITES = ("website_1", "website_2")

_words = lazy(gettext, str)


class BusinessProfileForm(forms.Form):
    """What customers see of the business. Initial values are Meta's. `changes` are the fields that differ."""

    picture = forms.FileField(
        label=_("Picture"),
        required=False,
        help_text=_("JPEG or PNG, square, best with 640 × 640 pixels; at most 5 MB."),
        widget=forms.FileInput({"accept": ",".join(PICTURE_TYPES)}),
    )
    about = forms.CharField(
        label=_("About"), required=False, max_length=LENGTHS["about"], help_text=_("One line below the name, such as “Open today”.")
    )
    description = forms.CharField(
        label=_("Description"), required=False, max_length=LENGTHS["description"], widget=forms.Textarea({"rows": 4})
    )
    vertical = forms.ChoiceField(label=_("Kind of business"), required=False)
    address = forms.CharField(label=_("Address"), required=False, max_length=LENGTHS["address"], widget=forms.Textarea({"rows": 2}))
    email = forms.CharField(
        label=_("E-mail"), required=False, max_length=LENGTHS["email"], widget=forms.EmailInput({"autocomplete": "off"})
    )
    website_1 = forms.CharField(label=_("Website"), required=False, max_length=MAX_WEBSITE_LENGTH)
    website_2 = forms.CharField(label=_("Second website"), required=False, max_length=MAX_WEBSITE_LENGTH)

    def __init__(self, data: Any = None, files: Any = None, *, profile: BusinessProfile) -> None:
        known = {name: getattr(profile, name) for name in (*LENGTHS, "vertical")}
        websites = dict(zip(WEBSITES, profile.websites, strict=False))
        super().__init__(data, files, initial=known | websites)
        self.profile = profile
        self.changes: dict[str, Any] = {}
        """The fields to send to Graph, after validation."""
        choices = [(value, _words(words)) for value, words in VERTICALS.items()]
        if profile.vertical not in VERTICALS:
            choices.insert(0, (profile.vertical, profile.vertical or _words(VERTICALS["UNDEFINED"])))
        vertical = self.fields["vertical"]
        assert isinstance(vertical, forms.ChoiceField)  # noqa: S101
        vertical.choices = choices

    def clean_picture(self) -> Picture | None:
        file = self.cleaned_data["picture"]
        if not file:
            return None
        if file.size > MAX_PICTURE:
            raise ValidationError(_("The picture may have at most 5 MB."))
        content = file.read()
        mime_type = next((found for signature, found in PICTURE_SIGNATURES.items() if content.startswith(signature)), None)
        if mime_type is None:
            raise ValidationError(_("The picture has to be a JPEG or PNG file."))
        return Picture(content, mime_type)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        typed = {name: cleaned.get(name, "").replace("\r\n", "\n").strip() for name in (*LENGTHS, "vertical")}
        changes: dict[str, Any] = {name: value for name, value in typed.items() if value != getattr(self.profile, name)}
        websites = [_with_scheme(cleaned.get(name, "").strip()) for name in WEBSITES if cleaned.get(name, "").strip()]
        if websites != self.profile.websites:
            changes["websites"] = websites
        self.changes = {name: value for name, value in changes.items() if name not in self.errors}
        for name, value in self.changes.items():
            self._check(name, value)
        return cleaned

    def _check(self, name: str, value: Any) -> None:
        try:
            check_profile({name: value})
        except InvalidMessage as error:
            field = WEBSITES[0] if name == "websites" else name
            self.add_error(field, invalid_message_text(error))

    @property
    def has_changes(self) -> bool:
        """Whether a valid form changes anything."""
        return bool(self.changes or self.cleaned_data["picture"])


def _with_scheme(website: str) -> str:
    """Adds https://, which Meta requires and people leave out."""
    return website if "://" in website else f"https://{website}"
