"""Graph's checks of a message before it accepts it (docs/meta-platform.md 8.2). The builders and the simulator share them.

`check_message` reads an API object, {"type": kind, kind: {…}}, which may contain anything.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cloud_api.limits import (
    EMPTY,
    PARAMETER_MISSING,
    PARAMETER_WRONG,
    InvalidMessage,
    check_count,
    check_ids,
    check_link,
    check_text,
    check_titles,
)
from cloud_api.media_types import MEDIA_LIMITS
from cloud_api.payloads.texts import mapping, objects
from cloud_api.template_checks import check_parameters

Content = Mapping[str, Any]

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_CARDS = 257
MAX_EMOJI = 40
MAX_BODY = 1024
MAX_LIST_BODY = 4096
MAX_HEADER = 60
MAX_FOOTER = 60
MAX_BUTTONS = 3
MAX_BUTTON_TITLE = 20
MAX_BUTTON_ID = 256
MAX_SECTIONS = 10
MAX_ROWS = 10
MAX_ROW_TITLE = 24
MAX_ROW_DESCRIPTION = 72
MAX_ROW_ID = 200
MAX_FLOW_BUTTON = 30
FLOW_MESSAGE_VERSION = "3"
WITHOUT_CAPTION = ("audio", "sticker")
HEADER_FILES = ("image", "video", "document")
REQUEST_CONTACT = "request_contact_info"
"""The interactive type that asks for a phone number. Three sources of 2026 agree on it; an older page of Meta's says
`contact_request` (docs/meta-platform.md 8.2)."""


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


def check_message(message: Content) -> None:
    """Raises InvalidMessage if WhatsApp would refuse the message. Whether Meta has its file, and whether its template is
    approved, cannot be checked here."""
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in CHECKS:
        raise InvalidMessage("kind", _("WhatsApp does not know this kind of message."), code=PARAMETER_WRONG)
    CHECKS[kind](message)


def _check_text(message: Content) -> None:
    check_text("body", mapping(message, "text").get("body"), MAX_TEXT, code=PARAMETER_WRONG)


def _check_media(message: Content) -> None:
    kind = message["type"]
    file = mapping(message, kind)
    check_file(file)
    caption = check_text("caption", file.get("caption"), MAX_CAPTION, required=False)
    if caption and kind in WITHOUT_CAPTION:
        raise InvalidMessage("caption", _("A file of this kind has no caption."), code=PARAMETER_WRONG)
    check_text("filename", file.get("filename"), required=False)


def check_file(file: Content) -> None:
    """Checks a file, which has an id or a link, but not both. Raises InvalidMessage."""
    if file.get("id") and file.get("link"):
        raise InvalidMessage("file", _("Choose one file."), code=PARAMETER_MISSING)
    if file.get("link"):
        check_link("link", file["link"])


def _check_location(message: Content) -> None:
    location = mapping(message, "location")
    for field, most in (("latitude", 90), ("longitude", 180)):
        degrees = location.get(field)
        if degrees in (None, ""):
            raise InvalidMessage(field, EMPTY, code=PARAMETER_MISSING)
        try:
            is_there = -most <= float(degrees) <= most  # false for NaN
        except (TypeError, ValueError, OverflowError):
            is_there = False
        if not is_there:
            raise InvalidMessage(field, _("At most %(limit)s degrees, north or south, east or west."), limit=most)
    for field in ("name", "address"):
        check_text(field, location.get(field), required=False)


def _check_contacts(message: Content) -> None:
    cards = objects(message, "contacts")
    check_count("contacts", cards, MAX_CARDS)
    for card in cards:
        name = {part for part, value in mapping(card, "name").items() if value}
        if "formatted_name" not in name or len(name) == 1:
            words = _("Each contact needs a full name and a first or last name.")
            raise InvalidMessage("contacts", words, code=PARAMETER_MISSING)


def _check_reaction(message: Content) -> None:
    reaction = mapping(message, "reaction")
    check_text("wamid", reaction.get("message_id"))
    if reaction.get("emoji") is None:
        raise InvalidMessage("emoji", EMPTY, code=PARAMETER_MISSING)
    check_text("emoji", reaction["emoji"], MAX_EMOJI, required=False)


def _check_template(message: Content) -> None:
    template = mapping(message, "template")
    check_text("name", template.get("name"))
    check_text("language", mapping(template, "language").get("code"))
    check_parameters(objects(template, "components"))


def _check_interactive(message: Content) -> None:
    content = mapping(message, "interactive")
    kind = check_text("kind", content.get("type"))
    if kind not in ACTIONS:
        raise InvalidMessage("kind", _("WhatsApp does not know this kind of message."), code=PARAMETER_WRONG)
    check_text("body", mapping(content, "body").get("text"), MAX_LIST_BODY if kind == "list" else MAX_BODY)
    if "footer" in content:
        check_text("footer", mapping(content, "footer").get("text"), MAX_FOOTER)
    if "header" in content:
        _check_header(mapping(content, "header"))
    if not mapping(content, "action"):
        raise InvalidMessage("action", EMPTY, code=PARAMETER_MISSING)
    ACTIONS[kind](mapping(content, "action"))


def _check_header(header: Content) -> None:
    kind = check_text("header", header.get("type"))
    if kind == "text":
        check_text("header", header.get("text"), MAX_HEADER)
    elif kind in HEADER_FILES:
        check_file(mapping(header, kind))
    else:
        raise InvalidMessage("header", _("A header is a line of text, a picture, a video or a document."))


def _check_buttons(action: Content) -> None:
    replies = [mapping(each, "reply") for each in objects(action, "buttons")]
    check_count("buttons", replies, MAX_BUTTONS)
    check_ids("buttons", [check_text("buttons", each.get("id"), MAX_BUTTON_ID) for each in replies])
    check_titles("buttons", [check_text("buttons", each.get("title"), MAX_BUTTON_TITLE) for each in replies])


def _check_list(action: Content) -> None:
    check_text("button", action.get("button"), MAX_BUTTON_TITLE)
    sections = objects(action, "sections")
    check_count("sections", sections, MAX_SECTIONS)
    check_count("rows", [row for section in sections for row in objects(section, "rows")], MAX_ROWS)
    for section in sections:
        check_text("sections", section.get("title"), MAX_ROW_TITLE, required=len(sections) > 1)
        _check_rows(objects(section, "rows"))
    check_ids("rows", [row["id"] for section in sections for row in objects(section, "rows")])


def _check_rows(rows: Sequence[Content]) -> None:
    check_count("rows", rows, MAX_ROWS)
    for row in rows:
        check_text("rows", row.get("id"), MAX_ROW_ID)
        check_text("rows", row.get("description"), MAX_ROW_DESCRIPTION, required=False)
    check_titles("rows", [check_text("rows", row.get("title"), MAX_ROW_TITLE) for row in rows])


def _check_cta_url(action: Content) -> None:
    parameters = mapping(action, "parameters")
    check_text("display_text", parameters.get("display_text"), MAX_BUTTON_TITLE)
    check_link("url", parameters.get("url"))


def _check_flow(action: Content) -> None:
    parameters = mapping(action, "parameters")
    if check_text("version", parameters.get("flow_message_version")) != FLOW_MESSAGE_VERSION:
        raise InvalidMessage("version", _("WhatsApp takes version %(limit)s of forms only."), limit=FLOW_MESSAGE_VERSION)
    check_text("cta", parameters.get("flow_cta"), MAX_FLOW_BUTTON)
    check_text("token", parameters.get("flow_token"))
    if bool(parameters.get("flow_id")) == bool(parameters.get("flow_name")):
        raise InvalidMessage("flow_id", _("Choose one form."), code=PARAMETER_MISSING)


def _check_name(action: Content) -> None:
    check_text("action", action.get("name"))


def _unchecked(action: Content) -> None:
    """Products and calls: the hub has no further checks for them."""


CHECKS: dict[str, Callable[[Content], None]] = {
    "text": _check_text,
    **dict.fromkeys(MEDIA_LIMITS, _check_media),
    "location": _check_location,
    "contacts": _check_contacts,
    "reaction": _check_reaction,
    "template": _check_template,
    "interactive": _check_interactive,
}
ACTIONS: dict[str, Callable[[Content], None]] = {
    "button": _check_buttons,
    "list": _check_list,
    "cta_url": _check_cta_url,
    "flow": _check_flow,
    **dict.fromkeys(("location_request_message", REQUEST_CONTACT), _check_name),
    **dict.fromkeys(("product", "product_list", "catalog_message", "carousel"), _unchecked),
    **dict.fromkeys(("voice_call", "call_permission_request", "address_message"), _unchecked),
}
