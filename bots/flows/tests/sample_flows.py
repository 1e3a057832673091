"""Short ways to write flows and events in tests."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from bots.flows.flow import Flow, read_flow
from bots.flows.turns.actions import Action, Send, Turn
from bots.flows.turns.events import AiEnded, Answer, CallEnded, CustomerAnswered, Facts, TimedOut
from bots.flows.turns.interpreter import run
from cloud_api import messages

Found = TypeVar("Found", bound=Action)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TODAY = date(2026, 11, 26)
FACTS = Facts(
    today=TODAY,
    first_name="Ana",
    name="Ana Souza",
    phone="+55 61 8150-0586",
    username="ana.s",
    language="pt_BR",
    organization="Padaria Sol",
    hours="seg a sex, 8h às 18h",
    next_opening="amanhã às 8h",
    is_open=True,
    labels=frozenset({"VIP"}),
)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def buttons(words: str, **titles: str) -> dict[str, Any]:
    return {"type": "buttons", "text": words, "buttons": [{"id": each, "title": title} for each, title in titles.items()]}


def step(step_id: str, kind: str, following: str | None = None, **fields: Any) -> dict[str, Any]:
    ways = {} if kind in ("branch", "split", "hand_over", "end") else {"next": following}
    return {"id": step_id, "type": kind} | ways | fields


def send(step_id: str, words: str, following: str | None = None) -> dict[str, Any]:
    return step(step_id, "send", following, message=text(words))


def ask(step_id: str, kind: str, following: str | None = None, **fields: Any) -> dict[str, Any]:
    limits = {name: fields.pop(name) for name in ("min", "max") if name in fields}
    answer = {"kind": kind} | limits
    return step(step_id, "ask", following, message=text("?"), variable="valor", answer=answer, invalid=text("!")) | fields


def flow(*steps: Mapping[str, Any], **settings: Any) -> Flow:
    return read_flow({"format": 1, "name": "Teste", "start": steps[0]["id"], "settings": settings, "steps": list(steps)})


def answered(*answers: str | Answer, minutes: float = 0, facts: Facts = FACTS, chance: float = 0.0) -> CustomerAnswered:
    pieces = tuple(Answer("text", each) if isinstance(each, str) else each for each in answers)
    return CustomerAnswered(now=NOW + timedelta(minutes=minutes), facts=facts, answers=pieces, chance=chance)


def tapped(choice_id: str, title: str = "") -> CustomerAnswered:
    return answered(Answer("interactive", title, choice_id))


def timed_out(minutes: float) -> TimedOut:
    return TimedOut(now=NOW + timedelta(minutes=minutes), facts=FACTS)


def call_ended(state: Mapping[str, Any], body: Any, *, ok: bool = True) -> CallEnded:
    return CallEnded(now=NOW, facts=FACTS, call_id=state["call_id"], ok=ok, status=200 if ok else 500, body=body)


def ai_ended(state: Mapping[str, Any], *texts: str, ok: bool = True, **fields: Any) -> AiEnded:
    sent = tuple(messages.text(each) for each in texts)
    return AiEnded(now=NOW, facts=FACTS, call_id=state["call_id"], ok=ok, messages=sent, **fields)


def play(sample: Flow, *events: Any) -> Turn:
    """Runs events from a new state on, and returns the last turn. A text is what the customer writes."""
    turn = Turn((), {})
    for event in events:
        turn = run(sample, turn.state, answered(event) if isinstance(event, str) else event)
    return turn


def sent(turn: Turn) -> list[str]:
    """The texts of the messages that a turn sends."""
    return [body_of(action.message) for action in turn.actions if isinstance(action, Send)]


def body_of(message: Mapping[str, Any]) -> str:
    content = message[message["type"]]
    body = content.get("body", content.get("caption", content.get("name", "")))
    return str(body["text"] if isinstance(body, dict) else body)


def only(turn: Turn, kind: type[Found]) -> Found:
    """The only action of this kind."""
    (found,) = [action for action in turn.actions if isinstance(action, kind)]
    return found
