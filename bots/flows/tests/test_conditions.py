"""Conditions of branches."""

from dataclasses import replace
from time import process_time
from typing import Any

import pytest

from bots.flows.conditions import InvalidPattern, check_pattern, is_found
from bots.flows.tests.sample_flows import FACTS, answered, ask, buttons, call_ended, flow, play, send, sent, step
from bots.flows.turns.events import Answer


def matches(condition: dict[str, Any], answer: str | Answer = "", **facts: Any) -> bool:
    sample = flow(
        step("w", "wait", "b"),
        step("b", "branch", cases=[{"when": condition, "next": "yes"}], otherwise="no"),
        send("yes", "yes"),
        send("no", "no"),
        step("m", "send", message=buttons("?", p="Preços", h="Horário", plus="A+")),
        step("n", "send", message=buttons("?", minus="A-")),
        person_words=[],
    )
    return sent(play(sample, "oi", answered(answer, facts=replace(FACTS, **facts)))) == ["yes"]


ANSWERS: list[tuple[dict[str, Any], str | Answer, bool]] = [
    ({"type": "choice", "id": "p"}, Answer("interactive", "Preços", "p"), True),
    ({"type": "choice", "id": "p"}, Answer("interactive", "Horário", "h"), False),
    ({"type": "choice", "id": "p"}, "  PRECOS! ", True),
    ({"type": "choice", "id": "p"}, "preços de hoje", False),
    ({"type": "choice", "id": "gone"}, "", False),
    ({"type": "choice", "id": "h"}, Answer("interactive", "Preços", "x"), False),
    ({"type": "choice", "id": "p"}, Answer("interactive", "Preços", "of another version"), True),
    ({"type": "choice", "id": "p"}, Answer("interactive", "Preços", "h"), False),
    ({"type": "choice", "id": "of a template"}, Answer("button", "Sim", "of a template"), True),
    ({"type": "choice", "id": "plus"}, "a+", True),
    ({"type": "choice", "id": "plus"}, "a-", False),
    ({"type": "choice", "id": "minus"}, "a-", True),
    ({"type": "choice", "id": "minus"}, "a", True),
    ({"type": "keyword", "words": ["A+"], "whole": True}, "a-", False),
    ({"type": "keyword", "words": ["c++"]}, "sei C++ e Java", True),
    ({"type": "keyword", "words": ["preço"]}, "Qual o PRECO, por favor?", True),
    ({"type": "keyword", "words": ["preço"]}, "precos", False),
    ({"type": "keyword", "words": ["bom dia"]}, "oi,\nbom   dia!", True),
    ({"type": "keyword", "words": ["sim"], "whole": True}, "Sim!", True),
    ({"type": "keyword", "words": ["sim"], "whole": True}, "sim sim", False),
    ({"type": "keyword", "words": ["👍"]}, "ok👍🏽", True),
    ({"type": "keyword", "words": ["sim"]}, "s\u200bi\u202em", True),
    ({"type": "keyword", "words": ["نعم"]}, "نَعَم", True),
    ({"type": "keyword", "words": ["!!!"]}, "!!!", False),
    ({"type": "keyword", "words": ["sim"]}, "", False),
    ({"type": "pattern", "pattern": "^pedido [0-9]+$"}, "PEDIDO 12", True),
    ({"type": "pattern", "pattern": "^pedido [0-9]+$"}, "meu pedido 12", False),
    ({"type": "pattern", "pattern": "[("}, "[(", False),
    ({"type": "number", "min": 1, "max": 10}, "quero 3", True),
    ({"type": "number", "min": 1, "max": 10}, "11", False),
    ({"type": "number", "min": 1}, "R$ 1,00", True),
    ({"type": "number"}, "três", False),
    ({"type": "date", "from": "2026-12-01", "to": "2026-12-31"}, "24/12", True),
    ({"type": "date", "from": "2026-12-01", "to": "2026-12-31"}, "24/11/2026", False),
    ({"type": "date", "from": "today"}, "ontem", False),
    ({"type": "kind", "kinds": ["image", "video"]}, Answer("image"), True),
    ({"type": "kind", "kinds": ["image", "video"]}, "image", False),
]
FACT_CONDITIONS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"type": "hours", "open": True}, {"is_open": True}, True),
    ({"type": "hours", "open": True}, {"is_open": False}, False),
    ({"type": "hours", "open": False}, {"is_open": False}, True),
    ({"type": "field", "name": "name", "is": "ana SOUZA"}, {}, True),
    ({"type": "field", "name": "name", "is": "{{first_name}} Souza"}, {}, True),
    ({"type": "field", "name": "language", "is": "es"}, {}, False),
    ({"type": "field", "name": "name", "is": "👍"}, {"name": "👎"}, False),
    ({"type": "field", "name": "name", "is": "!"}, {"name": "?"}, False),
    ({"type": "field", "name": "username", "empty": True}, {"username": " "}, True),
    ({"type": "field", "name": "phone", "empty": False}, {"phone": ""}, False),
    ({"type": "label", "label": "VIP"}, {}, True),
    ({"type": "label", "label": "vip"}, {}, False),
    ({"type": "label", "label": "Novo", "has": False}, {}, True),
]


@pytest.mark.parametrize(("condition", "answer", "expected"), ANSWERS)
def test_conditions_of_answers(condition: dict[str, Any], answer: str | Answer, expected: bool) -> None:
    assert matches(condition, answer) == expected


@pytest.mark.parametrize(("condition", "facts", "expected"), FACT_CONDITIONS)
def test_conditions_of_the_contact_and_the_time(condition: dict[str, Any], facts: dict[str, Any], expected: bool) -> None:
    assert matches(condition, **facts) == expected


@pytest.mark.parametrize(
    ("kind", "answer", "condition", "expected"),
    [
        ("number", "1,234", {"type": "number", "max": 2, "variable": "valor"}, True),
        ("number", "1.234", {"type": "number", "min": 1000, "variable": "valor"}, True),
        ("date", "24/12", {"type": "date", "from": "2026-12-24", "to": "2026-12-24", "variable": "valor"}, True),
        ("text", "Rua das Flores", {"type": "keyword", "words": ["flores"], "variable": "valor"}, True),
        ("text", "AB-12", {"type": "pattern", "pattern": "^[a-z]+-", "variable": "valor"}, True),
        ("text", "Sim", {"type": "variable", "name": "valor", "is": "sim"}, True),
        ("text", "Sim!", {"type": "variable", "name": "valor", "is": "sim"}, True),
        ("text", "A+", {"type": "variable", "name": "valor", "is": "a-"}, False),
        ("text", "São Paulo", {"type": "variable", "name": "valor", "is": "sao  paulo."}, True),
        ("date", "24/12", {"type": "variable", "name": "valor", "is": "24/12/2026"}, True),
        ("cpf", "52998224725", {"type": "variable", "name": "valor", "is": "529.982.247-25"}, True),
        ("cpf", "52998224725", {"type": "variable", "name": "valor", "is": "52998224725"}, True),
        ("text", "Sim", {"type": "variable", "name": "valor", "empty": True}, False),
        ("text", "Sim", {"type": "variable", "name": "other", "empty": True}, True),
    ],
)
def test_conditions_of_variables(kind: str, answer: str, condition: dict[str, Any], expected: bool) -> None:
    sample = flow(
        ask("q", kind, "w"),
        step("w", "wait", "b"),
        step("b", "branch", cases=[{"when": condition, "next": "yes"}], otherwise=None),
        send("yes", "yes"),
    )
    assert (sent(play(sample, "oi", answer, "outra coisa")) == ["yes"]) == expected


def test_a_number_of_a_response_has_a_decimal_point() -> None:
    sample = flow(
        step("c", "call", "b", method="GET", url="https://x.com", save=[{"path": "a", "variable": "valor"}]),
        step("b", "branch", cases=[{"when": {"type": "number", "max": 2, "variable": "valor"}, "next": "yes"}], otherwise=None),
        send("yes", "yes"),
    )
    assert sent(play(sample, "oi", call_ended(play(sample, "oi").state, {"a": 1.234}))) == ["yes"]


def test_the_first_case_that_matches_wins() -> None:
    case = {"type": "keyword", "words": ["oi"]}
    sample = flow(
        step("b", "branch", cases=[{"when": case, "next": "x"}, {"when": case, "next": "y"}], otherwise="y"),
        send("x", "x"),
        send("y", "y"),
    )
    assert sent(play(sample, "oi")) == ["x"]


def test_the_kinds_of_all_pieces_of_a_burst_count() -> None:
    sample = flow(
        step("b", "branch", cases=[{"when": {"type": "kind", "kinds": ["image"]}, "next": "x"}], otherwise=None), send("x", "x")
    )
    assert sent(play(sample, answered(Answer("image"), "veja"))) == ["x"]


@pytest.mark.parametrize("pattern", ["(", "[", "(?<=a)b", "(a)\\1", "(a{1000}){1000}", "(((((a{100}){100}){100}){100}){100})", "*"])
def test_a_pattern_that_re2_does_not_read_is_refused_with_a_reason(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match=r"\w"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*a){20}", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_catastrophic_pattern_takes_no_time(pattern: str) -> None:
    before = process_time()
    is_found(pattern, "a" * 4095 + "!")
    assert process_time() - before < 1


def seconds_of_turn(branches: int, condition: dict[str, Any]) -> float:
    """Returns the processor time of a turn through so many branches with 20 cases each, none of which matches a long answer."""
    buttons_first = send("s", "?", "b0") | {"message": buttons("?", c="Sim")}
    chain = [
        step(f"b{index}", "branch", cases=[{"when": condition, "next": None}] * 20, otherwise=f"b{index + 1}")
        for index in range(branches - 1)
    ]
    last = step(f"b{branches - 1}", "branch", cases=[{"when": condition, "next": None}], otherwise=None)
    sample, answer = flow(*chain, last, buttons_first), "a 10/10 de " * 370
    play(sample, answer)
    times = []
    for _ in range(3):
        before = process_time()
        play(sample, answer)
        times.append(process_time() - before)
    return min(times)


@pytest.mark.parametrize(
    "condition",
    [{"type": "choice", "id": "c"}, {"type": "number", "min": 10**9}, {"type": "date", "from": "2099-01-01"}],
)
def test_a_long_answer_is_read_once_for_all_cases(condition: dict[str, Any]) -> None:
    assert seconds_of_turn(90, condition) < 30 * seconds_of_turn(2, condition)
