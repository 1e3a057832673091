"""A conversation with a flow that nothing leaves: for the try-out beside the editor and for dry runs. Without a database.

The trial has a clock of its own. Timers end when it is moved. A web call gets the example answer of its step, or fails, and so does
a question to an AI: no model is asked.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from bots.automatic.due_messages import AutomaticKind, due_automatic, message_of
from bots.flows.flow import Flow
from bots.flows.turns.actions import (
    Action,
    AddLabels,
    AskAi,
    Call,
    Came,
    End,
    FellThrough,
    HandOver,
    RecordConsent,
    RemoveLabels,
    Send,
    SetField,
    Turn,
)
from bots.flows.turns.events import AiEnded, Answer, CallEnded, CustomerAnswered, Event, Facts, TimedOut
from bots.flows.turns.interpreter import run
from bots.models import AutomaticMessages
from cloud_api import messages
from contacts.owners import Owner
from organizations.models import Profile

SESSION = timedelta(hours=24)
"""After so long without a message of the customer, the next one begins a new session."""
MAX_TIMERS = 20
"""Timers that end in one move of the clock."""
MAX_CALLS = 50
"""Web calls and questions in a row that are answered automatically."""

NoticeKind = Literal["call", "ai", "hand_over", "end", "silent", "session", "timer", "field", "labels", "consent"]
LineKind = Literal["customer", "bot", "automatic"] | NoticeKind


@dataclass(slots=True)
class TrialLine:
    """One line of the conversation. `message` is the API object that the bot would send, `values` what else there is to say."""

    kind: LineKind
    at: datetime
    text: str = ""
    step: str = ""
    message: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Trial:
    """The state of a trial and its conversation so far. `facts_at` returns what is known at a time; labels and fields that the flow
    has set are put over it. `seed` decides splits."""

    flow: Flow
    facts_at: Callable[[datetime], Facts]
    now: datetime
    seed: str = ""
    number_words: Callable[[Facts], dict[str, Any] | None] | None = None
    """Returns what the number says to customers who are handed over, where the flow has no words for it."""
    automatic: AutomaticMessages | None = None
    """The automatic messages that are sent around the flow. Null: none."""
    answers_calls: bool = False
    """Each web call and each question to an AI gets its example at once."""
    state: dict[str, Any] = field(default_factory=dict)
    lines: list[TrialLine] = field(default_factory=list)
    call: Call | None = None
    """The web call for whose result the flow waits."""
    question: AskAi | None = None
    """The question to an AI for whose answer the flow waits."""
    sent_kinds: set[str] = field(default_factory=set)
    """The automatic messages that the session has had."""
    is_answered: bool = False
    """Whether something was sent since the customer wrote."""
    is_handed_over: bool = False
    labels: frozenset[str] | None = None
    """Null: those of the facts."""
    fields: dict[str, str] = field(default_factory=dict)
    last_answer_at: datetime | None = None
    turns: int = 0
    came: list[str] = field(default_factory=list)
    """The steps of the last turn, in order."""
    fell_through: list[str] = field(default_factory=list)
    """The branches at which no case matched, in order."""

    @property
    def step(self) -> str:
        """The step at which the flow waits. Empty if it has not begun or has ended."""
        return "" if self.is_handed_over or self.state.get("ended") else str(self.state.get("step") or "")

    @property
    def variables(self) -> dict[str, Any]:
        return dict(self.state.get("variables") or {})

    @property
    def timer(self) -> datetime | None:
        """When the flow goes on without an answer."""
        timer = self.state.get("timer")
        return datetime.fromisoformat(timer) if timer and not self.is_handed_over else None

    def answer(self, answers: Sequence[Answer]) -> None:
        """The customer writes these messages, which the flow answers as one."""
        is_new_session = self._begin_session()
        self.last_answer_at, self.is_answered = self.now, False
        self.lines += [TrialLine("customer", self.now, each.text, values={"kind": each.kind}) for each in answers]
        self._send_automatic(is_new_session)
        if self.is_handed_over or self.call:
            self.lines.append(TrialLine("silent", self.now, values={"why": "call" if self.call else "person"}))
            return
        self._run(CustomerAnswered(now=self.now, facts=self._facts(), answers=tuple(answers), chance=self._chance()))

    def move_to(self, time: datetime) -> None:
        """Moves the clock forward. On the way timers end, and the number's reminder is sent."""
        for _ in range(MAX_TIMERS):
            timer, reminder = self.timer, self.reminder_at
            if reminder and reminder <= time and (timer is None or reminder < timer):
                self.now = max(self.now, reminder)
                self._send_kind(AutomaticKind.REMINDER)
                continue
            if timer is None or timer > time:
                break
            self.now = max(self.now, timer)
            why = "reminder" if self.state.get("timer_is") == "reminder" else ""
            self.lines.append(TrialLine("timer", self.now, values={"why": why}))
            self._run(TimedOut(now=self.now, facts=self._facts(), chance=self._chance()))
        self.now = max(self.now, time)

    def end_call(self, *, ok: bool) -> None:
        """The web call answers with the example of its step, or fails."""
        if self.call:
            self._run(self._call_ended(self.call, ok))

    def _call_ended(self, call: Call, ok: bool) -> CallEnded:
        self.call = None
        example = self.flow.steps.get(call.step, {}).get("example")
        self.lines.append(TrialLine("call", self.now, step=call.step, values={"ended": "ok" if ok else "failed"}))
        status, body = (200, example) if ok else (500, None)
        values: dict[str, Any] = {"call_id": call.call_id, "ok": ok, "status": status, "body": body}
        return CallEnded(now=self.now, facts=self._facts(), chance=self._chance(), **values)

    @property
    def example(self) -> Any:
        """The example of the step that asks an AI."""
        return self.flow.steps.get(self.question.step, {}).get("example") if self.question else None

    def end_ai(self, *, ok: bool, branch: str) -> None:
        """The AI answers with the example of its step and chooses a branch (or `DONE`, or none, which is empty), or fails."""
        if self.question:
            self._run(self._ai_ended(self.question, ok, branch))

    def _ai_ended(self, question: AskAi, ok: bool, branch: str) -> AiEnded:
        example = () if question.branches else self.example or ()
        self.question = None
        values = {
            "ended": "ok" if ok else "failed",
            "branch": branch,
            "is_choice": bool(question.branches),
            "has_example": bool(example),
        }
        self.lines.append(TrialLine("ai", self.now, step=question.step, values=values))
        sent = tuple(messages.text(each) for each in example) if ok else ()
        facts, chance = self._facts(), self._chance()
        return AiEnded(
            now=self.now, facts=facts, chance=chance, call_id=question.call_id, ok=ok, branch=branch if ok else "", messages=sent
        )

    def _send_automatic(self, is_new_session: bool) -> None:
        """Sends the automatic message that the number sends before the bot answers."""
        if not self.automatic:
            return
        kind = due_automatic(
            settings=self.automatic,
            is_open=self._facts().is_open,
            is_new_session=is_new_session,
            already_sent=self.sent_kinds,
            owner=Owner.WAITING if self.is_handed_over else Owner.BOT,
            profile=Profile.BOT,
            bot_will_greet=self.flow.greets and not self.is_handed_over and not self.step,
            stops_marketing=False,
        )
        if kind:
            self._send_kind(kind)

    def _send_kind(self, kind: AutomaticKind) -> None:
        self.sent_kinds.add(kind.value)
        if self.automatic and (message := message_of(kind, self.automatic, facts=self._facts())):
            self.is_answered = True
            self.lines.append(TrialLine("automatic", self.now, message=message, values={"kind": kind.value}))

    @property
    def reminder_at(self) -> datetime | None:
        """When the number reminds the customer, before the service window closes. Once, and only if the last message is ours."""
        settings, wrote_at = self.automatic, self.last_answer_at
        if not (settings and settings.reminder_is_on and settings.reminder and wrote_at and self.is_answered):
            return None
        if self.is_handed_over or AutomaticKind.REMINDER.value in self.sent_kinds or self.now >= wrote_at + SESSION:
            return None
        return max(self.now, wrote_at + SESSION - timedelta(minutes=settings.reminder_minutes))

    def _begin_session(self) -> bool:
        """Returns whether the customer's message begins a session."""
        if self.last_answer_at is None:
            return True
        if self.now < self.last_answer_at + SESSION:
            return False
        self.lines.append(TrialLine("session", self.now))
        self.is_handed_over, self.sent_kinds = False, set()
        if not self.flow.continues:
            self.state, self.call, self.question = {}, None, None
        return True

    def _facts(self) -> Facts:
        facts = self.facts_at(self.now)
        labels = facts.labels if self.labels is None else self.labels
        name = self.fields.get("name", facts.name)
        first_name = name.partition(" ")[0] if "name" in self.fields else facts.first_name
        return replace(facts, labels=labels, name=name, first_name=first_name)

    def _chance(self) -> float:
        """Returns a number from 0 to below 1 that is the same for each run with the same seed."""
        self.turns += 1
        digest = hashlib.sha256(f"{self.seed}:{self.turns}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def _run(self, event: Event) -> None:
        self._take_turn(event)
        for _ in range(MAX_CALLS):
            if self.answers_calls and self.call:
                self._take_turn(self._call_ended(self.call, True))
            elif self.answers_calls and self.question:
                branch = self.example or "" if self.question.branches else ""
                self._take_turn(self._ai_ended(self.question, True, branch))
            else:
                return

    def _take_turn(self, event: Event) -> None:
        turn: Turn = run(self.flow, self.state, event)
        self.state, self.came = turn.state, []
        if self.state.get("waits_for") != "ai":
            self.question = None
        for action in turn.actions:
            self._apply(action)

    def _apply(self, action: Action) -> None:
        if isinstance(action, Came):
            self.came.append(action.step)
        elif isinstance(action, FellThrough):
            self.fell_through.append(action.step)
        elif isinstance(action, AddLabels | RemoveLabels):
            self._apply_labels(action)
        elif line := self._line_of(action):
            self.lines.append(line)

    def _line_of(self, action: Action) -> TrialLine | None:
        """Returns the line of an action that the page shows, after applying it."""
        match action:
            case Send():
                self.is_answered = True
                return TrialLine("bot", self.now, step=action.step, message=dict(action.message), values=dict(action.trace))
            case Call():
                self.call = action
                values = {"method": action.method, "url": action.url, "body": action.body}
                return TrialLine("call", self.now, step=action.step, values=values)
            case AskAi():
                self.question = action
                return TrialLine("ai", self.now, step=action.step, values={"ai": action.ai})
            case HandOver():
                self.is_handed_over = True
                words = action.message or (self.number_words and self.number_words(self._facts()))
                self.is_answered = self.is_answered or bool(words)
                values = {"reason": action.reason}
                return TrialLine("hand_over", self.now, action.note, action.step, dict(words or {}), values)
            case End():
                return TrialLine("end", self.now)
            case SetField():
                self.fields[action.name] = action.value
                return TrialLine("field", self.now, action.value, values={"name": action.name})
            case RecordConsent():
                return TrialLine("consent", self.now, values={"purpose": action.purpose, "withdrawn": action.withdrawn})
        return None

    def _apply_labels(self, action: AddLabels | RemoveLabels) -> None:
        before = self._facts().labels
        is_added = isinstance(action, AddLabels)
        self.labels = before | set(action.names) if is_added else before - set(action.names)
        values = {"names": list(action.names), "is_added": is_added}
        self.lines.append(TrialLine("labels", self.now, values=values))
