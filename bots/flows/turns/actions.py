"""What the interpreter wants done, in this order. The caller does it, the interpreter only says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

AiReason = Literal["ai_failed", "ai_no_answer", "ai_refused", "ai_paused", "ai_limit", "no_ai"]
"""Why an AI gave no answer: it failed or its answer cannot be used, it did not answer in time, it refused, it is paused because it
failed too often, a limit is reached, or there is no such AI."""
Reason = Literal["asked", "step", "retries", "call_failed", "loop", "no_step", "failed", "marketing", "ai"] | AiReason
"""Why a flow hands over: the customer asked for a person, a step says so, no valid answer after all retries, a web call failed, too
many steps or messages in one turn, a step that does not exist, a message that WhatsApp would refuse, a marketing template to a
customer who has stopped them, an AI calls a person, or an AI gave no answer."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message. `message` is an API object of `cloud_api.messages`. `file` is the id of a stored file that is to be uploaded
    for it, empty if there is none. `trace` says why: step (position from 1), title, because (a code) and detail."""

    message: Mapping[str, Any]
    step: str
    trace: Mapping[str, Any]
    file: str = ""


@dataclass(frozen=True, slots=True)
class SetField:
    """Set a field of the contact, never to an empty value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class AddLabels:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveLabels:
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordConsent:
    """Add a decision of the customer to the consent ledger. `wamid` and `answered_at` are of the message in which the customer
    decided, and `wording` is what the customer was shown."""

    purpose: str
    withdrawn: bool
    wording: str
    wamid: str
    answered_at: datetime
    step: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call a web address, and report the result as `CallEnded` with this `call_id`. `body` is a JSON value, None for no body."""

    call_id: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Any
    step: str


@dataclass(frozen=True, slots=True)
class AskAi:
    """Ask the AI with this key, and report the result as `AiEnded` with this `call_id`. It chooses one of `branches` (names and
    descriptions), or without branches answers the customer, and says when `until` is the case. An AI of which the same
    conversation waits for another answer is asked anew: that answer is not needed any more."""

    call_id: str
    ai: str
    instructions: str
    step: str
    branches: tuple[tuple[str, str], ...] = ()
    until: str = ""


@dataclass(frozen=True, slots=True)
class HandOver:
    """Hand over to a person. `message` is sent to the customer, None means the words of the number. `step` is empty if the flow
    had not started."""

    reason: Reason
    note: str = ""
    message: Mapping[str, Any] | None = None
    step: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """The flow has ended. The customer's next message starts it again."""


@dataclass(frozen=True, slots=True)
class Came:
    """Count: the conversation came to the step."""

    step: str


@dataclass(frozen=True, slots=True)
class WentOn:
    """Count: it went on to what follows."""

    step: str


@dataclass(frozen=True, slots=True)
class Left:
    """Count: the customer did not answer in time."""

    step: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Count: it was handed over here."""

    step: str


@dataclass(frozen=True, slots=True)
class FellThrough:
    """Count: no case of the branch matched, or the AI chose none."""

    step: str


Count = Came | WentOn | Left | HandedOver | FellThrough
Action = Send | SetField | AddLabels | RemoveLabels | RecordConsent | Call | AskAi | HandOver | End | Count


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of one event: what to do, and the new state, which is JSON."""

    actions: tuple[Action, ...]
    state: dict[str, Any] = field(default_factory=dict)
