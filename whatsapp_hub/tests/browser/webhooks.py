"""Webhooks with messages of customers, in the shape of Meta's."""

import json
import time
from itertools import count
from typing import Any

from conftest import Hub, apply_all

NUMBER = ("448190735512098", "556133214400")
"""Phone number ID and phone of the number that the webhooks are for."""
_ids = count(1)


def message(wa_id: str, name: str, *, kind: str = "text", content: Any = None, at: float | None = None, **more: Any) -> bytes:
    """Returns a webhook with one message of this person to the number. `content` is the text, or the object of another kind."""
    content = {"body": content} if kind == "text" else content
    item = {"from": wa_id, "id": f"wamid.{next(_ids):08}", "timestamp": str(int(at or time.time())), "type": kind, kind: content}
    contact = {"profile": {"name": name}, "wa_id": wa_id}
    return body({"contacts": [contact], "messages": [item | more]})


def echo(wa_id: str, text: str, *, at: float | None = None, wamid: str | None = None) -> bytes:
    """Returns a webhook with one message that the business wrote in the phone app."""
    item = {"from": NUMBER[1], "to": wa_id, "id": wamid or f"wamid.{next(_ids):08}", "timestamp": str(int(at or time.time()))}
    return body({"message_echoes": [item | {"type": "text", "text": {"body": text}}]}, field="smb_message_echoes")


def status(wamid: str, word: str, wa_id: str, *, errors: list[Any] | None = None) -> bytes:
    """Returns a webhook with one status of a message."""
    item: dict[str, Any] = {"id": wamid, "status": word, "timestamp": str(int(time.time())), "recipient_id": wa_id}
    return body({"statuses": [item | ({"errors": errors} if errors else {})]})


def body(value: dict[str, Any], *, field: str = "messages") -> bytes:
    metadata = {"display_phone_number": NUMBER[1], "phone_number_id": NUMBER[0]}
    change = {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata} | value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "385012774910236", "changes": [change]}]}).encode()


def deliver(hub: Hub, *bodies: bytes) -> None:
    for each in bodies:
        hub.deliver(each)


def deliver_and_apply(hub: Hub, *bodies: bytes) -> None:
    deliver(hub, *bodies)
    apply_all()
