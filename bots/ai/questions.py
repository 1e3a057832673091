"""A question to a model, with everything that its answer depends on."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bots.ai.client import AiEndpoint
from bots.ai.settings import AiSettings

Speaker = Literal["customer", "business"]


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message of the session. `kind` is its type, such as text or audio. `text` is what was written, or a file's caption."""

    speaker: Speaker
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTask:
    """What a step of a flow asks an AI: to choose one of `branches` (names and descriptions), or, without branches, to answer
    freely until `until` is the case, which it says by `done`."""

    instructions: str
    branches: Sequence[tuple[str, str]] = ()
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """A question to a model. `history` are the messages of the session, the oldest first; the last ones are the customer's that are
    to be answered. `now_text` says the present date and time in words. `max_rounds` limits the calls of the model.
    With `uses_examples` tools make no web call and return their example."""

    key: uuid.UUID
    settings: AiSettings
    endpoint: AiEndpoint
    history: Sequence[PastMessage]
    customer_name: str = ""
    organization_name: str = ""
    now_text: str = ""
    hours: str = ""
    """Business hours in English words. Empty: always open."""
    messages_per_answer: int = 3
    max_rounds: int = 5
    step: StepTask | None = None
    uses_examples: bool = False
