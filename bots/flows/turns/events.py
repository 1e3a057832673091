"""What happens to a conversation, as the interpreter gets it. Everything that it must know is in the event: it has no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bots.flows.turns.actions import AiReason


@dataclass(frozen=True, slots=True)
class Answer:
    """A message of the customer. `kind` is its type, such as text, interactive or image, and `text` what the customer wrote or
    tapped: empty for a file without a caption. `choice_id` is the id of a tapped button or row."""

    kind: str
    text: str = ""
    choice_id: str = ""
    payload: Mapping[str, Any] | None = None
    wamid: str = ""
    sent_at: datetime | None = None
    """None: at the time of the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about the customer and the number at the time of the event. `hours` and `next_opening` are words."""

    today: date
    """In the time zone of the organization."""
    first_name: str = ""
    name: str = ""
    phone: str = ""
    username: str = ""
    language: str = ""
    organization: str = ""
    hours: str = ""
    next_opening: str = ""
    is_open: bool = False
    labels: frozenset[str] = frozenset()
    person_words: tuple[str, ...] = ()
    """Words of the number by which a customer asks for a person, in addition to those of the flow."""
    refused_templates: frozenset[tuple[str, str]] = frozenset()
    """Names and languages of templates that the customer does not accept, because they are marketing."""
    marketing_stopped_at: datetime | None = None
    """When the customer stopped marketing messages. None: the customer accepts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAnswered:
    """The customer wrote. Several messages that came together are answered as one. Starts a flow that is new or has ended."""

    now: datetime
    facts: Facts
    answers: tuple[Answer, ...]
    chance: float = 0.0
    """From 0 to 1, but not 1: decides the splits of this turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut:
    """The time in `state["timer"]` has passed. Ignored before that time, and where the state has no timer."""

    now: datetime
    facts: Facts
    chance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The result of a web call. Ignored unless the state waits for `call_id`. `body` is the response: bytes, or the JSON value
    that was read from it. `ok` is false if there was no response, or one with an error."""

    now: datetime
    facts: Facts
    call_id: str
    ok: bool
    status: int = 0
    body: Any = None
    chance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AiEnded:
    """What an AI answered. Ignored unless the state waits for `call_id`. `ok` is false if it gave no answer: `failure` says why.

    `branch` is the name of the branch that it chose, or `DONE`; empty if it chose none. `messages` are API objects that WhatsApp
    accepts. With `hands_over` the AI calls a person, who reads `note`. The note of a failure says what went wrong.
    """

    now: datetime
    facts: Facts
    call_id: str
    ok: bool
    failure: AiReason = "ai_failed"
    branch: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    hands_over: bool = False
    note: str = ""
    labels_to_add: frozenset[str] = frozenset()
    labels_to_remove: frozenset[str] = frozenset()
    name: str = ""
    """The new name of the contact. Empty: it stays."""
    chance: float = 0.0


DONE = "done"
"""The branch by which an AI says that what it was to answer until is the case."""
Event = CustomerAnswered | TimedOut | CallEnded | AiEnded
