"""Bodies as Meta sends them, made to order."""

import json
from typing import Any

NUMBER = "448190735512098"
OTHER_NUMBER = "519003471126640"
ANA = "556181500586"
START = 1_795_003_200  # 2026-11-18 12:00 UTC
HOUR = 3600


def body(*values: dict[str, Any], field: str = "messages", waba: str = "385012774910236") -> bytes:
    changes = [{"value": value, "field": field} for value in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": changes}]}).encode()


def value(number: str = NUMBER, **lists: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "556133214400", "phone_number_id": number}
    return {"messaging_product": "whatsapp", "metadata": metadata, **lists}


def message(wamid: str, at: int = START, *, text: str = "oi", sender: str | None = ANA, bsuid: str | None = None) -> dict[str, Any]:
    who = {key: each for key, each in (("from", sender), ("from_user_id", bsuid)) if each}
    return {**who, "id": wamid, "timestamp": str(at), "type": "text", "text": {"body": text}}


def text_body(wamid: str, at: int = START, *, number: str = NUMBER, **options: Any) -> bytes:
    return body(value(number, messages=[message(wamid, at, **options)]))


def echo_body(wamid: str, at: int = START, *, to: str = ANA, number: str = NUMBER, text: str = "resposta") -> bytes:
    echo = {"from": "556133214400", "to": to, "id": wamid, "timestamp": str(at), "type": "text", "text": {"body": text}}
    return body(value(number, message_echoes=[echo]), field="smb_message_echoes")


def history_body(wamid: str, at: int, *, sender: str = ANA, bsuid: str | None = None, number: str = NUMBER) -> bytes:
    old = message(wamid, at, sender=sender, bsuid=bsuid) | {"history_context": {"status": "READ"}}
    context = {"wa_id": sender} | ({"user_id": bsuid} if bsuid else {})
    chunk = {"metadata": {"phase": 0}, "threads": [{"id": sender, "context": context, "messages": [old]}]}
    return body(value(number, history=[chunk]), field="history")


def status_body(wamid: str, status: str, at: int = START, *, number: str = NUMBER, **more: Any) -> bytes:
    received = {"id": wamid, "status": status, "timestamp": str(at), "recipient_id": ANA, **more}
    return body(value(number, statuses=[received]))


def system_body(wamid: str, at: int, *, old: str, new: str, number: str = NUMBER, **ids: str) -> bytes:
    system = {"type": "user_changed_number", "body": f"User changed from {old} to {new}", "wa_id": new, **ids}
    received = {"from": old, "id": wamid, "timestamp": str(at), "type": "system", "system": system}
    return body(value(number, messages=[received]))
