"""What customers do at their phones, as Meta tells the business of it (docs/meta-platform.md 3)."""

from collections.abc import Callable
from typing import Any

from cloud_api.messages import MEDIA_LIMITS
from cloud_api.payloads.texts import mapping, text
from simulator.standin.bodies import WITHOUT_CONTACTS
from simulator.standin.files import in_webhook
from simulator.standin.world import Customer, File, Message, Number

Content = dict[str, Any]

WITHOUT_CONTENT = "request_welcome"
OF_OUR_OWN = ("type", "reply_to", "at")
"""What is said to the stand-in about a message, and is not in it."""
UNSUPPORTED = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}
ON_OTHERS = ("reaction", "edit", "revoke")
"""Types of messages that show on another message."""


class Unsayable(ValueError):
    """No customer's phone sends this; the text says why."""


def compose(
    number: Number,
    customer: Customer,
    said: Content,
    *,
    wamid: str,
    at: float,
    file_of: Callable[[str], File | None],
    address_of: Callable[[File], str],
) -> Content:
    """The item of `messages[]` for what a customer does. `said` is such an item without what Meta adds: sender, id, time; a file is
    named by its media id alone, the message that this one answers by its wamid in `reply_to`. Raises Unsayable."""
    kind = said.get("type")
    if not isinstance(kind, str) or not kind:
        raise Unsayable("A message needs its type.")
    message: Content = _sender(customer, kind) | {"id": wamid, "timestamp": str(int(at)), "type": kind}
    message |= {key: value for key, value in said.items() if key not in OF_OUR_OWN}
    if said.get("reply_to"):
        message["context"] = _context(number, customer, str(said["reply_to"]))
    if kind == "unsupported":
        message = {"unsupported": {"type": "poll_creation"}, "errors": [UNSUPPORTED]} | message
    if kind != WITHOUT_CONTENT and not isinstance(message.get(kind), dict | list):
        raise Unsayable(f"A message of type {kind} needs an object {kind}.")
    if kind == "text" and not text(mapping(message, "text"), "body"):
        raise Unsayable("A text needs a body.")
    if kind in MEDIA_LIMITS:
        message[kind] = _file(kind, mapping(message, kind), file_of, address_of)
    if kind == "reaction" and not text(mapping(message, "reaction"), "emoji"):
        message["reaction"] = {"message_id": text(mapping(message, "reaction"), "message_id")}
    return message


def _sender(customer: Customer, kind: str) -> Content:
    phone = {"from": customer.wa_id} if customer.wa_id else {}
    return phone if kind == WITHOUT_CONTACTS else phone | {"from_user_id": customer.user_id}


def _context(number: Number, customer: Customer, wamid: str) -> Content:
    answered = number.messages.get(wamid)
    if answered and answered.from_customer:
        return _sender(customer, "text") | {"id": wamid}
    return {"from": number.wa_id, "id": wamid}


def _file(kind: str, content: Any, file_of: Callable[[str], File | None], address_of: Callable[[File], str]) -> Content:
    file = file_of(text(content, "id"))
    if file is None:
        raise Unsayable("There is no file of this id.")
    always: dict[str, Content] = {"audio": {"voice": False}, "sticker": {"animated": False}, "document": {"filename": file.name}}
    return in_webhook(file, always.get(kind, {}) | content, address_of(file))


def change_others(number: Number, message: Message) -> Message | None:
    """The message that this one shows on, changed by it; None if there is none."""
    content = mapping(message.payload, message.type)
    who = "customer" if message.from_customer else "business"
    meant = number.messages.get(text(content, "message_id") or text(content, "original_message_id"))
    if message.type not in ON_OTHERS or meant is None or meant.customer != message.customer:
        return None
    if message.type == "reaction":
        others = {each: emoji for each, emoji in meant.reactions.items() if each != who}
        meant.reactions = others | ({who: text(content, "emoji")} if text(content, "emoji") else {})
    elif not meant.from_customer:
        return None
    elif message.type == "edit":
        _edit(meant, mapping(content, "message"))
    else:
        meant.revoked = True
    return meant


def _edit(meant: Message, new: Any) -> None:
    words = mapping(new, meant.type)
    meant.payload = meant.payload | {meant.type: {**mapping(meant.payload, meant.type), **words}}
    meant.edited = True
