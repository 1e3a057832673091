"""What a customer may do on the phone page: the form of each action, and the message that it sends through the stand-in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import Form

from chats.media.file_names import submitted_name
from cloud_api.messages import fitting_kind
from simulator import forms
from simulator.client import Content, Phones
from simulator.phone_display import Bubble

FormInput = Mapping[str, Any]

CAPTIONED = ("image", "video", "document")


@dataclass
class Composer:
    """The customer's composer. `reply_to` and `edits` are wamids, and `quoted` is the message with this wamid."""

    reply_to: str = ""
    edits: str = ""
    entered_text: str = ""
    problem: str = ""
    """Why the last message was not sent."""
    quoted: Bubble | None = None

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> "Composer":
        return cls(
            reply_to=parameters.get("reply_to", ""), edits=parameters.get("edits", ""), entered_text=parameters.get("text", "")
        )

    @property
    def target(self) -> str:
        return self.edits or self.reply_to

    @property
    def text(self) -> str:
        """The text in the field."""
        return self.entered_text or (self.quoted.content.words if self.edits and self.quoted else "")

    @property
    def file_form(self) -> Form:
        return forms.FileForm(auto_id="phone-file-%s")

    @property
    def location_form(self) -> Form:
        return forms.LocationForm(initial=forms.LOCATION, auto_id="phone-place-%s")

    @property
    def card_form(self) -> Form:
        return forms.CardForm(initial=forms.CARD, auto_id="phone-card-%s")


@dataclass(frozen=True, slots=True)
class CustomerAction:
    """A form, and the function that makes a message of its input."""

    form: type[Form]
    message: Callable[[Phones, FormInput], Content]


def _text(phones: Phones, form_input: FormInput) -> Content:
    body = {"type": "text", "text": {"body": form_input["text"]}}
    if form_input["edits"]:
        return {"type": "edit", "edit": {"original_message_id": form_input["edits"], "message": body}}
    return body | ({"reply_to": form_input["reply_to"]} if form_input["reply_to"] else {})


def _file(phones: Phones, form_input: FormInput) -> Content:
    file, sent_as = form_input["file"], form_input["sent_as"]
    kind, name = _kind_of_file(file.content_type or "", sent_as), submitted_name(file.name)
    media_id = phones.upload(file, name=name, mime_type=file.content_type or "application/octet-stream")
    content: Content = {"id": media_id}
    if kind in CAPTIONED and form_input["caption"]:
        content["caption"] = form_input["caption"]
    if kind == "document":
        content["filename"] = name
    if sent_as == forms.VOICE:
        content["voice"] = True
    return {"type": kind, kind: content}


def _kind_of_file(mime_type: str, sent_as: str) -> str:
    if sent_as == forms.VOICE:
        return "audio"
    kind = sent_as or fitting_kind(mime_type) or "document"
    return "document" if kind == "sticker" and not sent_as else kind


def _location(phones: Phones, form_input: FormInput) -> Content:
    return {"type": "location", "location": {key: value for key, value in form_input.items() if value != ""}}


def _card(phones: Phones, form_input: FormInput) -> Content:
    first, _space, last = form_input["name"].partition(" ")
    name = {"formatted_name": form_input["name"], "first_name": first} | ({"last_name": last} if last else {})
    return {"type": "contacts", "contacts": [{"name": name, "phones": [{"phone": form_input["phone"], "type": "CELL"}]}]}


def _reaction(phones: Phones, form_input: FormInput) -> Content:
    return {"type": "reaction", "reaction": {"message_id": form_input["wamid"], "emoji": form_input["emoji"]}}


def _deletion(phones: Phones, form_input: FormInput) -> Content:
    return {"type": "revoke", "revoke": {"original_message_id": form_input["wamid"]}}


def _poll(phones: Phones, form_input: FormInput) -> Content:
    return {"type": "unsupported", "unsupported": {"type": "poll_creation"}}


def _tap(phones: Phones, form_input: FormInput) -> Content:
    if form_input["kind"] == "button":
        answer: Content = {"type": "button", "button": {"payload": form_input["id"], "text": form_input["title"]}}
    else:
        chosen = {"id": form_input["id"], "title": form_input["title"]}
        if form_input["description"]:
            chosen["description"] = form_input["description"]
        answer = {"type": "interactive", "interactive": {"type": form_input["kind"], form_input["kind"]: chosen}}
    return answer | {"reply_to": form_input["wamid"]}


ACTIONS = {
    "text": CustomerAction(forms.TextForm, _text),
    "file": CustomerAction(forms.FileForm, _file),
    "place": CustomerAction(forms.LocationForm, _location),
    "card": CustomerAction(forms.CardForm, _card),
    "reaction": CustomerAction(forms.ReactionForm, _reaction),
    "deletion": CustomerAction(forms.WamidForm, _deletion),
    "poll": CustomerAction(Form, _poll),
    "tap": CustomerAction(forms.TapForm, _tap),
}
"""By their names in URLs."""
