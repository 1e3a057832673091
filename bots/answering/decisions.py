"""What a conversation gets: the automatic message that is due, then the answer of the bot. Without a database.

A person in charge, or one who is waited for, is never interrupted: then only the away message is sent (docs/bots.md).
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bots.answering.conversations import Conversation, PublishedFlow, published_flow
from bots.automatic.due_messages import AutomaticKind, automatic_file, due_automatic, hand_over_message, message_of
from bots.flows.actions import (
    Action,
    AddLabels,
    Call,
    Count,
    HandOver,
    RemoveLabels,
    Send,
    SetField,
)
from bots.flows.customer_answers import read_message
from bots.flows.events import Answer, CallEnded, CustomerAnswered, Event, TimedOut
from bots.flows.interpreter import run
from chats.models import Message, Origin
from chats.outbox.message_queue import WINDOW_MARGIN, BotMessage
from contacts.owner_changes import OwnerChange, chosen_owner
from contacts.owners import Owner, OwnerReason
from organizations.models import BotReturn

TOKENS = uuid.UUID("6f1f1f5e-53f2-4f0b-8a50-1d8b0a5c7c11")
"""Namespace of the tokens of bots' messages. The same turn gives the same tokens, so that it cannot be answered twice."""
TEMPORARY = (OwnerReason.ANSWERED, OwnerReason.PHONE_APP, OwnerReason.TAKEN_OVER)
"""Reasons of a person's being in charge for a while: the bot gets the conversation back."""
UNTIL_SWITCHED_ON = (OwnerReason.CHOSEN, OwnerReason.NO_BOT)
"""Reasons of the team's being in charge where a bot was chosen: the number did not answer automatically at that time."""
HAND_OVER_REASONS = {
    "asked": OwnerReason.ASKED,
    "step": OwnerReason.FLOW,
    "retries": OwnerReason.RETRIES,
    "call_failed": OwnerReason.CALL_FAILED,
    "loop": OwnerReason.LOOP,
    "no_step": OwnerReason.NO_STEP,
    "failed": OwnerReason.FAILED,
}


@dataclass
class TurnResult:
    """What is to be stored of one turn. `key` names the turn. `flow_state` is None if no flow ran."""

    conversation: Conversation
    key: str
    messages: list[BotMessage] = field(default_factory=list)
    file_keys: dict[uuid.UUID, str] = field(default_factory=dict)
    """Keys of stored files, by the token of their message."""
    owner_changes: list[OwnerChange] = field(default_factory=list)
    automatic_kinds: list[AutomaticKind] = field(default_factory=list)
    flow: PublishedFlow | None = None
    flow_state: dict[str, Any] | None = None
    calls: list[Call] = field(default_factory=list)
    labels_to_add: set[str] = field(default_factory=set)
    labels_to_remove: set[str] = field(default_factory=set)
    alias: str = ""
    counts: list[Count] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        """The owner after the changes so far."""
        return self.owner_changes[-1].owner if self.owner_changes else Owner(self.conversation.contact.owner)

    @property
    def copied_state(self) -> dict[str, Any] | None:
        """The state of the flow as other programs read it (`Message.flow_state`)."""
        if self.flow is None or self.flow_state is None:
            return None
        return {"bot": self.flow.key, "version": self.flow.number, **self.flow_state}

    def change_owner(self, owner: Owner, reason: OwnerReason, *, note: str = "") -> None:
        self.owner_changes.append(OwnerChange(contact=self.conversation.contact, owner=owner, reason=reason, note=note))

    def send(self, message: Mapping[str, Any], origin: Origin, trace: Mapping[str, Any], *, file: str = "") -> None:
        """Adds a message, unless the window is closed to it. `file` is the key of a stored file that is sent with it."""
        conversation = self.conversation
        if message["type"] != "template" and not conversation.contact.is_window_open(conversation.now, margin=WINDOW_MARGIN):
            return
        token = uuid.uuid5(TOKENS, f"{self.key}:{len(self.messages)}")
        self.messages.append(
            BotMessage(contact=conversation.contact, message=message, token=token, origin=origin, trace=dict(trace))
        )
        if file:
            self.file_keys[token] = file

    def change_labels(self, action: AddLabels | RemoveLabels) -> None:
        """Notes labels to give or take. The last action about a label counts."""
        chosen, other = self.labels_to_add, self.labels_to_remove
        if isinstance(action, RemoveLabels):
            chosen, other = other, chosen
        chosen.update(action.names)
        other.difference_update(action.names)

    @property
    def chance(self) -> float:
        """From 0 to 1, but not 1. The same turn has the same chance."""
        return int.from_bytes(hashlib.sha256(self.key.encode()).digest()[:6]) / 2**48


def decide_turn(conversation: Conversation, rows: Sequence[Message], *, is_late: bool) -> TurnResult:
    """Returns the answer to these messages of the customer, which came together, in order of time. Late messages get no answer, but
    the team is told that the customer waits."""
    contact = conversation.contact
    result = TurnResult(conversation, f"{rows[-1].phone_number_id}:{rows[-1].wamid}")
    if contact.blocked_at or contact.owner == Owner.META_AGENT:
        return result
    _follow_choice(conversation, result)
    _return_to_bot(conversation, result)
    if is_late:
        if result.owner in (Owner.BOT, Owner.AI):
            result.change_owner(Owner.WAITING, OwnerReason.LATE)
        return result
    _add_automatic(conversation, rows, result)
    if result.owner in (Owner.BOT, Owner.AI):
        answers = tuple(read_message(row.kind, row.content, row.payload) for row in rows)
        _answer_by_bot(conversation, answers, result)
    return result


def decide_timer(conversation: Conversation) -> TurnResult:
    """Returns what the flow does because its timer has ended: a reminder, or the path of the time-out."""
    stored = conversation.stored
    state = stored.flow_state if stored else {}
    result = TurnResult(conversation, f"timer:{conversation.contact.pk}:{state.get('timer')}")
    if _is_bots(conversation) and not conversation.contact.blocked_at:
        _run(conversation, result, lambda: TimedOut(now=conversation.now, facts=conversation.facts, chance=result.chance))
    return result


def decide_call(conversation: Conversation, call_id: str, *, ok: bool, status: int, body: bytes) -> TurnResult:
    """Returns how the flow goes on with the result of a web call. Nothing, if a person is in charge by now."""
    result = TurnResult(conversation, f"call:{call_id}")

    def event() -> CallEnded:
        facts, chance = conversation.facts, result.chance
        return CallEnded(now=conversation.now, facts=facts, call_id=call_id, ok=ok, status=status, body=body, chance=chance)

    if _is_bots(conversation):
        _run(conversation, result, event)
    return result


def decide_failure(conversation: Conversation, key: str) -> TurnResult:
    """Returns what happens when the answer of a conversation cannot be computed or stored: a person is called."""
    result = TurnResult(conversation, key)
    if result.owner in (Owner.BOT, Owner.AI):
        result.change_owner(Owner.WAITING, OwnerReason.FAILED)
    return result


def _follow_choice(conversation: Conversation, result: TurnResult) -> None:
    """Puts in charge who was chosen, if another program has written `profile` or `activate_bot`."""
    chosen = chosen_owner(conversation.contact)
    if result.owner in (Owner.BOT, Owner.AI) and result.owner != chosen:
        result.change_owner(chosen, OwnerReason.CHOSEN)


def _is_bots(conversation: Conversation) -> bool:
    """Whether the bot is in charge, and was chosen to be."""
    return conversation.contact.owner == Owner.BOT == chosen_owner(conversation.contact)


def _return_to_bot(conversation: Conversation, result: TurnResult) -> None:
    """Gives the conversation back to the bot, if a person had it for a while that is over."""
    contact, number = conversation.contact, conversation.number
    reasons = (*TEMPORARY, *UNTIL_SWITCHED_ON)
    if contact.owner != Owner.PERSON or contact.owner_reason not in reasons or chosen_owner(contact) == Owner.PERSON:
        return
    if contact.owner_reason in UNTIL_SWITCHED_ON:
        result.change_owner(chosen_owner(contact), OwnerReason.CHOSEN)
    if number.bot_returns == BotReturn.MINUTES and contact.owner_until and contact.owner_until <= conversation.now:
        result.change_owner(chosen_owner(contact), OwnerReason.TIME_IS_UP)
    if number.bot_returns == BotReturn.NEXT_SESSION and _is_after(conversation.session.began_at, contact.owner_since):
        result.change_owner(chosen_owner(contact), OwnerReason.NEXT_SESSION)


def _is_after(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)


def _add_automatic(conversation: Conversation, rows: Sequence[Message], result: TurnResult) -> None:
    contact = conversation.contact
    if not contact.activate_automatic_message:
        return
    kind = due_automatic(
        settings=conversation.automatic,
        is_open=conversation.facts.is_open,
        is_new_session=not _is_after(rows[0].create_in, conversation.session.began_at),
        already_sent=conversation.session.sent_kinds,
        owner=result.owner,
        profile=contact.profile,
        bot_will_greet=_bot_will_greet(conversation, result),
    )
    message = message_of(kind, conversation.automatic, facts=conversation.facts) if kind else None
    if kind and message:
        file = automatic_file(kind, conversation.automatic, facts=conversation.facts)
        result.send(message, Origin.AUTOMATIC, {"because": kind.value}, file=file)
        result.automatic_kinds.append(kind)


def _bot_will_greet(conversation: Conversation, result: TurnResult) -> bool:
    version_id = conversation.version_id if result.owner == Owner.BOT else None
    return version_id is not None and conversation.running_version_id is None and published_flow(version_id).flow.greets


def _answer_by_bot(conversation: Conversation, answers: tuple[Answer, ...], result: TurnResult) -> None:
    if result.owner == Owner.AI or conversation.version_id is None:
        result.change_owner(Owner.WAITING, OwnerReason.NO_BOT)
    elif _is_in_loop(conversation):
        _hand_over(conversation, HandOver("loop"), result)
    else:
        facts, chance = conversation.facts, result.chance
        _run(conversation, result, lambda: CustomerAnswered(now=conversation.now, facts=facts, answers=answers, chance=chance))


def _is_in_loop(conversation: Conversation) -> bool:
    """Returns whether so many answers were sent in a short time that the other side may be a bot as well."""
    settings, stored = conversation.automatic, conversation.stored
    since = conversation.now.timestamp() - 60 * settings.loop_minutes
    return stored is not None and sum(at >= since for at in stored.recent_answers) >= settings.loop_answers


def _run(conversation: Conversation, result: TurnResult, event: Callable[[], Event]) -> None:
    """Runs the flow of the conversation, and adds what it does."""
    version_id = conversation.version_id
    if version_id is None:
        return
    is_running = conversation.running_version_id is not None
    result.flow = published_flow(version_id)
    turn = run(result.flow.flow, conversation.stored.flow_state if is_running and conversation.stored else None, event())
    result.flow_state = turn.state
    _apply(conversation, turn.actions, result)


def _apply(conversation: Conversation, actions: Iterable[Action], result: TurnResult) -> None:
    for action in actions:
        if isinstance(action, Send):
            result.send(action.message, Origin.BOT, action.trace, file=action.file)
        elif isinstance(action, HandOver):
            _hand_over(conversation, action, result)
        elif isinstance(action, Call):
            result.calls.append(action)
        elif isinstance(action, SetField):
            result.alias = action.value
        elif isinstance(action, AddLabels | RemoveLabels):
            result.change_labels(action)
        elif isinstance(action, Count):
            result.counts.append(action)


def _hand_over(conversation: Conversation, action: HandOver, result: TurnResult) -> None:
    """Calls a person. The customer reads the words of the flow, or else those of the number."""
    if action.message:
        result.send(action.message, Origin.BOT, {"because": "hand_over", "detail": action.reason}, file=action.file)
    elif message := hand_over_message(conversation.automatic, facts=conversation.facts):
        file = automatic_file(AutomaticKind.HANDED_OVER, conversation.automatic, facts=conversation.facts)
        result.send(message, Origin.AUTOMATIC, {"because": AutomaticKind.HANDED_OVER.value}, file=file)
    result.change_owner(Owner.WAITING, HAND_OVER_REASONS[action.reason], note=action.note)
