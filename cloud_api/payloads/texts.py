"""The readable text of a message, for each of Meta's types (docs/meta-platform.md 3). One line or more, never empty."""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cloud_api.payloads.items import UnreadableBody
from cloud_api.payloads.json_values import decode

MAX_FORM_FILES = 30
"""Files in the answer to one form (docs/meta-platform.md 3)."""
KEYS_OF_META = ("flow_token", "wa_flow_response_params")
"""Keys beside the answers to a form, which no customer has written."""
FORM_SENT = "form sent"
"""The content of a form in which nothing was filled in."""
MISSED_CALL = "missed call"
_VARIABLE = re.compile(r"\{\{([^{}]*)\}\}")
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
"""Categories of Unicode. Unassigned characters are not among them, because Python may not know the latest emoji."""
_BLANK = {"\u034f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
"""Characters that show nothing, although Unicode does not classify them as separators or format characters."""


def content_of(kind: str, message: Mapping[str, Any]) -> str:
    """Returns the readable text of a message object, or the name of the kind if it has none."""
    reader = READERS.get(kind, _unknown)
    said = reader(mapping(message, kind), message).strip()
    return said if is_visible(said) else _error(message) or kind


def mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Returns the object at the key, or an empty one."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def text(value: Mapping[str, Any], key: str) -> str:
    """Returns the string at the key, also of a number. Empty if there is none."""
    found = value.get(key)
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int | float) and not isinstance(found, bool) else ""


def objects(value: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Returns the objects in the list at the key, and nothing else from it."""
    found = value.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def is_visible(written: str) -> bool:
    """Returns whether any character can be seen. Spaces, and marks that only direct other characters, cannot."""
    return any(not (unicodedata.category(each) in _UNSEEN or each in _BLANK or _is_selector(each)) for each in written)


def _is_selector(letter: str) -> bool:
    return "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"


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
    location = address if address.startswith(name) else f"{name}, {address}".removesuffix(", ")
    return location or ", ".join(filter(None, (text(body, "latitude"), text(body, "longitude"))))


def _contacts(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return ", ".join(filter(None, map(_card, objects(message, "contacts"))))


def _card(card: Mapping[str, Any]) -> str:
    phones = (text(phone, "phone") or text(phone, "wa_id") for phone in objects(card, "phones"))
    emails = (text(email, "email") for email in objects(card, "emails"))
    return card_name(card) or next(filter(None, (*phones, *emails)), "")


def card_name(card: Mapping[str, Any]) -> str:
    """Returns the name on a contact card: the whole name, else its parts, else the company. Empty if there is none."""
    name = mapping(card, "name")
    parts = " ".join(filter(is_visible, (text(name, key).strip() for key in NAME_PARTS)))
    candidates = (text(name, "formatted_name"), text(card, "name"), parts, text(mapping(card, "org"), "company"))
    return next(filter(is_visible, candidates), "").strip()


NAME_PARTS = ("prefix", "first_name", "middle_name", "last_name", "suffix")


def _reaction(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return text(body, "emoji") or "reaction removed"


def _button(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return text(body, "text") or text(body, "payload")


def _interactive(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    if "nfm_reply" in body:
        return _form(mapping(body, "nfm_reply"))
    if "call_permission_reply" in body:
        return f"call permission: {text(mapping(body, 'call_permission_reply'), 'response')}"
    if "payment_method" in body:
        payment = mapping(body, "payment_method")
        return f"payment method: {text(payment, 'payment_method')} ({text(payment, 'reference_id')})"
    if reply := chosen_reply(body):
        return next(filter(None, (text(reply, key) for key in ("title", "text", "name", "body", "id"))), "")
    sent = text(mapping(body, "body"), "text") or text(mapping(body, "header"), "text")  # sent by the business
    return sent or text(body, "type")


def chosen_reply(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the customer's choice, of a known kind of reply or of a later one. An empty object if the message is not a choice."""
    names = ("button_reply", "list_reply", *(key for key in body if key.endswith("_reply")))
    return next(filter(None, (mapping(body, name) for name in names)), {})


def _form(reply: Mapping[str, Any]) -> str:
    """Returns the answers to a flow, with the names of files. Of an address message, returns Meta's text."""
    if text(reply, "name") == "address_message" and text(reply, "body"):
        return text(reply, "body")
    answers = form_answers(reply)
    said = [f"{key}: {_plain(value)}" for key, value in answers.items() if key not in KEYS_OF_META]
    if not answers and (response := _response(reply)):
        said = [_plain(response)]
    # If nothing was filled in, Meta's text in `body` only says that the form was sent.
    return "\n".join(said) or (FORM_SENT if answers else text(reply, "body") or text(reply, "response_json"))


def form_answers(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the answers by their names in the form. `response_json` is JSON in a string, or the object itself. Empty if it is
    neither."""
    answers = _response(reply)
    return answers if isinstance(answers, dict) else {}


def _response(reply: Mapping[str, Any]) -> Any:
    """Returns the value of `response_json`, None for a string that is not JSON."""
    response = reply.get("response_json")
    if not isinstance(response, str):
        return response
    try:
        return decode(response.encode())  # escapes inside the string were not decoded with the body
    except UnreadableBody:
        return None


def form_files(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Returns the files in a form's answer, in order, each as a media object with `id`, `mime_type`, `sha256` and `file_name`."""
    answers = form_answers(mapping(mapping(message, "interactive"), "nfm_reply"))
    return [file for value in answers.values() for file in _files(value)][:MAX_FORM_FILES]


def _files(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yields the files of a field. A field for photos or documents has a list of files; a single file may come without a list."""
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and text(each, "id") and (text(each, "mime_type") or file_name(each)):
            yield each


def file_name(media: Mapping[str, Any]) -> str:
    """Returns the sender's name for a file. Forms and documents have different keys for it."""
    return text(media, "file_name") or text(media, "filename")


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if names := [file_name(each) or text(each, "mime_type") for each in _files(value)]:
        return ", ".join(names)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


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
    if said and kind not in ("", "media_placeholder"):  # the error says more
        return f"{kind}: {said}"
    return said or f"unsupported: {kind or 'unknown'}"


def _error(message: Mapping[str, Any]) -> str:
    """Returns Meta's description of what is wrong with the message, empty if nothing is."""
    for error in objects(message, "errors"):
        said = text(mapping(error, "error_data"), "details") or text(error, "details") or text(error, "title")
        if said or text(error, "message"):
            return said or text(error, "message")
    return ""


def _template(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """Returns the text of the template if its definition is present, otherwise its name."""
    definition = objects(mapping(message, "definition"), "components")
    written = next((text(each, "text") for each in definition if text(each, "type").upper() == "BODY"), "")
    given = next((objects(each, "parameters") for each in objects(body, "components") if text(each, "type").lower() == "body"), [])
    values = {text(each, "parameter_name") or str(index): text(each, "text") for index, each in enumerate(given, 1)}
    # In one pass: values may contain {{…}} too, and values that name each other would grow with each pass.
    written = _VARIABLE.sub(lambda found: values.get(found[1], found[0]), written)
    return written or text(body, "name")


def _edit(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    edited = mapping(body, "message")
    return content_of(text(edited, "type"), edited)


def _call(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    return MISSED_CALL if is_missed_call(message) else "call"


def is_missed_call(call: Mapping[str, Any]) -> bool:
    """Returns whether this object reports the end of a call that nobody answered. Only answered calls have a duration."""
    return text(call, "event") == "terminate" and text(call, "duration") in ("", "0")


def _unknown(body: Mapping[str, Any], message: Mapping[str, Any]) -> str:
    """Returns the text of an unknown kind, else of a known kind in the same message."""
    said = next(filter(None, (text(body, key) for key in ("title", "body", "text", "name", "caption"))), "")
    known = (kind for kind in ("text", "interactive", "button") if mapping(message, kind))
    return said or next((READERS[kind](mapping(message, kind), message) for kind in known), "")


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
    "call": _call,
}
