"""Messages of customers in Meta's format (docs/meta-platform.md 3), and the changes that they make to other messages."""

from collections.abc import Callable
from typing import Any

from cloud_api.messages import MEDIA_LIMITS
from cloud_api.payloads.texts import mapping, text
from simulator.standin.files import media_object
from simulator.standin.state.world import Customer, File, Message, Number
from simulator.standin.webhooks.payloads import TYPE_WITHOUT_CONTACTS

Content = dict[str, Any]

TYPE_WITHOUT_CONTENT = "request_welcome"
OWN_KEYS = ("type", "reply_to", "at")
"""Keys of the control API's message that Meta's message does not have."""
UNSUPPORTED = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}
TYPES_WITH_TARGET = ("reaction", "edit", "revoke")
"""Types of messages that change another message, their target."""


class UnsupportedMessage(ValueError):
    """A customer's phone cannot send this message. The text explains why."""


def build_message(
    number: Number,
    customer: Customer,
    message_object: Content,
    *,
    wamid: str,
    at: float,
    file_of: Callable[[str], File | None],
    url_of: Callable[[File], str],
) -> Content:
    """Returns the item of `messages[]` for a customer's message. `message_object` is such an item without the sender, id and time
    that Meta adds. It refers to a file by its media ID, and to a quoted message by its wamid in `reply_to`. Raises
    UnsupportedMessage."""
    kind = message_object.get("type")
    if not isinstance(kind, str) or not kind:
        raise UnsupportedMessage("A message needs its type.")
    message: Content = _sender(customer, kind) | {"id": wamid, "timestamp": str(int(at)), "type": kind}
    message |= {key: value for key, value in message_object.items() if key not in OWN_KEYS}
    if message_object.get("reply_to"):
        message["context"] = _context(number, customer, str(message_object["reply_to"]))
    if kind == "unsupported":
        message = {"unsupported": {"type": "poll_creation"}, "errors": [UNSUPPORTED]} | message
    if kind != TYPE_WITHOUT_CONTENT and not isinstance(message.get(kind), dict | list):
        raise UnsupportedMessage(f"A message of type {kind} needs an object {kind}.")
    if kind == "text" and not text(mapping(message, "text"), "body"):
        raise UnsupportedMessage("A text needs a body.")
    if kind in MEDIA_LIMITS:
        message[kind] = _file(kind, mapping(message, kind), file_of, url_of)
    if kind == "reaction" and not text(mapping(message, "reaction"), "emoji"):
        message["reaction"] = {"message_id": text(mapping(message, "reaction"), "message_id")}
    return message


def _sender(customer: Customer, kind: str) -> Content:
    phone = {"from": customer.wa_id} if customer.wa_id else {}
    return phone if kind == TYPE_WITHOUT_CONTACTS else phone | {"from_user_id": customer.user_id}


def _context(number: Number, customer: Customer, wamid: str) -> Content:
    quoted = number.messages.get(wamid)
    if quoted and quoted.from_customer:
        return _sender(customer, "text") | {"id": wamid}
    return {"from": number.wa_id, "id": wamid}


def _file(kind: str, content: Any, file_of: Callable[[str], File | None], url_of: Callable[[File], str]) -> Content:
    file = file_of(text(content, "id"))
    if file is None:
        raise UnsupportedMessage("There is no file of this id.")
    always: dict[str, Content] = {"audio": {"voice": False}, "sticker": {"animated": False}, "document": {"filename": file.name}}
    return media_object(file, always.get(kind, {}) | content, url_of(file))


def apply_to_target(number: Number, message: Message) -> Message | None:
    """Changes the target of this message, and returns it. Returns None if there is no target."""
    content = mapping(message.payload, message.type)
    who = "customer" if message.from_customer else "business"
    target = number.messages.get(text(content, "message_id") or text(content, "original_message_id"))
    if message.type not in TYPES_WITH_TARGET or target is None or target.customer != message.customer:
        return None
    if message.type == "reaction":
        others = {each: emoji for each, emoji in target.reactions.items() if each != who}
        target.reactions = others | ({who: text(content, "emoji")} if text(content, "emoji") else {})
    elif not target.from_customer:
        return None
    elif message.type == "edit":
        _apply_edit(target, mapping(content, "message"))
    else:
        target.revoked = True
    return target


def _apply_edit(target: Message, new: Any) -> None:
    words = mapping(new, target.type)
    target.payload = target.payload | {target.type: {**mapping(target.payload, target.type), **words}}
    target.edited = True
