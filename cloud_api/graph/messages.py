"""The recipient of a message, Graph's response to it, and the texts that no error may quote (docs/meta-platform.md 8.2)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cloud_api.graph.errors import OutcomeUnknown

MIN_HIDDEN_LENGTH = 4
META_WORDS = ("type", "sub_type", "code")
"""Keys of a message with Meta's own words as values."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """The recipient of a message, with at least one identifier. The phone is preferred, because some templates need it."""

    wa_id: str | None
    bsuid: str | None

    @property
    def address(self) -> dict[str, str]:
        """Raises ValueError without an identifier."""
        if self.wa_id:
            return {"to": f"+{self.wa_id}"}
        if self.bsuid:
            return {"recipient": self.bsuid}
        raise ValueError("a recipient without a phone and a BSUID")


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that Graph accepted. It is not delivered yet. Meta names the recipient by `wa_id`, or by `user_id` if it was
    sent to a BSUID. Only templates have a `message_status`."""

    wamid: str
    wa_id: str | None
    user_id: str | None
    message_status: str | None


def sent_of(answer: Mapping[str, Any]) -> Sent:
    """Returns the content of the response to a message. Raises OutcomeUnknown if the response has no message id."""
    message, contact = _first(answer.get("messages")), _first(answer.get("contacts"))
    wamid = text_of(message.get("id"))
    if wamid is None:
        raise OutcomeUnknown("An answer without the message's id.")
    wa_id, user_id, status = contact.get("wa_id"), contact.get("user_id"), message.get("message_status")
    return Sent(wamid, wa_id=text_of(wa_id), user_id=text_of(user_id), message_status=text_of(status))


def _first(values: Any) -> dict[str, Any]:
    return object_of(values[0]) if isinstance(values, list) and values else {}


def texts_of(value: Any) -> Iterator[str]:
    """Yields the texts of a message, which no error may quote."""
    if isinstance(value, str) and len(value) >= MIN_HIDDEN_LENGTH:
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in META_WORDS:
                yield from texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_of(inner)


def object_of(value: Any) -> dict[str, Any]:
    """Returns the value if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(value: Any) -> str | None:
    """Returns the value if it is a string that is not empty, otherwise None."""
    return value if isinstance(value, str) and value else None
