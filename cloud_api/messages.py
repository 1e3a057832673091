"""Messages to send: the API object of every kind (reference 8.2), with its limits checked first.

Each builder gives {"type": kind, kind: {…}} and raises InvalidMessage. Lengths are counted in characters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Content = dict[str, Any]

MOST_TEXT = 4096
MOST_CAPTION = 1024
MOST_CARDS = 257
MOST_BODY = 1024
MOST_LIST_BODY = 4096
MOST_HEADER = 60
MOST_FOOTER = 60
MOST_BUTTONS = 3
MOST_BUTTON_TITLE = 20
MOST_BUTTON_ID = 256
MOST_SECTIONS = 10
MOST_ROWS = 10
MOST_ROW_TITLE = 24
MOST_ROW_DESCRIPTION = 72
MOST_ROW_ID = 200
MOST_FLOW_BUTTON = 30
FLOW_MESSAGE_VERSION = "3"
WITHOUT_CAPTION = ("audio", "sticker")


def _(words: str) -> str:
    """Marks words to be translated where they are shown."""
    return words


_EMPTY = _("This must not be empty.")
_TOO_LONG = _("At most %(limit)s characters.")
_TOO_MANY = _("At most %(limit)s of these.")


class InvalidMessage(ValueError):
    """WhatsApp would refuse this message. `field` names the part, as the builder's argument does; `words`, in English and to be
    translated, may hold %(limit)s."""

    def __init__(self, field: str, words: str, *, limit: int | str = "") -> None:
        super().__init__(f"{field}: {words % {'limit': limit}}")
        self.field = field
        self.words = words
        self.limit = limit


@dataclass(frozen=True, slots=True)
class MediaLimit:
    """What files of a kind WhatsApp takes (reference 8.3): their types, and how many bytes at most."""

    mime_types: frozenset[str]
    most: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A button, or a row of a list, that a customer may tap; the answer brings its `id`. Only a row has a description."""

    id: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of a list under a title, which a list of one section may do without."""

    title: str
    rows: Sequence[Choice]


_MB = 2**20
_OFFICE = "application/vnd.openxmlformats-officedocument"
MEDIA_LIMITS = {
    "audio": MediaLimit(frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}), 16 * _MB),
    "image": MediaLimit(frozenset({"image/jpeg", "image/png"}), 5 * _MB),
    "video": MediaLimit(frozenset({"video/mp4", "video/3gpp"}), 16 * _MB),
    "sticker": MediaLimit(frozenset({"image/webp"}), 500 * 2**10),  # if it moves; 100 KB if not
    "document": MediaLimit(
        frozenset(
            {
                "text/plain",
                "application/pdf",
                "application/msword",
                "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                f"{_OFFICE}.wordprocessingml.document",
                f"{_OFFICE}.spreadsheetml.sheet",
                f"{_OFFICE}.presentationml.presentation",
            }
        ),
        100 * _MB,
    ),
}


def fitting_kind(mime_type: str) -> str | None:
    """The kind of message that takes a file of this type; None if none does."""
    plain = _plain(mime_type)
    return next((kind for kind, limit in MEDIA_LIMITS.items() if plain in limit.mime_types), None)


def check_media(kind: str, mime_type: str, size: int) -> None:
    """InvalidMessage if WhatsApp does not take such a file, of `size` bytes, as a message of this kind."""
    limit = MEDIA_LIMITS[kind]
    if _plain(mime_type) not in limit.mime_types:
        types = ", ".join(sorted(limit.mime_types))
        raise InvalidMessage("file", _("WhatsApp does not take this type of file here, only: %(limit)s."), limit=types)
    if size <= 0:
        raise InvalidMessage("file", _("The file is empty."))
    if size > limit.most:
        raise InvalidMessage("file", _("The file may have at most %(limit)s."), limit=_in_words(limit.most))


def _plain(mime_type: str) -> str:
    """Without parameters such as the codec."""
    return mime_type.partition(";")[0].strip().lower()


def _in_words(size: int) -> str:
    return f"{size // _MB} MB" if size >= _MB else f"{size // 2**10} KB"


def text(body: str, preview_url: bool = True) -> Content:
    _check("body", body, MOST_TEXT)
    return _content("text", {"body": body, "preview_url": preview_url})


def media(kind: str, *, media_id: str = "", link: str = "", caption: str = "", filename: str = "", voice: bool = False) -> Content:
    """A file uploaded before, or one that Meta fetches from `link`; with neither, one that is yet to be uploaded, whose id is then
    added. `filename` counts for a document, `voice` for audio, which is then shown as a voice note."""
    if kind not in MEDIA_LIMITS:
        raise InvalidMessage("kind", _("This is not a kind of file."))
    if media_id and link:
        raise InvalidMessage("file", _("Choose one file."))
    if link:
        _check_url("link", link)
    if caption and kind in WITHOUT_CAPTION:
        raise InvalidMessage("caption", _("A file of this kind has no caption."))
    _check("caption", caption, MOST_CAPTION, required=False)
    file: Content = _given({"id": media_id, "link": link})
    if kind == "audio" and voice:
        file["voice"] = True
    named = {"caption": caption, "filename": filename if kind == "document" else ""}
    return _content(kind, file | _given(named))


def location(latitude: float, longitude: float, *, name: str = "", address: str = "") -> Content:
    """A place, in degrees."""
    for field, degrees, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if not -most <= degrees <= most:
            raise InvalidMessage(field, _("At most %(limit)s degrees, north or south, east or west."), limit=most)
    return _content("location", {"latitude": latitude, "longitude": longitude} | _given({"name": name, "address": address}))


def contacts(cards: Sequence[Mapping[str, Any]]) -> Content:
    """Address cards, as the API has them: each with `name.formatted_name` and one more part of the name."""
    _check_count("contacts", cards, MOST_CARDS)
    for card in cards:
        name = {part for part, value in (card.get("name") or {}).items() if value}
        if "formatted_name" not in name or len(name) == 1:
            raise InvalidMessage("contacts", _("Each contact needs a full name and a first or last name."))
    return _content("contacts", [dict(card) for card in cards])


def reaction(wamid: str, emoji: str) -> Content:
    """On a message of at most 30 days ago; an empty emoji takes the reaction back."""
    _check("wamid", wamid)
    return _content("reaction", {"message_id": wamid, "emoji": emoji})


def template(name: str, language: str, components: Sequence[Mapping[str, Any]] = ()) -> Content:
    """An approved message template; `components` hold what fills its fields, as the API has them."""
    _check("name", name)
    _check("language", language)
    filled: Content = {"components": [dict(component) for component in components]} if components else {}
    return _content("template", {"name": name, "language": {"code": language}} | filled)


def buttons(body: str, choices: Sequence[Choice], *, header: str | Mapping[str, Any] = "", footer: str = "") -> Content:
    """Up to three buttons to answer with. `header` is a line of text, or the API's object for a file."""
    _check_count("buttons", choices, MOST_BUTTONS)
    for choice in choices:
        _check("buttons", choice.id, MOST_BUTTON_ID)
        _check("buttons", choice.title, MOST_BUTTON_TITLE)
    replies = [{"type": "reply", "reply": {"id": choice.id, "title": choice.title}} for choice in choices]
    return _interactive("button", body, {"buttons": replies}, header=header, footer=footer)


def list_message(body: str, button: str, sections: Sequence[Section], *, header: str = "", footer: str = "") -> Content:
    """Up to ten rows to choose from, behind a button."""
    _check("button", button, MOST_BUTTON_TITLE)
    _check_count("sections", sections, MOST_SECTIONS)
    _check_count("rows", [row for section in sections for row in section.rows], MOST_ROWS)
    action = {"button": button, "sections": [_section(section, titled=len(sections) > 1) for section in sections]}
    return _interactive("list", body, action, header=header, footer=footer, most=MOST_LIST_BODY)


def _section(section: Section, *, titled: bool) -> Content:
    _check("sections", section.title, MOST_ROW_TITLE, required=titled)
    _check_count("rows", section.rows, MOST_ROWS)
    for row in section.rows:
        _check("rows", row.id, MOST_ROW_ID)
        _check("rows", row.title, MOST_ROW_TITLE)
        _check("rows", row.description, MOST_ROW_DESCRIPTION, required=False)
    rows = [{"id": row.id, "title": row.title} | _given({"description": row.description}) for row in section.rows]
    return _given({"title": section.title}) | {"rows": rows}


def cta_url(body: str, display_text: str, url: str, *, header: str | Mapping[str, Any] = "", footer: str = "") -> Content:
    """A button that opens a page."""
    _check("display_text", display_text, MOST_BUTTON_TITLE)
    _check_url("url", url)
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
    """A button that opens a form, which is named by its id or by its name; `token` comes back with the answer."""
    _check("cta", cta, MOST_FLOW_BUTTON)
    _check("token", token)
    if bool(flow_id) == bool(flow_name):
        raise InvalidMessage("flow_id", _("Choose one form."))
    parameters: Content = {"flow_message_version": FLOW_MESSAGE_VERSION, "flow_cta": cta, "flow_token": token}
    parameters |= {"flow_action": action, "mode": mode} | _given({"flow_id": flow_id, "flow_name": flow_name})
    if action_payload:
        parameters["flow_action_payload"] = dict(action_payload)
    return _interactive("flow", body, {"name": "flow", "parameters": parameters}, header=header, footer=footer)


def location_request(body: str) -> Content:
    """A button by which the customer sends a place."""
    return _interactive("location_request_message", body, {"name": "send_location"})


def contact_request(body: str) -> Content:
    """A button by which a customer whose phone WhatsApp does not share gives it."""
    return _interactive("contact_request", body, {"name": "request_contact_info"})


def _interactive(
    kind: str,
    body: str,
    action: Mapping[str, Any],
    *,
    header: str | Mapping[str, Any] = "",
    footer: str = "",
    most: int = MOST_BODY,
) -> Content:
    _check("body", body, most)
    _check("footer", footer, MOST_FOOTER, required=False)
    content: Content = {"type": kind, "body": {"text": body}, "action": dict(action)}
    if isinstance(header, str):
        _check("header", header, MOST_HEADER, required=False)
        header = {"type": "text", "text": header} if header else {}
    if header:
        content["header"] = dict(header)
    if footer:
        content["footer"] = {"text": footer}
    return _content("interactive", content)


def _content(kind: str, content: Any) -> Content:
    return {"type": kind, kind: content}


def _given(values: Mapping[str, str]) -> Content:
    """Without those that are empty: Meta refuses empty values."""
    return {name: value for name, value in values.items() if value}


def _check(field: str, value: str, most: int | None = None, *, required: bool = True) -> None:
    if required and not value.strip():
        raise InvalidMessage(field, _EMPTY)
    if most is not None and len(value) > most:
        raise InvalidMessage(field, _TOO_LONG, limit=most)


def _check_count(field: str, values: Sequence[Any], most: int) -> None:
    if not values:
        raise InvalidMessage(field, _EMPTY)
    if len(values) > most:
        raise InvalidMessage(field, _TOO_MANY, limit=most)


def _check_url(field: str, url: str) -> None:
    if not url.startswith(("https://", "http://")):
        raise InvalidMessage(field, _("An address begins with https:// or http://."))
