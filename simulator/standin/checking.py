"""What Graph checks of a message before it takes it (reference 8.2), by the message's type."""

from collections.abc import Callable, Mapping
from typing import Any

from cloud_api.messages import (
    FLOW_MESSAGE_VERSION,
    MEDIA_LIMITS,
    MOST_BODY,
    MOST_BUTTON_ID,
    MOST_BUTTON_TITLE,
    MOST_BUTTONS,
    MOST_CAPTION,
    MOST_CARDS,
    MOST_FLOW_BUTTON,
    MOST_FOOTER,
    MOST_HEADER,
    MOST_LIST_BODY,
    MOST_ROW_DESCRIPTION,
    MOST_ROW_ID,
    MOST_ROW_TITLE,
    MOST_ROWS,
    MOST_SECTIONS,
    MOST_TEXT,
    InvalidMessage,
    check_media,
)
from cloud_api.payloads.contents import mapping, objects
from simulator.standin.refusals import Refusal, bad_parameter, invalid, missing
from simulator.standin.world import File

Content = Mapping[str, Any]
FileOf = Callable[[str], File | None]
"""The number's file of an id."""

MOST_CALLBACK_DATA = 512
MOST_LINK = 2048


def check_message(body: Content, file_of: FileOf) -> None:
    """Raises Refusal. Templates are checked against their definition elsewhere."""
    if body.get("messaging_product") != "whatsapp":
        raise bad_parameter("The parameter messaging_product is required.")
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("recipient_type must be individual: this number is in no group.")
    _text(body, "biz_opaque_callback_data", MOST_CALLBACK_DATA, required=False)
    kind = body.get("type", "text")
    if not isinstance(kind, str) or kind not in CHECKS:
        raise bad_parameter(f"Param type must be one of {{{', '.join(CHECKS).upper()}}}.")
    if not body.get(kind):
        raise missing(kind)
    if "context" in body:
        _text(mapping(body, "context"), "message_id", 512)
    CHECKS[kind](body, file_of)


def _text(value: Content, key: str, most: int | None = None, *, required: bool = True) -> str:
    found = value.get(key)
    if found is None or found == "":
        if required:
            raise missing(key)
        return ""
    if not isinstance(found, str):
        raise invalid(f"{key} must be a string.")
    if most is not None and len(found) > most:
        raise invalid(f"{key} must have at most {most} characters.")
    return found


def _count(values: list[Content], what: str, most: int) -> list[Content]:
    if not values:
        raise missing(what)
    if len(values) > most:
        raise invalid(f"At most {most} {what} are allowed.")
    return values


def _unique(values: list[str], what: str) -> None:
    if len(set(values)) < len(values):
        raise invalid(f"Each {what} must be unique.")


def _link(value: Content, key: str) -> None:
    if not _text(value, key, MOST_LINK).startswith(("https://", "http://")):
        raise invalid(f"{key} must be an address that begins with https:// or http://.")


def _check_text(body: Content, file_of: FileOf) -> None:
    words = _text(mapping(body, "text"), "body")
    if len(words) > MOST_TEXT:
        raise bad_parameter(f"Param text['body'] must be at most {MOST_TEXT} characters long.")


def _check_file(body: Content, file_of: FileOf) -> None:
    kind = body["type"]
    content = mapping(body, kind)
    check_file(kind, content, file_of)
    caption = _text(content, "caption", MOST_CAPTION, required=False)
    if caption and kind in ("audio", "sticker"):
        raise bad_parameter(f"Unexpected key 'caption' on param '{kind}'.")


def check_file(kind: str, content: Content, file_of: FileOf) -> None:
    """A file by its id or its address: one of the two, and what fits the kind. Raises Refusal."""
    if bool(content.get("id")) == bool(content.get("link")):
        raise missing(f"{kind}['id'] or {kind}['link']")
    if content.get("link"):
        _link(content, "link")
        return
    file = file_of(_text(content, "id"))
    if file is None:
        raise invalid("There is no file of this media id.")
    try:
        check_media(kind, file.mime_type, file.size)
    except InvalidMessage as refused:
        raise Refusal(131053, str(refused)) from None


def _check_location(body: Content, file_of: FileOf) -> None:
    place = mapping(body, "location")
    for key, most in (("latitude", 90), ("longitude", 180)):
        if place.get(key) in (None, ""):
            raise missing(key)
        try:
            degrees = float(place[key])
        except (TypeError, ValueError, OverflowError):
            raise invalid(f"{key} must be a number.") from None
        if not -most <= degrees <= most:
            raise invalid(f"{key} must be between -{most} and {most}.")


def _check_contacts(body: Content, file_of: FileOf) -> None:
    for card in _count(objects(body, "contacts"), "contacts", MOST_CARDS):
        name = mapping(card, "name")
        _text(name, "formatted_name")
        if not any(value for part, value in name.items() if part != "formatted_name"):
            raise missing("one more part of the name than formatted_name")


def _check_reaction(body: Content, file_of: FileOf) -> None:
    reaction = mapping(body, "reaction")
    _text(reaction, "message_id")
    if "emoji" not in reaction:
        raise missing("emoji")
    if not isinstance(reaction["emoji"], str) or len(reaction["emoji"]) > 40:
        raise invalid("emoji must be one emoji, or empty.")
    if "context" in body:
        raise bad_parameter("A reaction cannot be a contextual reply.")


def _check_template(body: Content, file_of: FileOf) -> None:
    template = mapping(body, "template")
    _text(template, "name")
    _text(mapping(template, "language"), "code")


def _check_interactive(body: Content, file_of: FileOf) -> None:
    content = mapping(body, "interactive")
    kind = _text(content, "type")
    if kind not in ACTIONS:
        raise bad_parameter(f"Param interactive['type'] must be one of {{{', '.join(ACTIONS).upper()}}}.")
    _text(mapping(content, "body"), "text", MOST_LIST_BODY if kind == "list" else MOST_BODY)
    if "footer" in content:
        _text(mapping(content, "footer"), "text", MOST_FOOTER)
    if "header" in content:
        _check_header(mapping(content, "header"), file_of)
    if not mapping(content, "action"):
        raise missing("action")
    ACTIONS[kind](mapping(content, "action"))


def _check_header(header: Content, file_of: FileOf) -> None:
    kind = _text(header, "type")
    if kind == "text":
        _text(header, "text", MOST_HEADER)
    elif kind in ("image", "video", "document"):
        check_file(kind, mapping(header, kind), file_of)
    else:
        raise invalid("header.type must be one of text, image, video, document.")


def _check_buttons(action: Content) -> None:
    replies = [mapping(each, "reply") for each in _count(objects(action, "buttons"), "buttons", MOST_BUTTONS)]
    _unique([_text(each, "id", MOST_BUTTON_ID) for each in replies], "button id")
    _unique([_text(each, "title", MOST_BUTTON_TITLE) for each in replies], "button title")


def _check_list(action: Content) -> None:
    _text(action, "button", MOST_BUTTON_TITLE)
    sections = _count(objects(action, "sections"), "sections", MOST_SECTIONS)
    for section in sections:
        _text(section, "title", MOST_ROW_TITLE, required=len(sections) > 1)
        _count(objects(section, "rows"), "rows", MOST_ROWS)
    rows = _count([row for section in sections for row in objects(section, "rows")], "rows", MOST_ROWS)
    for row in rows:
        _text(row, "title", MOST_ROW_TITLE)
        _text(row, "description", MOST_ROW_DESCRIPTION, required=False)
    _unique([_text(row, "id", MOST_ROW_ID) for row in rows], "row id")


def _check_cta_url(action: Content) -> None:
    parameters = mapping(action, "parameters")
    _text(parameters, "display_text", MOST_BUTTON_TITLE)
    _link(parameters, "url")


def _check_flow(action: Content) -> None:
    parameters = mapping(action, "parameters")
    if _text(parameters, "flow_message_version") != FLOW_MESSAGE_VERSION:
        raise invalid(f"flow_message_version must be {FLOW_MESSAGE_VERSION}.")
    _text(parameters, "flow_cta", MOST_FLOW_BUTTON)
    if bool(parameters.get("flow_id")) == bool(parameters.get("flow_name")):
        raise missing("flow_id or flow_name")


def _check_name(action: Content) -> None:
    _text(action, "name")


def _unchecked(action: Content) -> None:
    """Products and calls, of which the stand-in knows nothing more."""


CHECKS: dict[str, Callable[[Content, FileOf], None]] = {
    "text": _check_text,
    **dict.fromkeys(MEDIA_LIMITS, _check_file),
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
    **dict.fromkeys(("location_request_message", "contact_request", "request_contact_info"), _check_name),
    **dict.fromkeys(("product", "product_list", "catalog_message", "carousel"), _unchecked),
    **dict.fromkeys(("voice_call", "call_permission_request", "address_message"), _unchecked),
}
