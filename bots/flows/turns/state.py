"""Where a conversation is in a flow, between two turns. JSON, and small."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bots.flows.answer_values import MAX_VALUE
from bots.flows.flow import Flow
from bots.flows.texts import cut, storable

MAX_DEPTH = 8
"""Sub-flows inside each other."""
MAX_VARIABLES = 100
MAX_VARIABLES_SIZE = 16_000
"""Characters of all variables together. What does not fit is cut."""

WAITING_STEPS = {"answer": ("wait", "ask", "ai_answer"), "call": ("call",), "ai": ("ai_answer", "ai_branch")}


@dataclass
class State:
    """A conversation in a flow. Without a step it has not begun, or it has ended."""

    step: str | None = None
    waits_for: str | None = None
    stack: list[str] = field(default_factory=list)
    """Ids of the sub-flow steps that the path is in, the innermost last."""
    variables: dict[str, str] = field(default_factory=dict)
    retries: int = 0
    """Wrong answers to the question of this step."""
    timer: str | None = None
    timer_is: str | None = None
    waits_since: str | None = None
    call_id: str | None = None
    calls: int = 0
    """Web calls and questions to AIs so far."""
    ai_answers: int = 0
    """Answers of the AI in this step."""
    is_unanswered: bool = False
    """Whether nothing was sent, and no AI was to answer, since the customer wrote."""
    ended: bool = False
    last: dict[str, Any] = field(default_factory=dict)
    """The last answer: kinds, text, choice_id, wamid and answered_at. After a time-out it has no answered_at."""

    @property
    def is_running(self) -> bool:
        return self.step is not None and not self.ended

    def set_variable(self, name: str, value: str) -> None:
        """Sets a variable, cut so that the state stays small."""
        if len(self.variables) >= MAX_VARIABLES and name not in self.variables:
            return
        others = sum(len(each) for key, each in self.variables.items() if key != name)
        self.variables[name] = cut(storable(value), min(MAX_VALUE, MAX_VARIABLES_SIZE - others))

    def stop_waiting(self) -> None:
        self.waits_for = self.timer = self.timer_is = self.waits_since = self.call_id = None

    def end(self) -> None:
        """Ends the flow. The variables stay, because staff see them."""
        self.stop_waiting()
        self.step, self.stack, self.retries, self.ended = None, [], 0, True

    def as_json(self) -> dict[str, Any]:
        """Returns the state at the end of a turn, when nothing changes it any more: its lists and mappings are not copied."""
        return dict(vars(self))


def read_state(flow: Flow, document: object) -> State:
    """Returns the state in a JSON object. One that does not fit the flow is a state that has not begun: an older version of the
    flow may have stored it, and other programs can write the column."""
    if not isinstance(document, Mapping):
        return State()
    state = State(
        step=_text(document, "step"),
        waits_for=_text(document, "waits_for"),
        stack=_texts(document.get("stack")),
        variables=_variables(flow, document.get("variables")),
        retries=_count(document, "retries"),
        timer=_time(document, "timer"),
        timer_is=_text(document, "timer_is"),
        waits_since=_time(document, "waits_since"),
        call_id=_text(document, "call_id"),
        calls=_count(document, "calls"),
        ai_answers=_count(document, "ai_answers"),
        is_unanswered=document.get("is_unanswered") is True,
        ended=document.get("ended") is True,
        last=_last(document.get("last")),
    )
    if state.ended:
        return State(variables=state.variables, calls=state.calls, ended=True, last=state.last)
    return state if _fits(flow, state) else State(calls=state.calls)


def _fits(flow: Flow, state: State) -> bool:
    step = flow.steps.get(state.step or "")
    if step is None or step["type"] not in WAITING_STEPS.get(state.waits_for or "", ()):
        return False
    callers = [flow.steps.get(caller) for caller in state.stack]
    return len(callers) <= MAX_DEPTH and all(caller is not None and caller["type"] == "subflow" for caller in callers)


def read_time(text: str | None) -> datetime | None:
    """Returns the time, None if the text is none. A time without a zone is UTC."""
    try:
        time = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _text(document: Mapping[str, Any], key: str) -> str | None:
    value = document.get(key)
    return value[:MAX_VALUE] if isinstance(value, str) else None


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)][: MAX_DEPTH + 1] if isinstance(value, list) else []


def _count(document: Mapping[str, Any], key: str) -> int:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def _time(document: Mapping[str, Any], key: str) -> str | None:
    text = _text(document, key)
    return text if read_time(text) else None


def _variables(flow: Flow, value: Any) -> dict[str, str]:
    state = State()
    for name, each in value.items() if isinstance(value, Mapping) else ():
        if name in flow.variables and isinstance(each, str):
            state.set_variable(name, each)
    return state.variables


def _last(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    found: dict[str, Any] = {
        "kinds": [storable(kind)[:40] for kind in _texts(value.get("kinds"))],
        "text": storable(_text_of(value, "text")),
        "choice_id": storable(_text_of(value, "choice_id"))[:256],
        "wamid": storable(_text_of(value, "wamid"))[:255],
    }
    answered_at = _time(value, "answered_at")
    return found | {"answered_at": answered_at} if answered_at else found


def _text_of(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
