"""One turn of the interpreter while it runs: the path through the steps, until a step waits, hands over or ends."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bots.flows.actions import (
    Action,
    AddLabels,
    Call,
    Came,
    End,
    FellThrough,
    HandedOver,
    HandOver,
    Left,
    Reason,
    RemoveLabels,
    Send,
    SetField,
    WentOn,
)
from bots.flows.answer_values import MAX_VALUE, read_answer
from bots.flows.calls import filled_body, filled_headers, filled_url, saved_values
from bots.flows.conditions import Known, is_choice, reason_to_match
from bots.flows.events import Answer, CallEnded, CustomerAnswered, Event, TimedOut
from bots.flows.flow import Flow, Step
from bots.flows.messages import build, file_of
from bots.flows.state import MAX_DEPTH, State, read_time
from bots.flows.texts import MAX_ANSWER, cut, fill, first_word_in, readable, storable
from cloud_api.limits import InvalidMessage

MAX_STEPS = 100
MAX_SENDS = 10
"""Of one turn. No flow without blocking problems reaches them."""
DEFAULT_RETRIES = 2
MAX_MINUTES = 24 * 60
"""Until a time-out. A draft may have more."""
MAX_DETAIL = 200


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
        self._steps = self._sends = self._splits = 0
        self._because, self._detail = "started", ""

    @property
    def _known(self) -> Known:
        return Known(self.flow, self.facts, self.state.variables, self.state.last)

    # Events

    def answer(self, event: CustomerAnswered) -> None:
        """Answers what the customer wrote: a person word at any time, the step that waits, or the start of the flow."""
        if not event.answers:
            return
        last = joined(event.answers)
        person_words = (*self.flow.person_words, *self.facts.person_words)
        if not is_choice(last, self.flow) and first_word_in(last["text"], person_words):
            self.state.last = last
            self._hand_over("asked", self.state.step or "")
        elif not self.state.is_running:
            self.state = State(calls=self.state.calls, last=last)
            self._go(self.flow.start)
        elif self.state.waits_for == "answer":
            self.state.last = last
            self._because, self._detail = "answered", ""
            self._answer_step(self.flow.steps[self.state.step or ""], event.answers)

    def _answer_step(self, step: Step, answers: Sequence[Answer]) -> None:
        if step["type"] == "wait":
            self._leave(step, step.get("next"))
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

    def _hand_over(self, reason: Reason, step_id: str, *, step: Step | None = None) -> None:
        """Ends the flow with a person. `step` is the step that says so, with its words."""
        note = cut(fill(step.get("note", ""), self._known.shown_value_of), MAX_VALUE) if step else ""
        message = None
        if step and step.get("message"):
            with suppress(InvalidMessage):  # the customer reads the words of the number instead
                message = build(step["message"], self._known.shown_value_of)
        file = file_of(step["message"]) if step and message else ""
        self.actions.append(HandOver(reason, note, message, step_id, file))
        if step_id:
            self.actions.append(HandedOver(step_id))
        self.state.end()

    def _send(self, step: Step, message: Mapping[str, Any]) -> bool:
        """Sends a message. Returns false if it could not, and has handed over."""
        if self._sends == MAX_SENDS:
            self._hand_over("loop", step["id"])
            return False
        try:
            built = build(message, self._known.shown_value_of)
        except InvalidMessage:
            self._hand_over("failed", step["id"])
            return False
        if built is not None:
            self._sends += 1
            self.actions.append(Send(built, step["id"], self._trace(step), file_of(message)))
            self._because, self._detail = "next", ""
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
            self.actions.append(SetField(step["name"], name))
            self.facts = replace(self.facts, name=name, first_name=name.split()[0])
        return GoOn(step.get("next"))

    def _run_call(self, step: Step) -> GoOn | None:
        self.state.calls += 1
        self.state.call_id = f"{step['id']}.{self.state.calls}.{self.now.timestamp():.6f}"
        value_of = self._known.value_of
        url, headers = filled_url(step["url"], value_of), filled_headers(step.get("headers", {}), value_of)
        self.actions.append(
            Call(self.state.call_id, step["method"], url, headers, filled_body(step.get("body"), value_of), step["id"])
        )
        self.state.waits_for, self.state.waits_since = "call", self.now.isoformat()
        return None

    def _run_label(self, step: Step) -> GoOn | None:
        added, removed = tuple(step.get("add", ())), tuple(step.get("remove", ()))
        self.actions += [AddLabels(added)] if added else []
        self.actions += [RemoveLabels(removed)] if removed else []
        self.facts = replace(self.facts, labels=(self.facts.labels | set(added)) - set(removed))
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
    "label": RunningTurn._run_label,
    "split": RunningTurn._run_split,
    "subflow": RunningTurn._run_subflow,
    "jump": RunningTurn._run_jump,
    "hand_over": RunningTurn._run_hand_over,
    "end": RunningTurn._run_end,
}


def joined(answers: Sequence[Answer]) -> dict[str, Any]:
    """Returns several messages as one answer: all texts, all kinds, and the last choice."""
    choices = [answer.choice_id for answer in answers if answer.choice_id]
    texts = [text for answer in answers if (text := storable(answer.text).strip())]
    return {
        "kinds": list(dict.fromkeys(storable(answer.kind)[:40] for answer in answers))[:8],
        "text": cut("\n".join(texts), MAX_ANSWER),
        "choice_id": storable(choices[-1])[:256] if choices else "",
    }
