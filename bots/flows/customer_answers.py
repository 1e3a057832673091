"""Customers' messages as flows see them."""

from collections.abc import Mapping
from typing import Any

from bots.flows.turns.events import Answer
from cloud_api.payloads.texts import chosen_reply, mapping, text


def read_message(kind: str, content: str, payload: Mapping[str, Any]) -> Answer:
    """Returns the answer that a stored message is: its kind, what the customer wrote or tapped, and the id of a tapped choice. A
    file has the text of its caption. `content` and `payload` are the columns of the message."""
    if kind == "interactive":
        chosen = chosen_reply(mapping(payload, "interactive"))
        return Answer(kind, text(chosen, "title") or content, text(chosen, "id"), payload)
    if kind == "button":
        tapped = mapping(payload, "button")
        return Answer(kind, text(tapped, "text"), text(tapped, "payload"), payload)
    return Answer(kind, content if kind == "text" else text(mapping(payload, kind), "caption"), "", payload)
