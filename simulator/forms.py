"""Forms of the phone page: what the customer sends, and simulated faults."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cloud_api.messages import MAX_CAPTION, MAX_TEXT
from cloud_api.wa_ids import example_number
from organizations.phone_numbers import clean_phone


@dataclass(frozen=True, slots=True)
class FaultChoice:
    """A fault that can be chosen. `kind` is its name in the stand-in. `code` is the initial value where an error code can be
    chosen."""

    kind: str
    name: Any
    description: Any
    """The effect."""
    code: int | None = None
    asks_seconds: bool = False


FAULTS = [
    FaultChoice("slow", _("Slow answers"), _("Graph waits before it answers."), asks_seconds=True),
    FaultChoice("429", _("Too many requests (429)"), _("Meta refuses the request.")),
    FaultChoice("500", _("Server error (500)"), _("A page instead of an answer, without a code.")),
    FaultChoice("130429", _("Sending too fast (130429)"), _("The number has reached its messages a second.")),
    FaultChoice("131056", _("Too many to one person (131056)"), _("Number and customer have to rest from each other.")),
    FaultChoice("131047", _("Window closed (131047)"), _("Refused, whatever the hub thinks.")),
    FaultChoice("190", _("Token expired (190)"), _("Nothing is taken until an administrator mends it.")),
    FaultChoice("half_closed", _("Answer breaks off"), _("The message is taken; half of the answer comes.")),
    FaultChoice("no_answer", _("No answer"), _("The message is taken; nothing comes back.")),
    FaultChoice("error", _("Refused with another code"), _("One of Meta's, as the answer."), code=131026),
    FaultChoice(
        "status", _("Fails later with a code"), _("The message is accepted, and a webhook reports that it failed."), code=131026
    ),
]
LOCATION = {"latitude": "-15.7939", "longitude": "-47.8828", "name": "Torre de TV", "address": "Eixo Monumental, Brasília"}
CARD = {"name": "Joelma Prado", "phone": "+55 61 5550-7788"}
WITH_CODE = [fault.kind for fault in FAULTS if fault.code]
MAX_FILE = 100 * 2**20
AS_IS, VOICE, STICKER, DOCUMENT = "", "voice", "sticker", "document"


class TextForm(forms.Form):
    """`edits` or `reply_to` is the wamid of the target or the quoted message."""

    text = forms.CharField(max_length=MAX_TEXT, widget=forms.Textarea, error_messages={"required": _("Write something first.")})
    reply_to = forms.CharField(required=False, widget=forms.HiddenInput)
    edits = forms.CharField(required=False, widget=forms.HiddenInput)


class FileForm(forms.Form):
    """A file of any type. A type without a kind of its own is sent as a document."""

    file = forms.FileField(label=_("File"), error_messages={"required": _("Choose a file.")})
    sent_as = forms.ChoiceField(
        label=_("Send as"),
        required=False,
        choices=[
            (AS_IS, _("what it is")),
            (VOICE, _("voice message")),
            (STICKER, _("sticker")),
            (DOCUMENT, _("document")),
        ],
    )
    caption = forms.CharField(label=_("Caption"), required=False, max_length=MAX_CAPTION)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE:
            raise ValidationError(_("WhatsApp takes files of up to 100 MB."))
        return file


class LocationForm(forms.Form):
    latitude = forms.FloatField(label=_("Latitude"), min_value=-90, max_value=90)
    longitude = forms.FloatField(label=_("Longitude"), min_value=-180, max_value=180)
    name = forms.CharField(label=_("Name"), required=False, max_length=200)
    address = forms.CharField(label=_("Address"), required=False, max_length=200)


class CardForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    phone = forms.CharField(label=_("Phone"), max_length=40)


class ReactionForm(forms.Form):
    """An empty emoji removes the reaction."""

    wamid = forms.CharField()
    emoji = forms.CharField(required=False, max_length=32)


class WamidForm(forms.Form):
    wamid = forms.CharField()


class TapForm(forms.Form):
    """A button of the message, or a row of its list."""

    wamid = forms.CharField()
    kind = forms.ChoiceField(choices=[(each, each) for each in ("button", "button_reply", "list_reply")])
    id = forms.CharField(required=False, strip=False)
    title = forms.CharField(strip=False)
    description = forms.CharField(required=False, strip=False)


class CustomerForm(forms.Form):
    """A made-up customer: with a phone, with a username only, or with both."""

    name = forms.CharField(label=_("Name"), max_length=100)
    phone = forms.CharField(
        label=_("Phone"),
        required=False,
        max_length=40,
        help_text=_("Made up: nobody is called. Empty for somebody who hides it behind a username."),
        widget=forms.TextInput({"inputmode": "tel", "autocomplete": "off"}),
    )
    username = forms.RegexField(
        label=_("Username"),
        required=False,
        regex=r"^[a-z0-9._]{3,35}$",
        error_messages={"invalid": _("3 to 35 of these: a–z, 0–9, dot, underscore.")},
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, country: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.country = country
        self.fields["phone"].widget.attrs["placeholder"] = example_number(country)

    def clean_phone(self) -> str:
        typed: str = self.cleaned_data["phone"]
        return clean_phone(typed, country=self.country)[0] if typed else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not (cleaned.get("phone") or cleaned.get("username")):
            raise ValidationError(_("Give a phone, a username, or both."))
        return cleaned


class FaultForm(forms.Form):
    """`times` empty: until it is cleared. `code` is Meta's error code, for the kinds that need one."""

    kind = forms.ChoiceField(choices=[(fault.kind, fault.name) for fault in FAULTS])
    code = forms.IntegerField(required=False, min_value=0, max_value=9_999_999)
    seconds = forms.FloatField(required=False, min_value=0, max_value=60)
    times = forms.IntegerField(required=False, min_value=1, max_value=1000)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") in WITH_CODE and cleaned.get("code") is None:
            self.add_error("code", _("With which code?"))
        return cleaned

    @property
    def fault(self) -> str:
        """The name of the fault in the stand-in, with its code."""
        kind, code = self.cleaned_data["kind"], self.cleaned_data["code"]
        return f"{kind}:{code}" if kind in WITH_CODE else str(kind)


class LatencyForm(forms.Form):
    seconds = forms.FloatField(label=_("Seconds before each answer"), min_value=0, max_value=30)
