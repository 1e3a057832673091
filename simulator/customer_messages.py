"""What a customer may do at the phone: the form that asks for it, and the message that comes of it, for the stand-in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import Form

from chats.media.file_names import submitted_name
from cloud_api.messages import fitting_kind
from simulator import forms
from simulator.client import Content, Phones
from simulator.phone_display import Bubble

Typed = Mapping[str, Any]

CAPTIONED = ("image", "video", "document")


@dataclass
class Composer:
    """Where the customer writes. `reply_to` and `edits` are wamids; `quoted` is the message that is meant."""

    reply_to: str = ""
    edits: str = ""
    typed: str = ""
    problem: str = ""
    """Why what was asked for last was not sent."""
    quoted: Bubble | None = None

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Composer":
        return cls(reply_to=given.get("reply_to", ""), edits=given.get("edits", ""), typed=given.get("text", ""))

    @property
    def meant(self) -> str:
        return self.edits or self.reply_to

    @property
    def text(self) -> str:
        """What stands in the field."""
        return self.typed or (self.quoted.face.words if self.edits and self.quoted else "")

    @property
    def file_form(self) -> Form:
        return forms.FileForm(auto_id="phone-file-%s")

    @property
    def place_form(self) -> Form:
        return forms.PlaceForm(initial=forms.PLACE, auto_id="phone-place-%s")

    @property
    def card_form(self) -> Form:
        return forms.CardForm(initial=forms.CARD, auto_id="phone-card-%s")


@dataclass(frozen=True, slots=True)
class Sender:
    """A form, and what it makes of its answers."""

    form: type[Form]
    message: Callable[[Phones, Typed], Content]


def _text(phones: Phones, typed: Typed) -> Content:
    body = {"type": "text", "text": {"body": typed["text"]}}
    if typed["edits"]:
        return {"type": "edit", "edit": {"original_message_id": typed["edits"], "message": body}}
    return body | ({"reply_to": typed["reply_to"]} if typed["reply_to"] else {})


def _file(phones: Phones, typed: Typed) -> Content:
    file, sent_as = typed["file"], typed["sent_as"]
    kind, name = _kind_of_file(file.content_type or "", sent_as), submitted_name(file.name)
    media_id = phones.upload(file, name=name, mime_type=file.content_type or "application/octet-stream")
    content: Content = {"id": media_id}
    if kind in CAPTIONED and typed["caption"]:
        content["caption"] = typed["caption"]
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


def _place(phones: Phones, typed: Typed) -> Content:
    return {"type": "location", "location": {key: value for key, value in typed.items() if value != ""}}


def _card(phones: Phones, typed: Typed) -> Content:
    first, _space, last = typed["name"].partition(" ")
    name = {"formatted_name": typed["name"], "first_name": first} | ({"last_name": last} if last else {})
    return {"type": "contacts", "contacts": [{"name": name, "phones": [{"phone": typed["phone"], "type": "CELL"}]}]}


def _reaction(phones: Phones, typed: Typed) -> Content:
    return {"type": "reaction", "reaction": {"message_id": typed["wamid"], "emoji": typed["emoji"]}}


def _deletion(phones: Phones, typed: Typed) -> Content:
    return {"type": "revoke", "revoke": {"original_message_id": typed["wamid"]}}


def _poll(phones: Phones, typed: Typed) -> Content:
    return {"type": "unsupported", "unsupported": {"type": "poll_creation"}}


def _tap(phones: Phones, typed: Typed) -> Content:
    if typed["kind"] == "button":
        answer: Content = {"type": "button", "button": {"payload": typed["id"], "text": typed["title"]}}
    else:
        chosen = {"id": typed["id"], "title": typed["title"]}
        if typed["description"]:
            chosen["description"] = typed["description"]
        answer = {"type": "interactive", "interactive": {"type": typed["kind"], typed["kind"]: chosen}}
    return answer | {"reply_to": typed["wamid"]}


SENDERS = {
    "text": Sender(forms.TextForm, _text),
    "file": Sender(forms.FileForm, _file),
    "place": Sender(forms.PlaceForm, _place),
    "card": Sender(forms.CardForm, _card),
    "reaction": Sender(forms.ReactionForm, _reaction),
    "deletion": Sender(forms.WamidForm, _deletion),
    "poll": Sender(Form, _poll),
    "tap": Sender(forms.TapForm, _tap),
}
"""By their names in addresses."""
