"""What a person reads of a message: one line or more of text for each type of Meta's (reference 3). Never empty."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any


def content_of(kind: str, message: Mapping[str, Any]) -> str:
    """The readable text of a message object; the kind's own name where it says nothing."""
    body = mapping(message, kind)
    reader = READERS.get(kind, _unknown)
    return reader(body, message).strip() or _error(message) or kind


def mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object at the key; an empty one where there is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def text(value: Mapping[str, Any], key: str) -> str:
    """The text at the key, a number's digits too; empty where there is none."""
    found = value.get(key)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def objects(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in the list at the key; nothing else that stands there."""
    found = value.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


Reader = Callable[[Mapping[str, Any], Mapping[str, Any]], str]


def _field(key: str) -> Reader:
    return lambda body, message: text(body, key)


def _always(words: str) -> Reader:
    return lambda body, message: words


def _document(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return text(body, "caption") or text(body, "filename")


def _audio(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return "voice message" if body.get("voice") is True else "audio"


def _location(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    name, address = text(body, "name"), text(body, "address")
    place = address if address.startswith(name) else f"{name}, {address}".removesuffix(", ")
    return place or ", ".join(filter(None, (text(body, "latitude"), text(body, "longitude"))))


def _contacts(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, map(_card, objects(message, "contacts"))))


def _card(card: Mapping[str, Any]) -> str:
    name = mapping(card, "name")
    parts = " ".join(filter(None, (text(name, "first_name"), text(name, "last_name"))))
    phones = [text(phone, "phone") or text(phone, "wa_id") for phone in objects(card, "phones")]
    return text(name, "formatted_name") or parts or next(iter(phones), "")


def _reaction(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return text(body, "emoji") or "reaction removed"


def _button(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return text(body, "text") or text(body, "payload")


def _interactive(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    for reply in ("button_reply", "list_reply"):
        if reply in body:
            return text(mapping(body, reply), "title") or text(mapping(body, reply), "id")
    if "nfm_reply" in body:
        return _form(mapping(body, "nfm_reply"))
    if "call_permission_reply" in body:
        return f"call permission: {text(mapping(body, 'call_permission_reply'), 'response')}"
    if "payment_method" in body:
        payment = mapping(body, "payment_method")
        return f"payment method: {text(payment, 'payment_method')} ({text(payment, 'reference_id')})"
    sent = text(mapping(body, "body"), "text") or text(mapping(body, "header"), "text")  # what the business itself sends
    return sent or text(body, "type")


def _form(reply: Mapping[str, Any]) -> str:
    """The answers that a person gave in a flow; `response_json` is JSON in a text, if all is well. An address is written out."""
    if text(reply, "name") == "address_message" and text(reply, "body"):
        return text(reply, "body")
    try:
        answers = json.loads(text(reply, "response_json"))
    except (ValueError, RecursionError):
        answers = None
    if not isinstance(answers, dict):
        return text(reply, "body")
    said = [f"{key}: {_plain(value)}" for key, value in answers.items() if key != "flow_token"]
    return "\n".join(said) or text(reply, "body")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _order(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    totals: dict[str, float] = defaultdict(float)
    lines = []
    for item in objects(body, "product_items"):
        quantity, price = _amount(item.get("quantity")), _amount(item.get("item_price"))
        lines.append(f"{quantity:g} × {text(item, 'product_retailer_id') or '?'}")
        if "item_price" in item:
            totals[text(item, "currency")] += quantity * price
    total = " + ".join(f"{currency} {amount:.2f}".strip() for currency, amount in totals.items())
    summary = ", ".join(lines) + (f" ({total})" if total else "")
    return "\n".join(filter(None, (summary, text(body, "text"))))


def _amount(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _unsupported(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    kind = text(body, "type")
    said = _error(message)
    if said and kind not in ("", "media_placeholder"):  # which says less than the error
        return f"{kind}: {said}"
    return said or f"unsupported: {kind or 'unknown'}"


def _error(message: Mapping[str, Any]) -> str:
    """What Meta says is wrong with the message, if anything."""
    for error in objects(message, "errors"):
        said = text(mapping(error, "error_data"), "details") or text(error, "details") or text(error, "title")
        if said or text(error, "message"):
            return said or text(error, "message")
    return ""


def _template(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """The text of the template, if it is told with its definition; else its name."""
    definition = objects(mapping(message, "definition"), "components")
    written = next((text(each, "text") for each in definition if text(each, "type").upper() == "BODY"), "")
    given = next((objects(each, "parameters") for each in objects(body, "components") if text(each, "type").lower() == "body"), [])
    for place, parameter in enumerate(given, 1):
        named = text(parameter, "parameter_name") or str(place)
        written = written.replace(f"{{{{{named}}}}}", text(parameter, "text"))
    return written or text(body, "name")


def _edit(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    edited = mapping(body, "message")
    return content_of(text(edited, "type"), edited)


def _unknown(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return next(filter(None, (text(body, key) for key in ("title", "body", "text", "name", "caption"))), "")


READERS: dict[str, Reader] = {
    "text": _field("body"),
    "image": _field("caption"),
    "video": _field("caption"),
    "document": _document,
    "audio": _audio,
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
    "button": _button,
    "interactive": _interactive,
    "order": _order,
    "template": _template,
    "media_placeholder": _always("media"),
    "voice": _always("voice message"),
    "system": _field("body"),
    "request_welcome": _always("opened the chat"),
    "unsupported": _unsupported,
    "unknown": _unsupported,
    "edit": _edit,
    "revoke": _always("message deleted"),
    "call": _always("call"),
}
