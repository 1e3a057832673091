"""Messages to send: builds and checks the API object of every kind (docs/meta-platform.md 8.2).

Each builder returns {"type": kind, kind: {…}}, and raises InvalidMessage if WhatsApp would refuse it
(`cloud_api.message_checks`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud_api.limits import InvalidMessage
from cloud_api.media_types import MEDIA_LIMITS, MediaLimit, check_media, fitting_kind
from cloud_api.message_checks import (
    FLOW_MESSAGE_VERSION,
    MAX_CAPTION,
    MAX_TEXT,
    REQUEST_CONTACT,
    WITHOUT_CAPTION,
    check_message,
)

__all__ = [
    "MAX_CAPTION",
    "MAX_TEXT",
    "MEDIA_LIMITS",
    "WITHOUT_CAPTION",
    "Choice",
    "InvalidMessage",
    "MediaLimit",
    "Section",
    "buttons",
    "check_media",
    "contact_request",
    "contacts",
    "cta_url",
    "fitting_kind",
    "flow",
    "list_message",
    "location",
    "location_request",
    "media",
    "reaction",
    "template",
    "template_name",
    "text",
]

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """A button, or a row of a list. The customer's reply contains its `id`. Only a row has a description."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of a list under a title. A list with one section needs no title."""

    title: str
    rows: Sequence[Choice]


def text(body: str, preview_url: bool = True) -> Content:
    return _content("text", {"body": body, "preview_url": preview_url})


def media(kind: str, *, media_id: str = "", link: str = "", caption: str = "", filename: str = "", voice: bool = False) -> Content:
    """Returns a file message: a file that was uploaded (`media_id`), or one that Meta downloads (`link`). With neither, the id
    is added after the upload. `filename` is used for documents, `voice` for audio, which is then shown as a voice note."""
    if kind not in MEDIA_LIMITS:
        raise InvalidMessage("kind", _("This is not a kind of file."))
    file: Content = _given({"id": media_id, "link": link})
    if kind == "audio" and voice:
        file["voice"] = True
    named = {"caption": caption, "filename": filename if kind == "document" else ""}
    return _content(kind, file | _given(named))


def location(latitude: float, longitude: float, *, name: str = "", address: str = "") -> Content:
    """Returns a location message. The coordinates are in degrees."""
    return _content("location", {"latitude": latitude, "longitude": longitude} | _given({"name": name, "address": address}))


def contacts(cards: Sequence[Mapping[str, Any]]) -> Content:
    """Returns contact cards, in the form of the API: each needs `name.formatted_name` and one more part of the name."""
    return _content("contacts", [dict(card) for card in cards])


def reaction(wamid: str, emoji: str) -> Content:
    """Returns a reaction to a message, which must be at most 30 days old. An empty emoji removes the reaction."""
    return _content("reaction", {"message_id": wamid, "emoji": emoji})


def template(name: str, language: str, components: Sequence[Mapping[str, Any]] = ()) -> Content:
    """Returns a message that sends an approved template. `components` contain its parameters, in the form of the API."""
    filled: Content = {"components": [dict(component) for component in components]} if components else {}
    return _content("template", {"name": name, "language": {"code": language}} | filled)


def template_name(message: Mapping[str, Any]) -> tuple[str, str]:
    """Returns name and language of the template that a message sends. Both are empty for other messages."""
    content = message.get("template")
    if not isinstance(content, Mapping):
        return "", ""
    language = content.get("language")
    return str(content.get("name") or ""), str(language.get("code") or "") if isinstance(language, Mapping) else ""


def buttons(body: str, choices: Sequence[Choice], *, header: str | Mapping[str, Any] = "", footer: str = "") -> Content:
    """Returns a message with up to three reply buttons, with different ids and titles. `header` is a line of text, or the API
    object of a file."""
    replies = [{"type": "reply", "reply": {"id": choice.id, "title": choice.title}} for choice in choices]
    return _interactive("button", body, {"buttons": replies}, header=header, footer=footer)


def list_message(body: str, button: str, sections: Sequence[Section], *, header: str = "", footer: str = "") -> Content:
    """Returns a message with up to ten rows behind a button. All ids are different, and so are the titles of a section."""
    action = {"button": button, "sections": [_section(section) for section in sections]}
    return _interactive("list", body, action, header=header, footer=footer)


def _section(section: Section) -> Content:
    rows = [{"id": row.id, "title": row.title} | _given({"description": row.description}) for row in section.rows]
    return _given({"title": section.title}) | {"rows": rows}


def cta_url(body: str, display_text: str, url: str, *, header: str | Mapping[str, Any] = "", footer: str = "") -> Content:
    """Returns a message with a button that opens a web page."""
    action = {"name": "cta_url", "parameters": {"display_text": display_text, "url": url}}
    return _interactive("cta_url", body, action, header=header, footer=footer)


def flow(
    body: str,
    *,
    cta: str,
    token: str,
    flow_id: str = "",
    flow_name: str = "",
    action: str = "navigate",
    action_payload: Mapping[str, Any] | None = None,
    mode: str = "published",
    header: str | Mapping[str, Any] = "",
    footer: str = "",
) -> Content:
    """Returns a message with a button that opens a form, named by id or by name. The reply contains `token`."""
    parameters: Content = {"flow_message_version": FLOW_MESSAGE_VERSION, "flow_cta": cta, "flow_token": token}
    parameters |= {"flow_action": action, "mode": mode} | _given({"flow_id": flow_id, "flow_name": flow_name})
    if action_payload:
        parameters["flow_action_payload"] = dict(action_payload)
    return _interactive("flow", body, {"name": "flow", "parameters": parameters}, header=header, footer=footer)


def location_request(body: str) -> Content:
    """Returns a message with a button by which the customer sends a location."""
    return _interactive("location_request_message", body, {"name": "send_location"})


def contact_request(body: str) -> Content:
    """Returns a message with a button by which a customer shares a phone number that WhatsApp does not pass on."""
    return _interactive(REQUEST_CONTACT, body, {"name": "request_contact_info"})


def _interactive(
    kind: str,
    body: str,
    action: Mapping[str, Any],
    *,
    header: str | Mapping[str, Any] = "",
    footer: str = "",
) -> Content:
    content: Content = {"type": kind, "body": {"text": body}, "action": dict(action)}
    if isinstance(header, str):
        header = {"type": "text", "text": header} if header else {}
    if header:
        content["header"] = dict(header)
    if footer:
        content["footer"] = {"text": footer}
    return _content("interactive", content)


def _content(kind: str, content: Any) -> Content:
    message = {"type": kind, kind: content}
    check_message(message)
    return message


def _given(values: Mapping[str, str]) -> Content:
    """Returns the values that are not empty. Meta refuses empty values."""
    return {name: value for name, value in values.items() if value}


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words
