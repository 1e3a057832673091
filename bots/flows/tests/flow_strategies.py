"""Random flows, events and states for property tests.

They come from a seed, which hypothesis chooses: drawing each value by itself takes twenty times as long. Most flows are right, and
some have each kind of mistake.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from bots.flows.turns.events import DONE, AiEnded, Answer, CallEnded, CustomerAnswered, Event, Facts, TimedOut
from cloud_api import messages

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
VARIABLES = ["pedido", "dia", "valor"]
TEXTS = [
    "Olá {{first_name}}",
    "{{pedido}}",
    "Dia {{dia}}, {{ valor }}: {{hours}}",
    "👍🏽 شكرا {{name}}",
    "x" * 1024,
    "y" * 1000 + "{{pedido}}{{dia}}",
    "{{today}}\n{{organization}}\t{{next_opening}}",
]
TITLES = ["Preços", "Horário", "Falar com gente", "Sim", "Não", "👍", "x" * 20]
CHOICES = ["a", "b", "c", "d"]
WORDS = ["oi", "preço", "não", "👍", "quero falar"]
LABELS = ["VIP", "Novo"]
BRANCHES = ["Entrega", "Preço", "Reclamação"]
KINDS = ["text", "email", "cpf", "cnpj", "cep", "date", "number", "phone"]
HOSTILE = [
    "",
    " ",
    "\u200b\u202e",
    "x" * 5000,
    "1" * 400,
    "\ud800",
    "\0",
    "12/12",
    "5",
    "1.234,5",
    "a@b.com",
    "atendente",
    "quero falar",
    "🏳️‍🌈" * 900,
    "..",
    "\r\nX: y",
    "{{pedido}}",
]
BODIES: list[Any] = [
    b"",
    b"\xff",
    b"[1]",
    b'{"a": [{"b": 1.5}]}',
    b"[" * 5000,
    {"a": [{"b": "\ud800"}]},
    {"a": [{"b": float("nan")}]},
    {"a": [{"b": [1, None]}]},
    {"a": {"0": 1}},
    "text",
    None,
]


ALL_STEPS = (
    *("send", "send", "wait", "wait", "branch", "ask", "ask", "set", "field", "call", "ai_answer", "ai_branch"),
    *("label", "consent", "split", "subflow", "jump", "hand_over", "end"),
)
"""Methods of the maker of steps, some twice to make them likelier."""
STEPS_OF_CONSENTS = ("wait", "wait", "consent", "consent", "subflow", "subflow", "jump", "split")


def document(seed: int, size: int, kinds: Sequence[str] = ALL_STEPS) -> dict[str, Any]:
    """Returns a flow whose ways lead on more often than back. Steps that nothing leads to set all variables, so that no text has an
    unknown one."""
    maker = _Maker(Random(seed), [f"s{index}" for index in range(size)], kinds)  # noqa: S311 - no secret
    steps = [maker.step(index) for index in range(size)]
    steps += [{"id": f"var-{name}", "type": "set", "target": "variable", "name": name, "value": ""} for name in VARIABLES]
    settings = maker.random.choice([{}, {"person_words": ["quero falar"]}, {"person_words": [], "silence_seconds": 0}])
    return {"format": 1, "name": "Teste", "start": "s0", "settings": settings, "steps": steps}


class _Maker:
    def __init__(self, random: Random, ids: list[str], kinds: Sequence[str]) -> None:
        self.random = random
        self.ids = ids
        self.kinds = kinds
        self.index = 0

    def step(self, index: int) -> dict[str, Any]:
        self.index = index
        kind = self.random.choice(self.kinds)
        return {"id": self.ids[index], "title": self.ids[index]} | getattr(self, f"_{kind}")()

    def _target(self) -> str | None:
        later = self.ids[self.index + 1 :]
        chance = self.random.random()
        if chance < 0.15:
            return self.random.choice(self.ids)
        return self.random.choice(later) if later and chance < 0.85 else None

    def _maybe(self, value: Any) -> Any:
        return value if self.random.random() < 0.5 else None

    def _some(self, values: list[str], least: int = 0) -> list[str]:
        return self.random.sample(values, self.random.randint(least, 2))

    def _text(self) -> str:
        return self.random.choice(TEXTS)

    def _choices(self, most: int) -> list[dict[str, str]]:
        count = self.random.randint(1, most)
        pairs = zip(self.random.sample(CHOICES, count), self.random.sample(TITLES, count), strict=True)
        return [{"id": each, "title": title} for each, title in pairs]

    def _message(self) -> dict[str, Any]:
        messages: list[dict[str, Any]] = [
            {"type": "text", "text": self._text()},
            {"type": "buttons", "text": self._text(), "buttons": self._choices(3)},
            {"type": "list", "text": self._text(), "button": "Ver", "rows": self._choices(4)},
            {"type": "link", "text": self._text(), "title": "Abrir", "url": "https://example.com/a"},
            {"type": "location_request", "text": self._text()},
            {"type": "template", "name": "aviso", "language": "pt_BR", "values": [self._text(), self._text()[:1000]]},
            {"type": "media", "kind": "image", "link": "https://example.com/a.png", "caption": self._text()},
            {"type": "media", "kind": "document", "file": "7", "filename": "a.pdf"},
        ]
        return self.random.choice(messages)

    def _condition(self) -> dict[str, Any]:
        conditions: list[dict[str, Any]] = [
            {"type": "choice", "id": self.random.choice(CHOICES)},
            {"type": "choice", "id": self.random.choice(CHOICES)},
            {"type": "keyword", "words": self._some(WORDS, 1), "whole": self.random.random() < 0.5},
            {"type": "pattern", "pattern": self.random.choice(["^[0-9]+$", "(a+)+$", "pre[cç]o", "\\bsim\\b"])},
            {"type": "number", "min": self.random.randint(0, 100)},
            {"type": "number", "max": 5.5, "variable": self.random.choice(VARIABLES)},
            {"type": "date", "from": "today", "to": "2027-01-01"},
            {"type": "hours", "open": self.random.random() < 0.5},
            {"type": "field", "name": self.random.choice(["name", "phone", "username", "language"]), "empty": True},
            {"type": "variable", "name": self.random.choice(VARIABLES), "is": self._text()},
            {"type": "label", "label": self.random.choice(LABELS), "has": self.random.random() < 0.5},
            {"type": "kind", "kinds": ["image", "audio"]},
        ]
        return self.random.choice(conditions)

    def _timeout(self) -> dict[str, Any] | None:
        return self._maybe({"minutes": self.random.randint(10, 30), "next": self._target()})

    def _send(self) -> dict[str, Any]:
        return {"type": "send", "message": self._message(), "next": self._target()}

    def _wait(self) -> dict[str, Any]:
        reminder = self._maybe({"minutes": 5, "message": self._message()})
        return {"type": "wait", "next": self._target(), "timeout": self._timeout(), "reminder": reminder}

    def _branch(self) -> dict[str, Any]:
        cases = [{"when": self._condition(), "next": self._target()} for _case in range(self.random.randint(1, 3))]
        return {"type": "branch", "cases": cases, "otherwise": self._target()}

    def _ask(self) -> dict[str, Any]:
        return {
            "type": "ask",
            "message": self._message(),
            "variable": self.random.choice(VARIABLES),
            "answer": {"kind": self.random.choice(KINDS)},
            "retries": self.random.randint(0, 2),
            "invalid": self._message(),
            "next": self._target(),
            "failed": self._target(),
            "timeout": self._timeout(),
        }

    def _set(self) -> dict[str, Any]:
        name = self.random.choice(VARIABLES)
        return {"type": "set", "target": "variable", "name": name, "value": self._text()[:1000], "next": self._target()}

    def _field(self) -> dict[str, Any]:
        return {"type": "set", "target": "field", "name": "name", "value": self._text()[:1000], "next": self._target()}

    def _call(self) -> dict[str, Any]:
        return {
            "type": "call",
            "method": "POST",
            "url": "https://example.com/{{pedido}}/x?n={{name}}",
            "headers": {"X-Name": "{{name}}"},
            "body": {"texts": ["{{dia}}", 1, None]},
            "save": [{"path": "a.0.b", "variable": self.random.choice(VARIABLES)}],
            "next": self._target(),
            "failed": self._target(),
        }

    def _ai_answer(self) -> dict[str, Any]:
        return {
            "type": "ai_answer",
            "ai": "sol",
            "instructions": "Responda sobre entregas.",
            "until": "o cliente disser o endereço",
            "max_answers": self.random.randint(1, 3),
            "next": self._target(),
            "failed": self._target(),
            "timeout": self._timeout(),
            "reminder": self._maybe({"minutes": 5, "message": self._message()}),
        }

    def _ai_branch(self) -> dict[str, Any]:
        names = self.random.sample(BRANCHES, self.random.randint(2, 3))
        branches = [{"name": name, "description": f"Fala de {name}", "next": self._target()} for name in names]
        return {"type": "ai_branch", "ai": "sol", "question": "Do que se trata?", "branches": branches, "otherwise": self._target()}

    def _label(self) -> dict[str, Any]:
        return {"type": "label", "add": self._some(LABELS, 1), "remove": self._some(LABELS), "next": self._target()}

    def _consent(self) -> dict[str, Any]:
        purpose = self.random.choice(["marketing", "service", "Lembretes"])
        decision = self.random.choice(["granted", "withdrawn"])
        return {"type": "consent", "decision": decision, "purpose": purpose, "wording": self._text(), "next": self._target()}

    def _split(self) -> dict[str, Any]:
        percent = self.random.randint(1, 99)
        shares = [{"percent": percent, "next": self._target()}, {"percent": 100 - percent, "next": self._target()}]
        return {"type": "split", "shares": shares}

    def _subflow(self) -> dict[str, Any]:
        return {"type": "subflow", "start": self._target() or self.ids[-1], "next": self._target()}

    def _jump(self) -> dict[str, Any]:
        return {"type": "jump", "next": self._target()}

    def _hand_over(self) -> dict[str, Any]:
        return {"type": "hand_over", "note": self._text()[:1000], "message": self._maybe(self._message())}

    def _end(self) -> dict[str, Any]:
        return {"type": "end"}


def event_list(seed: int, count: int) -> list[Event]:
    """Returns events, seven minutes apart. The ids of calls and of questions to AIs are to be replaced."""
    random = Random(seed)  # noqa: S311 - no secret
    return [_event(random, NOW + timedelta(minutes=7 * index)) for index in range(count)]


def _event(random: Random, now: datetime) -> Event:
    common: Mapping[str, Any] = {"now": now, "facts": _facts(random), "chance": random.random()}
    kind = random.randint(0, 8)
    if kind < 4:
        return CustomerAnswered(
            answers=tuple(_answer(random) for _answer_number in range(random.choice([0, 1, 1, 1, 2, 3]))), **common
        )
    if kind == 4:
        return TimedOut(**common)
    if kind > 6:
        return _ai_ended(random, common)
    return CallEnded(call_id="?", ok=random.random() < 0.7, status=200, body=random.choice(BODIES), **common)


def _ai_ended(random: Random, common: Mapping[str, Any]) -> AiEnded:
    texts = random.sample(["Entregamos hoje.", "👍🏽", "x" * 4096, "{{name}}", "Sim"], random.choice([0, 1, 1, 2, 3, 5]))
    return AiEnded(
        call_id="?",
        ok=random.random() < 0.8,
        failure=random.choice(["ai_failed", "ai_limit", "no_ai"]),
        branch=random.choice(["", "", DONE, *BRANCHES, "\ud800"]),
        messages=tuple(messages.text(each) for each in texts),
        hands_over=random.random() < 0.1,
        note=random.choice(HOSTILE),
        labels_to_add=frozenset(random.sample(LABELS, random.randint(0, 2))),
        name=random.choice(["", "Ana Souza", *HOSTILE]),
        **common,
    )


def _answer(random: Random) -> Answer:
    return Answer(
        kind=random.choice(["text", "text", "interactive", "image", "\ud800" * 50]),
        text=random.choice([*TITLES, *WORDS, *HOSTILE]),
        choice_id=random.choice(["", "", "", *CHOICES, "unknown", "\ud800" * 500]),
    )


def _facts(random: Random) -> Facts:
    return Facts(
        today=date(2020, 1, 1) + timedelta(days=random.randint(0, 30_000)),
        first_name=random.choice(HOSTILE),
        name=random.choice(HOSTILE),
        phone="+55 61 8150-0586",
        organization=random.choice(HOSTILE),
        hours=random.choice(HOSTILE),
        next_opening=random.choice(HOSTILE),
        is_open=random.random() < 0.5,
        labels=frozenset(random.sample(LABELS, random.randint(0, 2))),
    )


_seeds = st.integers(0, 2**40)


def documents_of(kinds: Sequence[str], *, most: int) -> st.SearchStrategy[dict[str, Any]]:
    """Returns flows of these kinds of steps, at most so many."""
    return st.builds(document, _seeds, st.integers(2, most), st.just(kinds))


documents = st.builds(document, _seeds, st.integers(1, 10))
documents_with_consents = documents_of(STEPS_OF_CONSENTS, most=12)
event_lists = st.builds(event_list, _seeds, st.integers(1, 12))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A flow of which one value anywhere is replaced, or one key is added or removed."""
    document = json.loads(json.dumps(draw(documents)))
    place = document
    for _level in range(draw(st.integers(1, 6))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 3)):
            place = place[key]
            continue
        match draw(st.integers(0, 3)):
            case 0:
                del place[key]
            case 1 if isinstance(place, dict):
                place[draw(st.text(max_size=5))] = draw(json_values)
            case _:
                place[key] = draw(json_values)
        break
    return document
