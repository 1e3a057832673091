"""An answer of a remote bot, as the hub understands it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RemoteMessage:
    """A message to the customer. `message` is an API object of `cloud_api.messages`, `file` the key of a stored file (`bots.files`)
    that is uploaded for it, empty if there is none."""

    message: Mapping[str, Any]
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAnswer:
    """What a bot answers: messages in their order, and what else it wants.

    `hand_over` is None, or the note for the person to whom the conversation is handed over, which may be empty. `labels_to_add` and
    `labels_to_remove` are names; a label that the organization does not have is left out. `name` sets the contact's name unless it
    is empty. With `is_later` the answer comes by a call-back, and there is nothing else.
    """

    messages: tuple[RemoteMessage, ...] = ()
    hand_over: str | None = None
    labels_to_add: frozenset[str] = frozenset()
    labels_to_remove: frozenset[str] = frozenset()
    name: str = ""
    is_later: bool = False
