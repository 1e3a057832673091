"""The content of a message: the template that draws it, and its context, for each kind.

Payloads from Meta may have any shape, so every value of them is checked. A message of an unknown kind becomes a card that opens the
API object.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.inbox.bubbles.message_texts import ICONS, KIND_LABELS, META_TEXT_KINDS, message_text, shown_kind
from chats.inbox.text_formatting import as_plain
from chats.media.file_display import describe_file
from chats.message_templates.components import TemplateButton
from chats.message_templates.filled_templates import sent_buttons
from chats.models import Attachment, Message
from cloud_api.errors import codes_of, has_text, meaning_of, meta_words
from cloud_api.payloads.texts import FORM_SENT, card_name, chosen_reply, is_visible, mapping, objects, text

Body = dict[str, Any]

UNSUPPORTED_LABELS = {
    "gif": _("GIF"),
    "group_invite": _("Invitation to a group"),
    "hsm": _("Message template"),
    "image": _("Photo"),
    "interactive": _("Message with buttons"),
    "keep_in_chat": _("A message was kept"),
    "link_preview": _("Link preview"),
    "list": _("Message with a list"),
    "location": _("Location"),
    "order": _("Order"),
    "pin": _("A message was pinned"),
    "poll_creation": _("Poll"),
    "poll_update": _("Vote in a poll"),
    "product": _("Product"),
    "reaction": _("Reaction"),
}
"""By `unsupported.type` (docs/meta-platform.md 3)."""
NOTICES = {
    "user_changed_number": _("The customer has another phone number now."),
    "customer_changed_number": _("The customer has another phone number now."),
    "user_changed_user_id": _("The customer has another WhatsApp user ID now."),
    "customer_identity_changed": _("The customer's security code has changed: they have a new phone or installed WhatsApp anew."),
}
"""By `system.type`."""
FORMATTED_KEYS = {"text": "words", "form": "words", "order": "words", "media": "caption"}
"""By template of the content: the key of the text that the template formats with WhatsApp's marks."""


def plain_text(message: Message) -> str:
    """Returns the message's text without the marks that the thread formats. Other texts, such as file names, stay unchanged."""
    words = message_text(message)
    plain = as_plain(words)
    if plain == words or message.kind in ("text", "edit"):
        return plain
    # This reads the payload, which the queries of lists defer, but only of the few messages with marks.
    part, body = bubble_content(message)
    return plain if body.get(FORMATTED_KEYS.get(part, "")) == words else words


def bubble_content(message: Message, files: Sequence[Attachment] = ()) -> tuple[str, Body]:
    """Returns the template of a message's content, and its context. `files`: the message's, downloaded or not."""
    if message.revoked_at:
        return "revoked", {}
    payload = message.payload if isinstance(message.payload, dict) else {}
    builder = CONTENT_BUILDERS.get(message.kind)
    if builder is _choice:
        part, body = _choice(message, payload)
        return part, body | {"files": [_file_of_form(file) for file in files]}
    if builder is _media or files:
        part, body = _media(message, payload)
        return part, body | describe_file(files[0] if files else None)
    return builder(message, payload) if builder else _unsupported(message, payload)


def _unsupported(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    """A message that WhatsApp does not pass on, or of a kind that the hub does not know: its kind, and Meta's reason."""
    errors = objects(payload, "errors")
    kind = text(mapping(payload, "unsupported"), "type")
    body = {
        "title": UNSUPPORTED_LABELS.get(kind) or (KIND_LABELS["unsupported"] if errors or message.kind in META_TEXT_KINDS else ""),
        "words": next((gettext(meaning_of(code).words) for code in codes_of(errors) if has_text(code)), ""),
        "details": next(filter(None, map(meta_words, errors)), ""),
        "said": "" if errors or message.kind in META_TEXT_KINDS else message_text(message),
    }
    return "unknown", body


def _text(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    written = text(mapping(payload, "text"), "body")
    if message.kind == "text" and payload and not is_visible(written) and not message.edited_content:
        return "text", {"words": "", "is_empty": True}
    return "text", {"words": message_text(message)}


def _file_of_form(file: Attachment) -> Body:
    """A file of a form's answers, drawn like a message with a file. `query` selects it among the message's files."""
    body = {"icon": ICONS.get(file.kind, "file-text"), "word": KIND_LABELS.get(file.kind, file.kind), "file_name": file.file_name}
    return body | {"query": f"?position={file.position}"} | describe_file(file)


def _media(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    media = mapping(payload, message.kind)
    kind = "media_placeholder" if message.kind == "unsupported" else shown_kind(message)
    template = text(mapping(payload, "template"), "name")[:100]
    return "media", {
        "icon": ICONS.get(kind, "image"),
        "word": KIND_LABELS.get(kind, kind),
        "file_name": text(media, "filename")[:200],
        "caption": message_text(message) if template else (message.edited_content or text(media, "caption")).strip(),
        "template": template,
        "offered": sent_buttons(payload),
    }


def _location(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    location = mapping(payload, "location")
    at = [_coordinate(location, "latitude", 90), _coordinate(location, "longitude", 180)]
    map_url = ""
    if None not in at:
        map_url = f"https://www.openstreetmap.org/?mlat={at[0]}&mlon={at[1]}#map=16/{at[0]}/{at[1]}"
    words = {key: text(location, key)[:500] for key in ("name", "address")}
    return "location", {**words, "at": [each for each in at if each is not None], "map": map_url}


def _coordinate(location: Mapping[str, Any], key: str, limit: int) -> float | None:
    try:
        value = float(text(location, key))
    except ValueError:
        return None
    return value if -limit <= value <= limit else None


def _cards(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    cards = [
        {
            "name": card_name(card)[:200],
            "company": text(mapping(card, "org"), "company")[:200],
            "phones": [text(each, "phone")[:40] or text(each, "wa_id")[:40] for each in objects(card, "phones")[:5]],
            "emails": [text(each, "email")[:200] for each in objects(card, "emails")[:5]],
        }
        for card in objects(payload, "contacts")[:20]
    ]
    return ("cards", {"cards": cards}) if cards else _text(message, payload)


def _choice(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    """A customer's choice, the choices that the business offered, or a form's answers."""
    interactive = mapping(payload, "interactive")
    if "nfm_reply" in interactive:
        return "form", {"words": "" if message.content == FORM_SENT else message_text(message)}
    if errors := objects(payload, "errors"):
        words = next((gettext(meaning_of(code).words) for code in codes_of(errors) if has_text(code)), "")
        details = next(filter(None, map(meta_words, errors)), "")
        return "unknown", {"title": KIND_LABELS["interactive"], "words": words, "details": details, "said": ""}
    if reply := chosen_reply(interactive):
        return "choice", {"words": message_text(message), "about": text(reply, "description")[:300]}
    action = mapping(interactive, "action")
    buttons = [text(mapping(each, "reply"), "title") for each in objects(action, "buttons")[:10]]
    rows = [text(row, "title") for section in objects(action, "sections")[:10] for row in objects(section, "rows")[:10]]
    offered = [TemplateButton("QUICK_REPLY", each[:100]) for each in (*buttons, *rows) if each]
    return "text", {"words": message_text(message), "offered": offered}


def _button(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    return "choice", {"words": message_text(message), "about": ""}


def _order(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    order = mapping(payload, "order")
    items = [
        {
            "product": text(item, "product_retailer_id")[:100] or "?",
            "quantity": text(item, "quantity")[:20],
            "price": f"{_price(item)} {text(item, 'currency')[:5]}".strip(),
        }
        for item in objects(order, "product_items")[:30]
    ]
    return ("order", {"items_ordered": items, "words": text(order, "text")}) if items else _text(message, payload)


def _price(item: Mapping[str, Any]) -> str:
    """Returns the price in the user's number format. A text that is no number stays as Meta sent it."""
    written = text(item, "item_price")[:20]
    try:
        return number_format(Decimal(written), decimal_pos=2, force_grouping=True)
    except (InvalidOperation, ValueError, OverflowError):
        return written


def _template(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    template = text(mapping(payload, "template"), "name")[:100] or "…"
    return "text", {"words": message_text(message), "template": template, "offered": sent_buttons(payload)}


def _notice(message: Message, payload: Mapping[str, Any]) -> tuple[str, Body]:
    notice = NOTICES.get(text(mapping(payload, "system"), "type"))
    return "notice", {"icon": ICONS.get(shown_kind(message), "message-circle"), "words": str(notice or plain_text(message))[:500]}


CONTENT_BUILDERS: dict[str, Callable[[Message, Mapping[str, Any]], tuple[str, Body]]] = {
    "text": _text,
    **dict.fromkeys(("image", "video", "audio", "document", "sticker", "media_placeholder", "voice"), _media),
    "location": _location,
    "contacts": _cards,
    "interactive": _choice,
    "button": _button,
    "order": _order,
    "template": _template,
    **dict.fromkeys(("system", "request_welcome", "call", *ACTION_KINDS), _notice),
}
