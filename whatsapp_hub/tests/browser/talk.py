"""What customers say, as webhooks: for browser tests, in the shape of Meta's."""

import json
import time
from itertools import count
from typing import Any

PLAIN = ("448190735512098", "556133214400")
_ids = count(1)


def message(wa_id: str, name: str, *, kind: str = "text", said: Any = None, at: float | None = None, **more: Any) -> bytes:
    """A webhook with one message of this person's to the first number."""
    content = {"body": said} if kind == "text" else said
    told = {"from": wa_id, "id": f"wamid.{next(_ids):08}", "timestamp": str(int(at or time.time())), "type": kind, kind: content}
    contact = {"profile": {"name": name}, "wa_id": wa_id}
    return body({"contacts": [contact], "messages": [told | more]})


def echo(wa_id: str, said: str, *, at: float | None = None, wamid: str | None = None) -> bytes:
    """A webhook with one message that the business wrote in the phone app."""
    told = {"from": PLAIN[1], "to": wa_id, "id": wamid or f"wamid.{next(_ids):08}", "timestamp": str(int(at or time.time()))}
    return body({"message_echoes": [told | {"type": "text", "text": {"body": said}}]}, field="smb_message_echoes")


def status(wamid: str, word: str, wa_id: str, *, errors: list[Any] | None = None) -> bytes:
    """A webhook that tells what became of a message."""
    told: dict[str, Any] = {"id": wamid, "status": word, "timestamp": str(int(time.time())), "recipient_id": wa_id}
    return body({"statuses": [told | ({"errors": errors} if errors else {})]})


def body(value: dict[str, Any], *, field: str = "messages") -> bytes:
    metadata = {"display_phone_number": PLAIN[1], "phone_number_id": PLAIN[0]}
    change = {"field": field, "value": {"messaging_product": "whatsapp", "metadata": metadata} | value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "385012774910236", "changes": [change]}]}).encode()
