"""The result of one request to a remote bot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from bots.remote.answers import RemoteAnswer
from contacts.owners import OwnerReason

MAX_STORED_RESPONSE = 64 * 2**10
"""Characters of a response that the log keeps."""


class Problem(models.TextChoices):
    """Why a bot gave no answer. The labels are sentences for the page of the bot and for the person who takes over."""

    ADDRESS = "address", _("The address is not allowed: it is not public, or not https.")
    CONNECTION = "connection", _("The server cannot be reached.")
    TIMEOUT = "timeout", _("The server did not answer in time.")
    STATUS = "status", _("The server answered with an error.")
    KEY = "key", _("The key was refused. Enter a valid one.")
    MODEL = "model", _("The endpoint does not have this model.")
    BUSY = "busy", _("The server has too many requests, or the account has no credit left.")
    NOT_JSON = "not_json", _("The answer is not JSON. Perhaps the address leads to a web page.")
    FORMAT = "format", _("The answer is JSON, but not in the form that the hub reads.")
    MESSAGE = "message", _("WhatsApp would refuse a message of the answer.")
    TOO_LARGE = "too_large", _("The answer is too large.")
    TOO_LONG = "too_long", _("The answer is too long for WhatsApp.")
    LANGUAGE = "language", _("The answer is in another language than the customer's.")
    REFUSED = "refused", _("The AI refused to answer.")
    LEAK = "leak", _("The answer contained instructions or a key that customers must not read.")
    NO_MESSAGE = "no_message", _("The AI gave no answer.")
    TOOLS = "tools", _("The AI called tools again and again and gave no answer.")
    NO_CALLBACK = "no_callback", _("The bot announced an answer that did not come in time.")
    PAUSED = "paused", _("The bot failed too often and is paused for a while.")
    LATE = "late", _("The request was too old when it could be sent.")
    MESSAGES = "messages", _("The answer has more messages than allowed.")
    SESSION = "session", _("The AI has answered this conversation as often as it may.")
    CONTACT_DAY = "contact_day", _("The AI has answered this contact as often as it may in one day.")
    TOKENS = "tokens", _("The tokens of the day are used up.")
    MONEY = "money", _("The money of the day is used up.")
    INTERNAL = "internal", _("The hub failed while it read the answer.")


LIMITS = frozenset({Problem.MESSAGES, Problem.SESSION, Problem.CONTACT_DAY, Problem.TOKENS, Problem.MONEY})
UNHEALTHY = frozenset(
    {
        *(Problem.CONNECTION, Problem.TIMEOUT, Problem.STATUS, Problem.KEY, Problem.MODEL, Problem.BUSY),
        *(Problem.NOT_JSON, Problem.FORMAT, Problem.TOO_LARGE, Problem.ADDRESS, Problem.NO_CALLBACK),
    }
)
"""Problems that the next request probably has as well. They open the circuit."""
OWNER_REASONS: Mapping[Problem, OwnerReason] = {
    Problem.TIMEOUT: OwnerReason.NO_ANSWER,
    Problem.CONNECTION: OwnerReason.NO_ANSWER,
    Problem.NO_CALLBACK: OwnerReason.NO_ANSWER,
    Problem.BUSY: OwnerReason.NO_ANSWER,
    Problem.REFUSED: OwnerReason.REFUSED,
    Problem.PAUSED: OwnerReason.PAUSED,
    Problem.LATE: OwnerReason.LATE,
    Problem.INTERNAL: OwnerReason.FAILED,
} | dict.fromkeys(LIMITS, OwnerReason.LIMIT)
"""Why the conversation waits for a person. UNUSABLE for all others."""


def owner_reason(problem: Problem) -> OwnerReason:
    """Returns why a conversation waits for a person whose request had this problem."""
    return OWNER_REASONS.get(problem, OwnerReason.UNUSABLE)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that an AI called. `arguments` and `result` are texts as they were sent, cut at 2,000 characters."""

    name: str
    arguments: str
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What came of a request: an answer or a problem. `detail` is a text of the server about the problem, for admins.

    `may_retry` says that the same request may succeed in a moment. `status` is the HTTP status, 0 without a response. `response` is
    what was answered, as text. `seconds` is how long it took. `branch` is the result of a step of a flow that asks an AI.
    """

    answer: RemoteAnswer | None = None
    problem: Problem | None = None
    detail: str = ""
    may_retry: bool = False
    status: int = 0
    response: str = ""
    seconds: float = 0.0
    model: str = ""
    tools: Sequence[ToolCall] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    branch: str = ""
    """Of a step: the name of the branch that the AI chose, or `done`. Empty: none."""

    def __post_init__(self) -> None:
        if (self.answer is None) == (self.problem is None):
            raise ValueError("an exchange has an answer or a problem")


def failed(problem: Problem, **columns: Any) -> Exchange:
    """Returns an exchange without an answer."""
    return Exchange(problem=problem, **columns)
