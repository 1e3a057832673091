"""A message on its way: whom it is for, what Graph answers, and what of it no error may quote (reference 8.2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloud_api.graph.failures import OutcomeUnknown

SHORTEST_HIDDEN = 4
META_WORDS = ("type", "sub_type", "code")
"""Keys of a message whose values are Meta's own words."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for; at least one of the two is there. The phone is preferred: some templates go to nothing else."""

    wa_id: str | None
    bsuid: str | None

    @property
    def address(self) -> dict[str, str]:
        """ValueError if there is none."""
        if self.wa_id:
            return {"to": f"+{self.wa_id}"}
        if self.bsuid:
            return {"recipient": self.bsuid}
        raise ValueError("a recipient without a phone and a BSUID")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Graph took, which is not to say that it is delivered. `wa_id`, or `user_id` where it went to a BSUID, is how
    Meta names the recipient; `message_status` is there for templates only."""

    wamid: str
    wa_id: str | None
    user_id: str | None
    message_status: str | None


def sent_of(answer: Mapping[str, Any]) -> Sent:
    """What an answer to a message says. OutcomeUnknown if it does not name the message."""
    message, contact = _first(answer.get("messages")), _first(answer.get("contacts"))
    wamid = text_of(message.get("id"))
    if wamid is None:
        raise OutcomeUnknown("An answer without the message's id.")
    wa_id, user_id, status = contact.get("wa_id"), contact.get("user_id"), message.get("message_status")
    return Sent(wamid, wa_id=text_of(wa_id), user_id=text_of(user_id), message_status=text_of(status))


def _first(values: Any) -> dict[str, Any]:
    return object_of(values[0]) if isinstance(values, list) and values else {}


def texts_of(value: Any) -> Iterator[str]:
    """What a message says to people, which no error may quote."""
    if isinstance(value, str) and len(value) >= SHORTEST_HIDDEN:
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in META_WORDS:
                yield from texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_of(inner)


def object_of(value: Any) -> dict[str, Any]:
    """The object that should be here; an empty one if something else is."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """The text that should be here; None if it is empty, or something else is."""
    return value if isinstance(value, str) and value else None
