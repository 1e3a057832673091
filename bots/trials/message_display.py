"""What a customer's phone shows of a message that a bot sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from cloud_api.payloads.texts import content_of, mapping, objects, text

REPLIES = {"button": "button_reply", "list": "list_reply"}
FILE_ICONS = {"image": "image", "video": "video", "audio": "mic", "document": "file-text", "sticker": "sticker"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A button or a row of a list that the customer can tap."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """The content of a bubble. `label` is a button that opens something else than an answer."""

    words: str
    icon: str = ""
    choices: Sequence[Choice] = ()
    list_button: str = ""
    label: str = ""
    url: str = ""


def show_message(message: Mapping[str, Any]) -> ShownMessage:
    """Returns what a phone shows of an API object of `cloud_api.messages`."""
    kind = text(message, "type")
    if kind == "interactive":
        return _show_interactive(mapping(message, "interactive"))
    if kind == "template":
        return _show_template(mapping(message, "template"))
    if kind in FILE_ICONS:
        file = mapping(message, kind)
        name = text(file, "filename") or text(file, "link").rpartition("/")[2]
        return ShownMessage("\n".join(filter(None, (name, text(file, "caption")))), FILE_ICONS[kind])
    return ShownMessage(content_of(kind, message))


def _show_interactive(content: Mapping[str, Any]) -> ShownMessage:
    kind, action = text(content, "type"), mapping(content, "action")
    words = text(mapping(content, "body"), "text")
    if kind in REPLIES:
        found = [mapping(each, "reply") for each in objects(action, "buttons")]
        found += [row for section in objects(action, "sections") for row in objects(section, "rows")]
        choices = [Choice(text(each, "id"), text(each, "title"), text(each, "description")) for each in found]
        return ShownMessage(words, choices=choices, list_button=text(action, "button"))
    if kind == "location_request_message":
        return ShownMessage(words, icon="map-pin", label=_("Send the location"))
    parameters = mapping(action, "parameters")
    return ShownMessage(words, label=text(parameters, "display_text"), url=text(parameters, "url"))


def _show_template(content: Mapping[str, Any]) -> ShownMessage:
    values = [text(each, "text") for part in objects(content, "components") for each in objects(part, "parameters")]
    named = _("Message template %(name)s") % {"name": text(content, "name")}
    return ShownMessage("\n".join([named, *values]), icon="file-text")
