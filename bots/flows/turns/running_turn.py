"""One turn of the interpreter while it runs: the path through the steps, until a step waits, hands over or ends."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bots.flows.answer_values import MAX_VALUE, read_answer
from bots.flows.calls import filled_body, filled_headers, filled_url, saved_values
from bots.flows.conditions import Known, Readings, is_choice, reason_to_match
from bots.flows.flow import MAX_AI_ANSWERS, MAX_AI_MESSAGES, Flow, Step
from bots.flows.messages import build, file_of
from bots.flows.texts import MAX_ANSWER, cut, fill, first_word_in, readable, storable
from bots.flows.turns.actions import (
    Action,
    AddLabels,
    AiReason,
    AskAi,
    Call,
    Came,
    End,
    FellThrough,
    HandedOver,
    HandOver,
    Left,
    Reason,
    RecordConsent,
    RemoveLabels,
    Send,
    SetField,
    WentOn,
)
from bots.flows.turns.events import DONE, AiEnded, Answer, CallEnded, CustomerAnswered, Event, TimedOut
from bots.flows.turns.state import MAX_DEPTH, State, read_time
from cloud_api.limits import InvalidMessage
from cloud_api.messages import template_name

MAX_STEPS = 100
MAX_SENDS = 10
"""Of one turn. No flow without blocking problems reaches them."""
DEFAULT_RETRIES = 2
MAX_MINUTES = 24 * 60
"""Until a time-out. A draft may have more."""
MAX_DETAIL = 200
MAX_WORDING = 2000
MARKETING = "marketing"
"""The purpose of consents (`contacts.consent.purposes`) that says which templates the customer accepts."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The step is done. None means that the path ends here, or returns from the sub-flow."""

    step_id: str | None


class RunningTurn:
    """Collects the actions of one event, and changes the state."""

    def __init__(self, flow: Flow, state: State, event: Event) -> None:
        self.flow = flow
        self.state = state
        self.facts = event.facts
        self.now = event.now
        self.actions: list[Action] = []
        self._chance = event.chance
        self._readings = Readings()
        self._steps = self._sends = self._splits = 0
        self._because, self._detail = "started", ""

    @property
    def _known(self) -> Known:
        return Known(self.flow, self.facts, self.state.variables, self.state.last, self._readings)

    # Events

    def answer(self, event: CustomerAnswered) -> None:
        """Answers what the customer wrote: a person word at any time, the step that waits, or the start of the flow."""
        if not event.answers:
            return
        last = joined(event.answers, event.now)
        person_words = (*self.flow.person_words, *self.facts.person_words)
        if not is_choice(last, self.flow) and first_word_in(last["text"], person_words):
            self.state.last = last
            self._hand_over("asked", self.state.step or "")
        elif not self.state.is_running:
            self.state = State(calls=self.state.calls, last=last, is_unanswered=True)
            self._go(self.flow.start)
        elif self.state.waits_for in ("answer", "ai"):
            self.state.last, self.state.is_unanswered = last, True
            self._because, self._detail = "answered", ""
            self._answer_step(self.flow.steps[self.state.step or ""], event.answers)

    def _answer_step(self, step: Step, answers: Sequence[Answer]) -> None:
        if step["type"] == "wait":
            self._leave(step, step.get("next"))
            return
        if step["type"] == "ai_branch":  # what the customer writes now may change the answer
            self._ask_ai(step)
            return
        if step["type"] == "ai_answer":
            self._let_ai_answer(step)
            return
        texts = [str(self.state.last["text"]), *(storable(answer.text) for answer in reversed(answers))]
        values = (read_answer(step["answer"], text, self.facts.today) for text in texts)
        value = next(filter(None, values), None)
        if value is not None:
            self.state.set_variable(step["variable"], value)
            self._leave(step, step.get("next"))
        else:
            self._refuse_answer(step)

    def _refuse_answer(self, step: Step) -> None:
        """Says that the answer does not fit and waits for another, or goes on after the last retry."""
        self.state.retries += 1
        self._because = "invalid"
        if self.state.retries <= step.get("retries", DEFAULT_RETRIES):
            if self._send(step, step["invalid"]):
                self._wait(step, "answer")
        elif step.get("failed"):
            self._leave(step, step["failed"])
        else:
            self._hand_over("retries", step["id"])

    def time_out(self, event: TimedOut) -> None:
        """Sends the reminder, or takes the path of the time-out, if its time has come."""
        due, step = read_time(self.state.timer), self.flow.steps.get(self.state.step or "")
        if self.state.waits_for != "answer" or step is None or due is None or event.now < due:
            return
        if self.state.timer_is == "reminder" and step.get("reminder"):
            self._because = "reminder"
            if self._send(step, step["reminder"]["message"]):
                self._start_timer(step, was_reminded=True)
        elif self.state.timer_is == "timeout" and step.get("timeout"):
            self._because = "timeout"
            self.actions.append(Left(step["id"]))
            self.state.last.pop("answered_at", None)
            self._go(step["timeout"].get("next"))
        else:  # a state of a version in which the step had more
            self.state.timer = self.state.timer_is = None

    def end_call(self, event: CallEnded) -> None:
        """Goes on with the result of a web call."""
        if self.state.waits_for != "call" or event.call_id != self.state.call_id:
            return
        step = self.flow.steps[self.state.step or ""]
        values = saved_values(step, event.body) if event.ok else None
        self._because, self._detail = "call" if values is not None else "call_failed", str(event.status or "")
        if values is not None:
            for name, value in values.items():
                self.state.set_variable(name, value)
            self._leave(step, step.get("next"))
        elif step.get("failed"):
            self._leave(step, step["failed"])
        else:
            self._hand_over("call_failed", step["id"])

    def end_ai(self, event: AiEnded) -> None:
        """Goes on with what an AI answered."""
        if self.state.waits_for != "ai" or event.call_id != self.state.call_id:
            return
        step = self.flow.steps[self.state.step or ""]
        self.state.stop_waiting()
        if step["type"] == "ai_branch":
            self._take_branch(step, event)
        elif event.ok and len(event.messages) <= MAX_AI_MESSAGES:
            self._take_answer(step, event)
        else:
            self._give_up(step, event.failure, event.note)

    def _take_answer(self, step: Step, event: AiEnded) -> None:
        """Applies an answer of an AI, and goes on: with a person, at the next step, or at the customer's next message."""
        if not self._apply_answer(step, event):
            return
        if event.hands_over:
            self._hand_over("ai", step["id"], note=event.note)
        elif event.branch == DONE:
            self._because, self._detail = "ai_done", ""
            self._leave(step, step.get("next"))
        else:
            self._wait(step, "answer")

    def _apply_answer(self, step: Step, event: AiEnded) -> bool:
        """Applies what an AI changes, and sends its messages. Returns false if they could not be sent, and has handed over."""
        self._change_labels(sorted(event.labels_to_add), sorted(event.labels_to_remove))
        if name := readable(storable(event.name)[:MAX_VALUE]):
            self._set_name("name", name)
        self.state.ai_answers += 1
        for message in event.messages:
            self._because, self._detail = "ai", ""
            if not self._send_built(step, message, ""):
                return False
        return True

    def _take_branch(self, step: Step, event: AiEnded) -> None:
        """Takes the branch that the AI chose, or the path for an AI that is unsure or failed. It sends nothing."""
        if event.ok and event.hands_over:
            self._hand_over("ai", step["id"], note=event.note)
            return
        branch = next((each for each in step["branches"] if event.ok and each["name"] == event.branch), None)
        if branch:
            self._because, self._detail = "ai_branch", branch["name"]
            self._leave(step, branch.get("next"))
            return
        self.actions.append(FellThrough(step["id"]))
        self._because, self._detail = "otherwise" if event.ok else event.failure, ""
        if step.get("otherwise"):
            self._leave(step, step["otherwise"])
        else:
            self._hand_over("retries" if event.ok else event.failure, step["id"], note=event.note)

    def _let_ai_answer(self, step: Step) -> None:
        """Asks the AI for an answer, or goes on after the last one that it may give."""
        if self.state.ai_answers >= step.get("max_answers", MAX_AI_ANSWERS):
            self._give_up(step, "ai_limit", "")
        else:
            self.state.is_unanswered = False
            self._ask_ai(step)

    def _give_up(self, step: Step, reason: AiReason, note: str) -> None:
        """Takes the path for an AI that cannot answer."""
        self._because, self._detail = reason, ""
        if step.get("failed"):
            self._leave(step, step["failed"])
        else:
            self._hand_over(reason, step["id"], note=note)

    def _ask_ai(self, step: Step) -> None:
        self.state.stop_waiting()
        self.state.call_id = self._new_call_id(step)
        branches = tuple((each["name"], each["description"]) for each in step.get("branches", ()))
        instructions = step["question"] if branches else step["instructions"]
        self.actions.append(AskAi(self.state.call_id, step["ai"], instructions, step["id"], branches, step.get("until", "")))
        self.state.waits_for, self.state.waits_since = "ai", self.now.isoformat()

    # The path

    def _leave(self, step: Step, step_id: str | None) -> None:
        self.actions.append(WentOn(step["id"]))
        self._go(step_id)

    def _go(self, step_id: str | None) -> None:
        """Runs steps from this one on, until one waits, hands over or ends."""
        self.state.stop_waiting()
        self.state.retries = 0
        while True:
            while step_id is None and self.state.stack:
                step_id = self.flow.steps[self.state.stack.pop()].get("next")
            if step_id is None:
                self._end()
                return
            step = self.flow.steps.get(step_id)
            if step is None:
                self._hand_over("no_step", "")
                return
            self.state.step = step_id
            if self._steps == MAX_STEPS:
                self._hand_over("loop", step_id)
                return
            self._steps += 1
            self.actions.append(Came(step_id))
            done = RUNNERS[step["type"]](self, step)
            if done is None:
                return
            self.actions.append(WentOn(step_id))
            step_id = done.step_id

    def _end(self) -> None:
        self.actions.append(End())
        self.state.end()

    def _hand_over(self, reason: Reason, step_id: str, *, step: Step | None = None, note: str = "") -> None:
        """Ends the flow with a person, who reads the note. `step` is the step that says so, with its words."""
        note = cut(fill(step.get("note", ""), self._known.shown_value_of) if step else storable(note), MAX_VALUE)
        message = None
        if step and step.get("message"):
            with suppress(InvalidMessage):  # the customer reads the words of the number instead
                message = build(step["message"], self._known.shown_value_of)
        if message and template_name(message) in self.facts.refused_templates:
            message = None
        file = file_of(step["message"]) if step and message else ""
        self.actions.append(HandOver(reason, note, message, step_id, file))
        if step_id:
            self.actions.append(HandedOver(step_id))
        self.state.end()

    def _send(self, step: Step, message: Mapping[str, Any]) -> bool:
        """Sends a message. Returns false if it could not, and has handed over."""
        try:
            built = build(message, self._known.shown_value_of)
        except InvalidMessage:
            self._hand_over("failed", step["id"])
            return False
        return built is None or self._send_built(step, built, file_of(message))

    def _send_built(self, step: Step, message: Mapping[str, Any], file: str) -> bool:
        """Sends an API object. Returns false if there are too many, or the customer does not accept it, and has handed over."""
        if self._sends == MAX_SENDS:
            self._hand_over("loop", step["id"])
            return False
        if template_name(message) in self.facts.refused_templates:
            self._hand_over("marketing", step["id"])
            return False
        self._sends += 1
        self.actions.append(Send(message, step["id"], self._trace(step), file))
        self._because, self._detail = "next", ""
        self.state.is_unanswered = False
        return True

    def _trace(self, step: Step) -> dict[str, Any]:
        position, title = self.flow.positions[step["id"]], step.get("title", "")
        return {"step": position, "title": title, "because": self._because, "detail": cut(self._detail, MAX_DETAIL)}

    def _wait(self, step: Step, waits_for: str) -> None:
        self.state.step, self.state.waits_for = step["id"], waits_for
        self.state.waits_since = self.now.isoformat()
        self._start_timer(step)

    def _start_timer(self, step: Step, *, was_reminded: bool = False) -> None:
        """Sets the timer to the reminder or the time-out, whichever comes first."""
        times = {kind: step[kind]["minutes"] for kind in ("reminder", "timeout") if step.get(kind)}
        if was_reminded:
            times.pop("reminder", None)
        self.state.timer_is = min(times, key=lambda kind: times[kind]) if times else None
        since = min(read_time(self.state.waits_since) or self.now, self.now)
        minutes = min(times.get(self.state.timer_is or "", 0), MAX_MINUTES)
        self.state.timer = (since + timedelta(minutes=minutes)).isoformat() if times else None

    # Steps

    def _run_send(self, step: Step) -> GoOn | None:
        return GoOn(step.get("next")) if self._send(step, step["message"]) else None

    def _run_wait(self, step: Step) -> GoOn | None:
        self._wait(step, "answer")
        return None

    def _run_ask(self, step: Step) -> GoOn | None:
        if self._send(step, step["message"]):
            self._wait(step, "answer")
        return None

    def _run_branch(self, step: Step) -> GoOn | None:
        for case in step["cases"]:
            detail = reason_to_match(case["when"], self._known)
            if detail is not None:
                self._because, self._detail = case["when"]["type"], detail
                return GoOn(case.get("next"))
        self.actions.append(FellThrough(step["id"]))
        self._because, self._detail = "otherwise", ""
        return GoOn(step.get("otherwise"))

    def _run_set(self, step: Step) -> GoOn | None:
        value = fill(step["value"], self._known.shown_value_of, MAX_VALUE)
        if step["target"] == "variable":
            self.state.set_variable(step["name"], value)
        elif name := readable(value):
            self._set_name(step["name"], name)
        return GoOn(step.get("next"))

    def _set_name(self, field: str, name: str) -> None:
        self.actions.append(SetField(field, name))
        self.facts = replace(self.facts, name=name, first_name=name.split(maxsplit=1)[0])

    def _run_call(self, step: Step) -> GoOn | None:
        self.state.call_id = self._new_call_id(step)
        value_of = self._known.value_of
        url, headers = filled_url(step["url"], value_of), filled_headers(step.get("headers", {}), value_of)
        self.actions.append(
            Call(self.state.call_id, step["method"], url, headers, filled_body(step.get("body"), value_of), step["id"])
        )
        self.state.waits_for, self.state.waits_since = "call", self.now.isoformat()
        return None

    def _new_call_id(self, step: Step) -> str:
        """Returns an id of a web call or a question to an AI that the conversation has not had."""
        self.state.calls += 1
        return f"{step['id']}.{self.state.calls}.{self.now.timestamp():.6f}"

    def _run_ai_answer(self, step: Step) -> GoOn | None:
        """Answers what the customer has just written, unless something was sent since. Otherwise waits for the next message, so
        that no path goes round without the customer."""
        self.state.ai_answers = 0
        if self.state.is_unanswered:
            self._let_ai_answer(step)
        else:
            self._wait(step, "answer")
        return None

    def _run_ai_branch(self, step: Step) -> GoOn | None:
        self._ask_ai(step)
        return None

    def _run_label(self, step: Step) -> GoOn | None:
        self._change_labels(step.get("add", ()), step.get("remove", ()))
        return GoOn(step.get("next"))

    def _change_labels(self, added: Collection[str], removed: Collection[str]) -> None:
        self.actions += [AddLabels(tuple(added))] if added else []
        self.actions += [RemoveLabels(tuple(removed))] if removed else []
        self.facts = replace(self.facts, labels=(self.facts.labels | set(added)) - set(removed))

    def _run_consent(self, step: Step) -> GoOn | None:
        """Records what the customer's last answer decides. After a time-out there is none: silence decides nothing."""
        if answered_at := read_time(self.state.last.get("answered_at")):
            withdrawn, wamid = step["decision"] == "withdrawn", self.state.last["wamid"]
            wording = fill(step.get("wording", ""), self._known.shown_value_of, MAX_WORDING)
            self.actions.append(RecordConsent(step["purpose"], withdrawn, wording, wamid, answered_at, step["id"]))
            stopped_at = self.facts.marketing_stopped_at
            if step["purpose"] == MARKETING and not withdrawn and stopped_at and stopped_at < answered_at:
                self.facts = replace(self.facts, refused_templates=frozenset())
        return GoOn(step.get("next"))

    def _run_split(self, step: Step) -> GoOn | None:
        point, shares = self._fraction(step["id"]) * 100, step["shares"]
        share = shares[-1]
        for each in shares:
            point -= each["percent"]
            if point < 0:
                share = each
                break
        self._because, self._detail = "split", f"{share['percent']} %"
        return GoOn(share.get("next"))

    def _fraction(self, step_id: str) -> float:
        """Returns the chance of the turn for its first split, and for each further one a number that follows from it."""
        self._splits += 1
        if self._splits == 1:
            return self._chance
        digest = hashlib.sha256(f"{self._chance!r} {step_id} {self._splits}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def _run_subflow(self, step: Step) -> GoOn | None:
        if len(self.state.stack) == MAX_DEPTH:
            self._hand_over("loop", step["id"])
            return None
        self.state.stack.append(step["id"])
        return GoOn(step["start"])

    def _run_jump(self, step: Step) -> GoOn | None:
        return GoOn(step.get("next"))

    def _run_hand_over(self, step: Step) -> GoOn | None:
        self._hand_over("step", step["id"], step=step)
        return None

    def _run_end(self, step: Step) -> GoOn | None:
        self._end()
        return None


RUNNERS: Mapping[str, Callable[[RunningTurn, Step], GoOn | None]] = {
    "send": RunningTurn._run_send,
    "wait": RunningTurn._run_wait,
    "branch": RunningTurn._run_branch,
    "ask": RunningTurn._run_ask,
    "set": RunningTurn._run_set,
    "call": RunningTurn._run_call,
    "ai_answer": RunningTurn._run_ai_answer,
    "ai_branch": RunningTurn._run_ai_branch,
    "label": RunningTurn._run_label,
    "consent": RunningTurn._run_consent,
    "split": RunningTurn._run_split,
    "subflow": RunningTurn._run_subflow,
    "jump": RunningTurn._run_jump,
    "hand_over": RunningTurn._run_hand_over,
    "end": RunningTurn._run_end,
}


def joined(answers: Sequence[Answer], now: datetime) -> dict[str, Any]:
    """Returns several messages as one answer: all texts, all kinds, the last choice, and the id and time of the message with it.
    Without a choice they are those of the first message, so that none of the others is earlier than the answer."""
    decisive = next((answer for answer in reversed(answers) if answer.choice_id), answers[0])
    texts = [text for answer in answers if (text := storable(answer.text).strip())]
    return {
        "kinds": list(dict.fromkeys(storable(answer.kind)[:40] for answer in answers))[:8],
        "text": cut("\n".join(texts), MAX_ANSWER),
        "choice_id": storable(decisive.choice_id)[:256],
        "wamid": storable(decisive.wamid)[:255],
        "answered_at": (decisive.sent_at or now).isoformat(),
    }
