"""Messages of steps: their types, and the change of one type into another, which keeps the text."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cloud_api.messages import WITHOUT_CAPTION

Message = dict[str, Any]

MESSAGE_TYPES: dict[str, str | Promise] = {
    "text": _("Text"),
    "buttons": _("Text with buttons"),
    "list": _("Text with a list"),
    "media": _("Picture, video, audio or file"),
    "link": _("Text with a link button"),
    "location_request": _("Ask for the location"),
    "template": _("Message template"),
}
SIMPLE_TYPES = ("text", "media", "link", "template")
"""Types of messages that expect no answer of their own: reminders, and what is said about a wrong answer."""
MEDIA_KINDS: dict[str, str | Promise] = {
    "image": _("Picture"),
    "video": _("Video"),
    "audio": _("Audio"),
    "document": _("File"),
    "sticker": _("Sticker"),
}
CONTENTS: dict[str, Message] = {
    "media": {"kind": "image", "file": ""},
    "list": {"button": ""},
    "link": {"title": "", "url": ""},
    "template": {"name": "", "language": "", "values": []},
}


def convert_message(message: Message, kind: str) -> Message:
    """Returns the message as one of another type, with the same text and the same choices. Raises KeyError for an unknown type."""
    text = str(message.get("text") or message.get("caption") or "")
    new: Message = {"type": str({key: key for key in MESSAGE_TYPES}[kind]), **CONTENTS.get(kind, {})}
    if kind == "media":
        return new | ({"caption": text} if text else {})
    if kind == "template":
        return new | {"values": []}
    new["text"] = text
    choices = message.get("buttons") or message.get("rows") or [{"id": "", "title": gettext("Option %(number)s") % {"number": 1}}]
    if kind == "buttons":
        new["buttons"] = [{"id": each["id"], "title": each["title"]} for each in choices[:3]]
    if kind == "list":
        new |= {"button": gettext("See options"), "rows": [{"id": each["id"], "title": each["title"]} for each in choices]}
    return new


def choose_source(message: Message, source: str) -> None:
    """Lets a media message send a stored file (`file`) or what is at a link (`link`). The other is removed."""
    message.pop("link" if source == "file" else "file", None)
    message.setdefault(source, "")


def choose_file(message: Message, key: str, kind: str) -> None:
    """Lets a media message send a stored file, as a message of the file's kind. What this kind cannot have is removed."""
    choose_source(message, "file")
    message |= {"file": key, "kind": kind}
    if kind in WITHOUT_CAPTION:
        message.pop("caption", None)
    if kind != "document":
        message.pop("filename", None)
