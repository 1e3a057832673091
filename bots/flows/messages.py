"""Messages of a flow as API objects. The interpreter and the checks build them in the same way, so that what passes the checks can
be sent."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bots.flows.texts import fill
from cloud_api import messages
from cloud_api.limits import InvalidMessage
from cloud_api.message_checks import MAX_BODY, MAX_CAPTION, MAX_TEXT
from cloud_api.messages import Choice, Section
from cloud_api.payloads.texts import is_visible
from cloud_api.template_checks import MAX_VALUE_LENGTH

Message = Mapping[str, Any]
ValueOf = Callable[[str], str]

NOTHING = "…"
"""What a customer reads where a text that must not be empty has only placeholders without values."""


def build(message: Message, value_of: ValueOf) -> dict[str, Any] | None:
    """Returns the API object of a message with values for its placeholders. None for a text of which nothing is left, which is
    not sent. Raises InvalidMessage if WhatsApp would refuse it, which no flow without problems leads to."""
    return BUILDERS[message["type"]](message, value_of)


def file_of(message: Message) -> str:
    """Returns the id of the stored file that is to be uploaded for the message, empty if there is none."""
    return str(message.get("file", "")) if message["type"] == "media" else ""


def choices_of(message: Message) -> Iterator[Mapping[str, str]]:
    """Yields the buttons or rows of a message."""
    yield from message.get("buttons", ())
    yield from message.get("rows", ())


def _text(message: Message, value_of: ValueOf) -> dict[str, Any] | None:
    body = fill(message["text"], value_of, MAX_TEXT)
    return messages.text(body) if is_visible(body) else None


def _media(message: Message, value_of: ValueOf) -> dict[str, Any]:
    if bool(message.get("link")) == bool(message.get("file")):
        raise InvalidMessage("file", _("Choose one file."))
    caption = fill(message.get("caption", ""), value_of, MAX_CAPTION)
    link, filename = message.get("link", ""), message.get("filename", "")
    return messages.media(message["kind"], link=link, caption=caption if is_visible(caption) else "", filename=filename)


def _buttons(message: Message, value_of: ValueOf) -> dict[str, Any]:
    choices = [Choice(button["id"], button["title"]) for button in message["buttons"]]
    return messages.buttons(_body(message, value_of), choices)


def _list(message: Message, value_of: ValueOf) -> dict[str, Any]:
    rows = [Choice(row["id"], row["title"], row.get("description", "")) for row in message["rows"]]
    return messages.list_message(_body(message, value_of), message["button"], [Section("", rows)])


def _link(message: Message, value_of: ValueOf) -> dict[str, Any]:
    return messages.cta_url(_body(message, value_of), message["title"], message["url"])


def _location_request(message: Message, value_of: ValueOf) -> dict[str, Any]:
    return messages.location_request(_body(message, value_of))


def _template(message: Message, value_of: ValueOf) -> dict[str, Any]:
    values = [_one_line(fill(value, value_of, MAX_VALUE_LENGTH)) for value in message.get("values", ())]
    parameters = [{"type": "text", "text": value} for value in values]
    components = [{"type": "body", "parameters": parameters}] if parameters else []
    return messages.template(message["name"], message["language"], components)


def _body(message: Message, value_of: ValueOf) -> str:
    body = fill(message["text"], value_of, MAX_BODY)
    return body if is_visible(body) else NOTHING


def _one_line(value: str) -> str:
    """Returns the value of a template's variable, which must have neither line breaks nor runs of spaces."""
    line = " ".join(value.split())
    return line if is_visible(line) else NOTHING


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


BUILDERS: Mapping[str, Callable[[Message, ValueOf], dict[str, Any] | None]] = {
    "text": _text,
    "media": _media,
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "location_request": _location_request,
    "template": _template,
}
