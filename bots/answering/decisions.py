"""What a conversation gets: the automatic message that is due, then the answer of the bot. Without a database.

A person in charge, or one who is waited for, is never interrupted: then only the away message is sent (docs/bots.md).
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext_lazy as _

from bots.ai.settings import AiSettings
from bots.answering.conversations import Conversation, PublishedFlow, PublishedSettings, published_flow, published_settings
from bots.automatic.due_messages import AutomaticKind, automatic_file, due_automatic, hand_over_message, message_of
from bots.flows.customer_answers import read_message
from bots.flows.flow import PERSON_WORDS
from bots.flows.texts import first_word_in
from bots.flows.turns.actions import (
    Action,
    AddLabels,
    AiReason,
    AskAi,
    Call,
    Count,
    HandOver,
    RecordConsent,
    RemoveLabels,
    Send,
    SetField,
)
from bots.flows.turns.events import AiEnded, Answer, CallEnded, CustomerAnswered, Event, TimedOut
from bots.flows.turns.interpreter import run
from bots.models import Bot, BotKind, BotRequest
from bots.remote.exchanges import Exchange, Problem, owner_reason
from bots.webhook_bots.payloads import turn_body
from bots.webhook_bots.settings import WebhookSettings
from chats.models import Message, Origin
from chats.outbox.message_queue import WINDOW_MARGIN, BotMessage
from cloud_api.messages import template_name
from contacts.consent.messages import ConsentAnswer
from contacts.consent.purposes import read_purpose
from contacts.consent.words import WORD_KINDS, decision_of_text, words_of
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
    "marketing": OwnerReason.MARKETING,
    "ai": OwnerReason.FLOW,
    "ai_failed": OwnerReason.UNUSABLE,
    "ai_no_answer": OwnerReason.NO_ANSWER,
    "ai_refused": OwnerReason.REFUSED,
    "ai_paused": OwnerReason.PAUSED,
    "ai_limit": OwnerReason.LIMIT,
    "no_ai": OwnerReason.FAILED,
}
AI_REASONS: Mapping[OwnerReason, AiReason] = {
    OwnerReason.NO_ANSWER: "ai_no_answer",
    OwnerReason.REFUSED: "ai_refused",
    OwnerReason.PAUSED: "ai_paused",
    OwnerReason.LIMIT: "ai_limit",
}
"""Why a step of a flow has no answer of an AI. `ai_failed` for all others."""
MAX_MISSING_AIS = 100
"""AIs that one turn may ask for in vain. No flow without blocking problems reaches it."""
NO_AI = _("The AI that the step names does not exist, or is not published.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request to a remote bot. `content` is the column `request` of its row."""

    bot: Bot
    purpose: BotRequest.Purpose
    key: uuid.UUID = field(default_factory=uuid.uuid4)
    content: Mapping[str, Any] = field(default_factory=dict)
    wamids: tuple[str, ...] = ()
    call_id: str = ""


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
    remote: PublishedSettings | None = None
    """The remote bot whose answer this is."""
    calls: list[Call] = field(default_factory=list)
    request: NewRequest | None = None
    wamids: tuple[str, ...] = ()
    """The customer's messages that are answered."""
    labels_to_add: set[str] = field(default_factory=set)
    labels_to_remove: set[str] = field(default_factory=set)
    alias: str = ""
    consents: list[ConsentAnswer] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)

    @property
    def owner(self) -> Owner:
        """The owner after the changes so far."""
        return self.owner_changes[-1].owner if self.owner_changes else Owner(self.conversation.contact.owner)

    @property
    def copied_state(self) -> dict[str, Any] | None:
        """The state of the flow as other programs read it (`Message.flow_state`), or the name of the remote bot."""
        if self.remote:
            return {"bot": self.remote.key, "version": self.remote.number}
        if self.flow is None or self.flow_state is None:
            return None
        return {"bot": self.flow.key, "version": self.flow.number, **self.flow_state}

    def change_owner(self, owner: Owner, reason: OwnerReason, *, note: str = "") -> None:
        bot = self.flow.key if self.flow else self.remote.key if self.remote else ""
        change = OwnerChange(contact=self.conversation.contact, owner=owner, reason=reason, note=note, bot=bot)
        self.owner_changes.append(change)

    def send(self, message: Mapping[str, Any], origin: Origin, trace: Mapping[str, Any], *, file: str = "") -> None:
        """Adds a message, unless the window is closed to it. `file` is the key of a stored file that is sent with it.

        A turn that begins again, for another bot or after a merge, may follow an automatic message of its first run. So a token of
        an automatic message has the contact and the kind, and does not move those of the messages of the bot."""
        conversation = self.conversation
        if message["type"] != "template" and not conversation.contact.is_window_open(conversation.now, margin=WINDOW_MARGIN):
            return
        of_bot = sum(each.origin == Origin.BOT for each in self.messages)
        name = f"{conversation.contact.pk}:{trace['because']}" if origin == Origin.AUTOMATIC else str(of_bot)
        token = uuid.uuid5(TOKENS, f"{self.key}:{name}")
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
    """Returns the answer to these messages of the customer, which came together, in order of time. Late messages get no answer, nor
    do those to an inactive number, but the team sees that the customer waits."""
    contact = conversation.contact
    result = TurnResult(conversation, f"{rows[-1].phone_number_id}:{rows[-1].wamid}")
    if contact.blocked_at or contact.owner == Owner.META_AGENT:
        return result
    _follow_choice(conversation, result)
    _return_to_bot(conversation, result)
    if is_late or not conversation.number.is_applied:
        _leave_to_person(result, OwnerReason.LATE)
        return result
    _add_automatic(conversation, rows, result)
    if AutomaticKind.OPTED_OUT in result.automatic_kinds and _is_only_confirmed(conversation, rows):
        return result
    if result.owner in (Owner.BOT, Owner.AI):
        answers = tuple(_answer_of(row) for row in rows)
        _answer_by_bot(conversation, answers, rows, result)
    return result


def _answer_of(row: Message) -> Answer:
    return replace(read_message(row.kind, row.content, row.payload), wamid=row.wamid or "", sent_at=row.create_in)


def decide_timer(conversation: Conversation) -> TurnResult:
    """Returns what the flow does because its timer has ended: a reminder, or the path of the time-out."""
    stored = conversation.stored
    state = stored.flow_state if stored else {}
    result = TurnResult(conversation, f"timer:{conversation.contact.pk}:{state.get('timer')}")
    if _is_bots(conversation):
        _run(conversation, result, lambda: TimedOut(now=conversation.now, facts=conversation.facts, chance=result.chance))
    return result


def decide_call(conversation: Conversation, call_id: str, *, is_late: bool, ok: bool, status: int, body: bytes) -> TurnResult:
    """Returns how the flow goes on with the result of a web call. Nothing, if a person is in charge by now: then the flow begins
    again when the bot is. If the result is late or the number inactive, the customer waits for a person."""
    result = TurnResult(conversation, f"call:{conversation.contact.pk}:{call_id}")
    is_awaited = conversation.stored is not None and conversation.stored.flow_state.get("call_id") == call_id

    def event() -> CallEnded:
        facts, chance = conversation.facts, result.chance
        return CallEnded(now=conversation.now, facts=facts, call_id=call_id, ok=ok, status=status, body=body, chance=chance)

    if is_awaited and (is_late or not conversation.number.is_applied):
        _leave_to_person(result, OwnerReason.LATE)
    elif _is_bots(conversation):
        _run(conversation, result, event)
    return result


def decide_late(conversation: Conversation, key: str) -> TurnResult:
    """Returns what happens when an answer comes too late to be sent: the customer waits for a person."""
    result = TurnResult(conversation, key)
    _leave_to_person(result, OwnerReason.LATE)
    return result


def decide_failure(conversation: Conversation, key: str) -> TurnResult:
    """Returns what happens when the answer of a conversation cannot be computed or stored: a person is called."""
    result = TurnResult(conversation, key)
    _leave_to_person(result, OwnerReason.FAILED)
    return result


def _leave_to_person(result: TurnResult, reason: OwnerReason) -> None:
    """Lets the customer wait for a person, without words."""
    if result.owner in (Owner.BOT, Owner.AI):
        result.change_owner(Owner.WAITING, reason)


def _follow_choice(conversation: Conversation, result: TurnResult) -> None:
    """Puts in charge who was chosen, if another program has written `profile` or `activate_bot`."""
    chosen = chosen_owner(conversation.contact)
    if result.owner in (Owner.BOT, Owner.AI) and result.owner != chosen:
        result.change_owner(chosen, OwnerReason.CHOSEN)


def _is_bots(conversation: Conversation) -> bool:
    """Whether the bot is in charge, was chosen to be, and may answer."""
    contact = conversation.contact
    is_in_charge = contact.owner == Owner.BOT == chosen_owner(contact)
    return is_in_charge and contact.blocked_at is None and conversation.number.is_applied


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
        stops_marketing=contact.marketing_stopped and any(_stops_marketing(conversation, row) for row in rows),
    )
    message = message_of(kind, conversation.automatic, facts=conversation.facts) if kind else None
    if kind and message:
        file = automatic_file(kind, conversation.automatic, facts=conversation.facts)
        result.send(message, Origin.AUTOMATIC, {"because": kind.value}, file=file)
        result.automatic_kinds.append(kind)


def _stops_marketing(conversation: Conversation, row: Message) -> bool:
    """Returns whether the message is nothing but a word that stops marketing messages."""
    words = words_of(conversation.number.marketing_words, row.create_in)
    return row.kind in WORD_KINDS and decision_of_text(row.content, words) is True


def _is_only_confirmed(conversation: Conversation, rows: Sequence[Message]) -> bool:
    """Returns whether no bot answers the confirmed messages: they only stop marketing messages, and no flow waits for them."""
    return conversation.running_version_id is None and all(_stops_marketing(conversation, row) for row in rows)


def _bot_will_greet(conversation: Conversation, result: TurnResult) -> bool:
    version_id = conversation.version_id if result.owner == Owner.BOT else None
    return version_id is not None and conversation.running_version_id is None and published_flow(version_id).flow.greets


def _answer_by_bot(conversation: Conversation, answers: tuple[Answer, ...], rows: Sequence[Message], result: TurnResult) -> None:
    remote = remote_bot(conversation, result.owner)
    if remote is None and (result.owner == Owner.AI or conversation.version_id is None):
        result.change_owner(Owner.WAITING, OwnerReason.NO_BOT)
    elif _is_in_loop(conversation):
        _hand_over(conversation, HandOver("loop"), result)
    elif remote:
        _askremote_bot(conversation, remote, answers, rows, result)
    else:
        facts, chance = conversation.facts, result.chance
        result.wamids = tuple(row.wamid or "" for row in rows)
        _run(conversation, result, lambda: CustomerAnswered(now=conversation.now, facts=facts, answers=answers, chance=chance))


def remote_bot(conversation: Conversation, owner: Owner) -> Bot | None:
    """Returns the published remote bot, if one answers. A flow that is running goes on first."""
    bot = conversation.ai if owner == Owner.AI else conversation.bot
    if owner != Owner.AI and conversation.running_version_id is not None:
        return None
    return bot if bot and bot.kind != BotKind.FLOW and bot.published_id else None


def _askremote_bot(
    conversation: Conversation, bot: Bot, answers: tuple[Answer, ...], rows: Sequence[Message], result: TurnResult
) -> None:
    """Asks the bot, unless the customer asks for a person: that is decided here, whatever the bot would say."""
    settings = published_settings(bot.published_id or 0).settings
    words = (*(settings.person_words or PERSON_WORDS), *conversation.facts.person_words)
    if any(not answer.choice_id and first_word_in(answer.text, words) for answer in answers):
        _hand_over(conversation, HandOver("asked"), result)
        return
    key = uuid.uuid4()
    content: Mapping[str, Any] = {}
    if isinstance(settings, WebhookSettings):
        content = turn_body(
            contact=conversation.contact,
            number=conversation.number,
            labels=conversation.labels,
            rows=rows,
            key=key,
            settings=settings,
        )
    wamids = tuple(row.wamid or "" for row in rows)
    result.request = NewRequest(bot=bot, purpose=BotRequest.Purpose.TURN, key=key, content=content, wamids=wamids)


def decide_answer(conversation: Conversation, key: uuid.UUID, remote: PublishedSettings, exchange: Exchange) -> TurnResult:
    """Returns what the answer of a remote bot leads to, or its problem: a person."""
    result = TurnResult(conversation, f"request:{key}", remote=remote)
    trace = {"because": BotKind.AI.value if isinstance(remote.settings, AiSettings) else BotKind.WEBHOOK.value}
    if exchange.answer is None:
        problem = exchange.problem or Problem.INTERNAL
        _call_person(conversation, result, owner_reason(problem), note=str(problem.label))
        return result
    if any(template_name(each.message) in conversation.refused_templates for each in exchange.answer.messages):
        _call_person(conversation, result, OwnerReason.MARKETING, note="")
        return result
    for each in exchange.answer.messages:
        result.send(each.message, Origin.BOT, trace, file=each.file)
    result.labels_to_add.update(exchange.answer.labels_to_add)
    result.labels_to_remove.update(exchange.answer.labels_to_remove - exchange.answer.labels_to_add)
    result.alias = exchange.answer.name
    if exchange.answer.hand_over is not None:
        _call_person(conversation, result, OwnerReason.FLOW, note=exchange.answer.hand_over)
    return result


def decide_step(conversation: Conversation, call_id: str, exchange: Exchange, *, wamids: tuple[str, ...] = ()) -> TurnResult:
    """Returns how the flow goes on with what an AI answered to one of its steps. `wamids` are the customer's messages that are
    answered."""
    result = TurnResult(conversation, f"ai:{conversation.contact.pk}:{call_id}", wamids=wamids)
    if _is_bots(conversation):
        _run(conversation, result, lambda: _ai_ended(conversation, call_id, exchange, result.chance))
    return result


def _ai_ended(conversation: Conversation, call_id: str, exchange: Exchange, chance: float) -> AiEnded:
    event = partial(AiEnded, now=conversation.now, facts=conversation.facts, call_id=call_id, chance=chance)
    answer = exchange.answer
    if answer is None:
        problem = exchange.problem or Problem.INTERNAL
        return event(ok=False, failure=AI_REASONS.get(owner_reason(problem), "ai_failed"), note=str(problem.label))
    return event(
        ok=True,
        branch=exchange.branch,
        messages=tuple(each.message for each in answer.messages),
        hands_over=answer.hand_over is not None,
        note=answer.hand_over or "",
        labels_to_add=answer.labels_to_add,
        labels_to_remove=answer.labels_to_remove - answer.labels_to_add,
        name=answer.name,
    )


def _call_person(conversation: Conversation, result: TurnResult, reason: OwnerReason, *, note: str) -> None:
    """Hands over with the number's words."""
    if message := hand_over_message(conversation.automatic, facts=conversation.facts):
        file = automatic_file(AutomaticKind.HANDED_OVER, conversation.automatic, facts=conversation.facts)
        result.send(message, Origin.AUTOMATIC, {"because": AutomaticKind.HANDED_OVER.value}, file=file)
    result.change_owner(Owner.WAITING, reason, note=note)


def _is_in_loop(conversation: Conversation) -> bool:
    """Returns whether so many answers were sent in a short time that the other side may be a bot as well."""
    settings, stored = conversation.automatic, conversation.stored
    since = conversation.now.timestamp() - 60 * settings.loop_minutes
    return stored is not None and sum(at >= since for at in stored.recent_answers) >= settings.loop_answers


def _run(conversation: Conversation, result: TurnResult, event: Callable[[], Event]) -> None:
    """Runs the flow of the conversation, and adds what it does. An AI that does not exist has answered at once that it cannot."""
    version_id = conversation.version_id
    if version_id is None:
        return
    is_running = conversation.running_version_id is not None
    result.flow = published_flow(version_id)
    turn = run(result.flow.flow, conversation.stored.flow_state if is_running and conversation.stored else None, event())
    for _attempt in range(MAX_MISSING_AIS):
        result.flow_state = turn.state
        missing = _apply(conversation, turn.actions, result)
        if missing is None:
            return
        turn = run(result.flow.flow, turn.state, _no_ai(conversation, missing))
    _hand_over(conversation, HandOver("loop"), result)


def _no_ai(conversation: Conversation, action: AskAi) -> AiEnded:
    facts, note = conversation.facts, str(NO_AI)
    return AiEnded(now=conversation.now, facts=facts, call_id=action.call_id, ok=False, failure="no_ai", note=note)


def _apply(conversation: Conversation, actions: Iterable[Action], result: TurnResult) -> AskAi | None:
    """Adds the actions of a flow to the result. Returns the question to an AI that does not exist, or is not published."""
    missing = None
    for action in actions:
        if isinstance(action, Count):
            result.counts.append(action)
        elif isinstance(action, AskAi):
            result.request = _step_request(conversation, action, result)
            missing = None if result.request else action
        else:
            _apply_action(conversation, action, result)
    return missing


def _apply_action(conversation: Conversation, action: Action, result: TurnResult) -> None:
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
    elif isinstance(action, RecordConsent) and result.flow:
        result.consents.append(_consent_answer(conversation, action, result.flow))


def _consent_answer(conversation: Conversation, action: RecordConsent, published: PublishedFlow) -> ConsentAnswer:
    """Returns what the ledger stores: the customer's message, and which step of which version recorded it."""
    flow = published.flow
    step = flow.steps[action.step].get("title") or action.step
    return ConsentAnswer(
        contact=conversation.contact,
        wamid=action.wamid,
        answered_at=action.answered_at,
        purpose=read_purpose(action.purpose),
        withdrawn=action.withdrawn,
        form=f"{flow.name} · {published.number} · {step}",
        wording=action.wording,
    )


def _step_request(conversation: Conversation, action: AskAi, result: TurnResult) -> NewRequest | None:
    """Returns the request to the AI of a step. The customer's messages are answered by it, unless the flow has sent something."""
    bot = conversation.find_ai(action.ai)
    if bot is None or bot.published_id is None:
        return None
    branches = [list(branch) for branch in action.branches]
    content = {"instructions": action.instructions, "branches": branches, "until": action.until}
    wamids = () if result.messages else result.wamids
    return NewRequest(bot=bot, purpose=BotRequest.Purpose.STEP, content=content, call_id=action.call_id, wamids=wamids)


def _hand_over(conversation: Conversation, action: HandOver, result: TurnResult) -> None:
    """Calls a person. The customer reads the words of the flow, or else those of the number."""
    if action.message:
        result.send(action.message, Origin.BOT, {"because": "hand_over", "detail": action.reason}, file=action.file)
        result.change_owner(Owner.WAITING, HAND_OVER_REASONS[action.reason], note=action.note)
    else:
        _call_person(conversation, result, HAND_OVER_REASONS[action.reason], note=action.note)
