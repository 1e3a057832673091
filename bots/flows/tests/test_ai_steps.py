"""Steps at which a flow asks an AI: when it asks, and where it goes on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bots.flows.flow import Flow
from bots.flows.tests.sample_flows import (
    ai_ended,
    answered,
    flow,
    only,
    play,
    send,
    sent,
    step,
    text,
    timed_out,
)
from bots.flows.turns.actions import AddLabels, AskAi, End, FellThrough, HandOver, Send, SetField, Turn
from bots.flows.turns.events import DONE
from bots.flows.turns.interpreter import run


def ai_answer(step_id: str = "ai", following: str | None = None, **fields: Any) -> dict[str, Any]:
    words = {"instructions": "Responda sobre entregas.", "until": "o cliente disser o endereço"}
    return step(step_id, "ai_answer", following, ai="sol", **words) | fields


def ai_branch(step_id: str = "choice", otherwise: str | None = None, **targets: str) -> dict[str, Any]:
    branches = [{"name": name, "description": f"Fala de {name}", "next": target} for name, target in targets.items()]
    return {"id": step_id, "type": "ai_branch", "ai": "sol", "question": "Do que se trata?", "branches": branches} | (
        {"otherwise": otherwise} if otherwise else {}
    )


FREE = flow(ai_answer(following="bye", failed="sorry", max_answers=2), send("bye", "Tchau"), send("sorry", "Não deu"))
CHOICE = flow(
    ai_branch(entrega="delivery", preco="price", otherwise="sorry"),
    send("delivery", "Entregamos hoje"),
    send("price", "R$ 10"),
    send("sorry", "Não entendi"),
)


def asked(sample: Flow, *events: Any) -> Turn:
    turn = play(sample, *events)
    assert only(turn, AskAi).call_id == turn.state["call_id"]
    return turn


def then(sample: Flow, turn: Turn, *texts: str, **fields: Any) -> Turn:
    """Returns what follows when the AI answers the question of this turn."""
    return run(sample, turn.state, ai_ended(turn.state, *texts, **fields))


# Answer freely


def test_an_ai_answers_the_message_that_leads_to_its_step() -> None:
    question = asked(FREE, "Entregam na Asa Norte?")
    action = only(question, AskAi)
    assert (action.ai, action.step, action.branches) == ("sol", "ai", ())
    assert (action.instructions, action.until) == ("Responda sobre entregas.", "o cliente disser o endereço")
    assert question.state["waits_for"] == "ai"

    answer = then(FREE, question, "Sim.", "Qual o endereço?")

    assert sent(answer) == ["Sim.", "Qual o endereço?"]
    assert [action.trace["because"] for action in answer.actions if isinstance(action, Send)] == ["ai", "ai"]
    assert answer.state["waits_for"] == "answer"


def test_an_ai_waits_for_the_next_message_where_the_flow_has_said_something() -> None:
    sample = flow(send("hello", "Olá! Pergunte.", "ai"), ai_answer(following=None))
    turn = play(sample, "oi")
    assert sent(turn) == ["Olá! Pergunte."]
    assert turn.state["waits_for"] == "answer"
    only(run(sample, turn.state, answered("Entregam?")), AskAi)


def test_each_message_of_the_customer_asks_the_ai_again() -> None:
    turn = then(FREE, asked(FREE, "oi"), "Olá")
    again = run(FREE, turn.state, answered("e amanhã?"))
    assert only(again, AskAi).call_id != turn.state["call_id"]


def test_a_message_while_the_ai_thinks_asks_anew_and_the_first_answer_is_ignored() -> None:
    first = asked(FREE, "oi")
    second = run(FREE, first.state, answered("entregam hoje?"))
    assert only(second, AskAi).call_id != first.state["call_id"]

    late = run(FREE, second.state, ai_ended(first.state, "Olá"))

    assert late.actions == ()
    assert late.state == second.state
    assert sent(then(FREE, second, "Sim")) == ["Sim"]


def test_an_answer_is_applied_once() -> None:
    question = asked(FREE, "oi")
    answer = then(FREE, question, "Olá")
    assert run(FREE, answer.state, ai_ended(question.state, "Olá")).actions == ()


def test_the_path_goes_on_when_the_ai_says_that_it_is_done() -> None:
    answer = then(FREE, asked(FREE, "Rua 7"), "Anotado!", branch=DONE)
    assert sent(answer) == ["Anotado!", "Tchau"]
    assert [action.trace["because"] for action in answer.actions if isinstance(action, Send)] == ["ai", "ai_done"]


def test_after_the_last_answer_the_next_message_takes_the_path_of_a_failure() -> None:
    turn = then(FREE, asked(FREE, "um"), "1")
    turn = then(FREE, run(FREE, turn.state, answered("dois")), "2")
    assert turn.state["waits_for"] == "answer"
    assert sent(run(FREE, turn.state, answered("três"))) == ["Não deu"]


def test_a_failure_takes_its_path_or_calls_a_person() -> None:
    assert sent(then(FREE, asked(FREE, "oi"), ok=False, failure="ai_limit")) == ["Não deu"]
    alone = flow(ai_answer())
    person = only(then(alone, asked(alone, "oi"), ok=False, failure="ai_refused", note="Recusou"), HandOver)
    assert (person.reason, person.note, person.step) == ("ai_refused", "Recusou", "ai")


def test_more_messages_than_an_answer_may_have_are_a_failure() -> None:
    turn = then(FREE, asked(FREE, "oi"), "1", "2", "3", "4")
    assert sent(turn) == ["Não deu"]


def test_an_ai_that_calls_a_person_hands_over_with_its_note_whatever_the_paths() -> None:
    turn = then(FREE, asked(FREE, "oi"), "Vou chamar alguém.", hands_over=True, note="Quer desconto")
    assert sent(turn) == ["Vou chamar alguém."]
    person = only(turn, HandOver)
    assert (person.reason, person.note) == ("ai", "Quer desconto")
    assert turn.state["ended"]


def test_an_answer_without_messages_waits_for_the_customer() -> None:
    turn = then(FREE, asked(FREE, "obrigado"))
    assert sent(turn) == []
    assert turn.state["waits_for"] == "answer"


@pytest.mark.parametrize("waits", [True, False])
def test_a_person_word_hands_over_also_while_the_ai_thinks(waits: bool) -> None:
    turn = asked(FREE, "oi")
    if waits:
        turn = then(FREE, turn, "Olá")
    assert only(run(FREE, turn.state, answered("quero um atendente")), HandOver).reason == "asked"


def test_labels_and_the_name_that_an_ai_gives_are_known_to_later_steps() -> None:
    when = {"type": "label", "label": "Entrega", "has": True}
    sample = flow(
        ai_answer(following="b"),
        {"id": "b", "type": "branch", "cases": [{"when": when, "next": "yes"}], "otherwise": None},
        send("yes", "Oi {{first_name}}"),
    )
    turn = then(sample, asked(sample, "oi"), branch=DONE, labels_to_add=frozenset({"Entrega"}), name="Rita Lima")
    assert sent(turn) == ["Oi Rita"]
    assert only(turn, AddLabels).names == ("Entrega",)
    assert only(turn, SetField) == SetField("name", "Rita Lima")


def test_reminder_and_time_out_run_while_the_customer_is_silent_and_not_while_the_ai_thinks() -> None:
    fields: dict[str, Any] = {"reminder": {"minutes": 5, "message": text("Ainda aí?")}, "timeout": {"minutes": 10, "next": "bye"}}
    sample = flow(ai_answer(**fields), send("bye", "Tchau"))
    question = asked(sample, "oi")
    assert question.state["timer"] is None
    waiting = then(sample, question, "Olá")
    reminded = run(sample, waiting.state, timed_out(5))
    assert sent(reminded) == ["Ainda aí?"]
    assert sent(run(sample, reminded.state, timed_out(10))) == ["Tchau"]


def test_a_path_that_comes_back_to_the_step_waits_for_the_customer() -> None:
    sample = flow(ai_answer(following="ai"))
    turn = then(sample, asked(sample, "oi"), branch=DONE)
    assert not [action for action in turn.actions if isinstance(action, AskAi)]
    assert turn.state["waits_for"] == "answer"
    assert turn.state["ai_answers"] == 0


# Choose a branch


@pytest.mark.parametrize(("name", "words"), [("entrega", "Entregamos hoje"), ("preco", "R$ 10")])
def test_the_branch_that_the_ai_chooses_is_taken(name: str, words: str) -> None:
    question = asked(CHOICE, "quanto custa?")
    assert only(question, AskAi).branches == (("entrega", "Fala de entrega"), ("preco", "Fala de preco"))
    assert only(question, AskAi).instructions == "Do que se trata?"
    turn = then(CHOICE, question, branch=name)
    assert sent(turn) == [words]
    assert only(turn, Send).trace["because"] == "ai_branch"
    assert only(turn, Send).trace["detail"] == name


@pytest.mark.parametrize("fields", [{"branch": ""}, {"branch": "outra"}, {"branch": DONE}, {"ok": False, "branch": "preco"}])
def test_an_ai_that_is_unsure_or_fails_takes_the_other_path(fields: Mapping[str, Any]) -> None:
    turn = then(CHOICE, asked(CHOICE, "hmm"), **fields)
    assert sent(turn) == ["Não entendi"]
    assert only(turn, FellThrough).step == "choice"


@pytest.mark.parametrize(("fields", "reason"), [({}, "retries"), ({"ok": False, "failure": "ai_paused"}, "ai_paused")])
def test_without_the_other_path_a_person_is_called(fields: Mapping[str, Any], reason: str) -> None:
    sample = flow(ai_branch(entrega="end", preco="end"), step("end", "end"))
    assert only(then(sample, asked(sample, "hmm"), **fields), HandOver).reason == reason


def test_an_ai_that_chooses_sends_nothing() -> None:
    turn = then(CHOICE, asked(CHOICE, "quanto?"), "Custa dez.", branch="preco", name="Rita", labels_to_add=frozenset({"VIP"}))
    assert sent(turn) == ["R$ 10"]
    assert not [action for action in turn.actions if isinstance(action, AddLabels | SetField)]
    assert sent(then(CHOICE, asked(CHOICE, "quanto?"), *"12345", branch="preco")) == ["R$ 10"]


def test_a_message_while_the_ai_chooses_is_part_of_the_question() -> None:
    first = asked(CHOICE, "oi")
    second = run(CHOICE, first.state, answered("quanto custa?"))
    assert run(CHOICE, second.state, ai_ended(first.state, branch="entrega")).actions == ()
    assert sent(then(CHOICE, second, branch="preco")) == ["R$ 10"]


def test_the_message_whose_branch_was_chosen_is_answered_by_the_ai_of_that_branch() -> None:
    sample = flow(ai_branch(entrega="ai", preco="end"), ai_answer(), step("end", "end"))
    turn = then(sample, asked(sample, "Entregam na Asa Norte?"), branch="entrega")
    assert only(turn, AskAi).step == "ai"


def test_a_branch_without_a_step_ends_the_flow() -> None:
    sample = flow({**ai_branch(a="x", b="y"), "branches": [{"name": each, "description": each} for each in "ab"]})
    assert only(then(sample, asked(sample, "oi"), branch="b"), End) == End()


def test_a_state_of_a_step_that_is_no_longer_there_begins_again() -> None:
    question = asked(FREE, "oi")
    other = flow(send("ai", "Olá"))
    assert sent(run(other, question.state, answered("oi"))) == ["Olá"]
    assert run(other, question.state, replace(ai_ended(question.state), branch=DONE)).actions == ()
