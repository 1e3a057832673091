"""Trials with steps that ask an AI: no model is asked, the example of the step answers."""

from datetime import timedelta
from typing import Any

import pytest

from bots.flows.flow import read_flow
from bots.flows.turns.events import DONE, Facts
from bots.models import AutomaticMessages, Bot
from bots.publishing.tests.conftest import NOON, flow, text
from bots.trials.line_display import show_lines
from bots.trials.trial import Trial
from bots.trials.tryout import Surroundings, dump_tryout, load_tryout, move_clock, run_script, start_tryout, write
from organizations.models import Organization

FREE: dict[str, Any] = {
    "id": "ai",
    "type": "ai_answer",
    "ai": "sol",
    "instructions": "Responda sobre entregas.",
    "until": "o cliente disser o endereço",
    "max_answers": 2,
    "example": ["Entregamos hoje.", "Qual o endereço?"],
    "next": "bye",
    "failed": "sorry",
}
CHOICE: dict[str, Any] = {
    "id": "choice",
    "type": "ai_branch",
    "ai": "sol",
    "question": "Do que se trata?",
    "branches": [{"name": name, "description": name, "next": name} for name in ("entrega", "preco")],
    "example": "preco",
    "otherwise": "sorry",
}
BYE, SORRY = text("bye", "Tchau"), text("sorry", "Não deu")


def begin(*steps: dict[str, Any], **options: Any) -> Trial:
    def facts_at(at: Any) -> Facts:
        return Facts(today=at.date(), first_name="Maria", is_open=True)

    return Trial(read_flow(flow(*steps)), facts_at, NOON, **options)


def said(trial: Trial) -> list[str]:
    marks = {"customer": "> ", "bot": "", "notice": "* "}
    return [f"{marks[line.side]}{line.bubble.words if line.bubble else line.words}" for line in show_lines(trial)]


def test_the_example_answers_and_the_line_says_that_no_ai_was_asked() -> None:
    trial = begin(FREE, BYE, SORRY)
    write(trial, "entregam?")
    assert said(trial)[1:] == ["* Question to an AI, not asked here: sol"]
    trial.end_ai(ok=True, branch="")
    assert said(trial)[2:] == ["* The AI answers with the example of the step.", "Entregamos hoje.", "Qual o endereço?"]
    assert show_lines(trial)[-1].trace == "Step 1: because the AI answered"
    write(trial, "Rua 7")
    trial.end_ai(ok=True, branch=DONE)
    assert said(trial)[-2:] == ["Tchau", "* The flow has ended. The next message begins it again."]


@pytest.mark.parametrize(("steps", "last"), [((FREE, BYE, SORRY), "Não deu"), ((FREE | {"failed": None}, BYE), "* Handed over")])
def test_an_ai_that_fails_takes_its_path_or_calls_a_person(steps: tuple[dict[str, Any], ...], last: str) -> None:
    trial = begin(*steps)
    write(trial, "entregam?")
    trial.end_ai(ok=False, branch="")
    assert any(line.startswith(last) for line in said(trial))
    assert not trial.question


def test_the_customer_may_write_while_the_ai_thinks() -> None:
    trial = begin(FREE, BYE, SORRY)
    write(trial, "oi")
    write(trial, "entregam?")
    assert said(trial).count("* Question to an AI, not asked here: sol") == 2
    trial.end_ai(ok=True, branch="")
    assert said(trial).count("Entregamos hoje.") == 1


def test_a_person_word_ends_the_question() -> None:
    trial = begin(FREE, BYE, SORRY)
    write(trial, "oi")
    write(trial, "atendente")
    before = said(trial)
    trial.end_ai(ok=True, branch="")
    assert said(trial) == before


@pytest.mark.parametrize(
    ("branch", "words"), [("entrega", "Hoje"), ("preco", "R$ 10"), ("", "Não deu"), ("outra", "Não deu"), (DONE, "Não deu")]
)
def test_the_chosen_path_is_taken(branch: str, words: str) -> None:
    trial = begin(CHOICE, text("entrega", "Hoje"), text("preco", "R$ 10"), SORRY)
    write(trial, "quanto custa?")
    trial.end_ai(ok=True, branch=branch)
    assert words in said(trial)


def test_a_script_and_a_dry_run_use_the_examples() -> None:
    trial = begin(CHOICE | {"branches": [{"name": "preco", "description": "x", "next": "ai"}, CHOICE["branches"][0]]}, FREE,
                  text("entrega", "Hoje"), BYE, SORRY)  # fmt: skip
    run_script(trial, "quanto custa?\ne amanhã?\ne depois?")
    assert said(trial).count("Entregamos hoje.") == 2
    assert "Não deu" in said(trial)


def test_an_ai_without_an_example_says_nothing_and_one_that_chooses_is_unsure() -> None:
    trial = begin({**FREE, "example": []}, BYE, SORRY, answers_calls=True)
    write(trial, "oi")
    assert said(trial)[-1] == "* The AI answers. The step has no example of an answer."
    trial = begin({**CHOICE, "example": ""}, text("entrega", "1"), text("preco", "2"), SORRY, answers_calls=True)
    write(trial, "oi")
    assert "* The AI is unsure." in said(trial)


# Automatic messages of the number


def greeting(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def around(**columns: Any) -> Surroundings:
    automatic = AutomaticMessages(number_id=7, **columns)
    return Surroundings(Organization(organization_name="Padaria"), {7: automatic}, number_id=7)


GREETING = {"greeting": greeting("Oi, {{first_name}}!"), "greeting_is_on": True}
AWAY = {"away": greeting("Estamos fechados."), "away_is_on": True}
REMINDER = {"reminder": greeting("Ainda precisa de algo?"), "reminder_is_on": True, "reminder_minutes": 60}
WAIT = {"id": "w", "type": "wait", "next": "bye"}


def tried(*steps: dict[str, Any], surroundings: Surroundings, is_open: bool = True, **settings: Any) -> Trial:
    read = read_flow(flow(*steps, **settings))
    return start_tryout(
        bot=Bot(pk=1, key="a"), flow=read, around=surroundings, now=NOON, seed="x", is_open=is_open
    ).trial  # fmt: skip


def test_the_greeting_comes_before_the_bot_once_in_a_session_unless_the_bot_greets() -> None:
    trial = tried(text("a", "Sou o robô.", "w"), WAIT, BYE, surroundings=around(**GREETING), greets=False)
    write(trial, "oi")
    write(trial, "tudo bem?")
    assert said(trial) == [
        "> oi",
        "Oi, Maria!",
        "Sou o robô.",
        "> tudo bem?",
        "Tchau",
        "* The flow has ended. The next message begins it again.",
    ]
    assert show_lines(trial)[1].trace == "Automatic message: greeting"
    trial.move_to(trial.now + timedelta(hours=25))
    write(trial, "oi")
    assert said(trial).count("Oi, Maria!") == 2

    trial = tried(text("a", "Sou o robô."), surroundings=around(**GREETING))
    write(trial, "oi")
    assert "Oi, Maria!" not in said(trial)


def test_outside_business_hours_the_away_message_comes_first_also_while_a_person_is_awaited() -> None:
    trial = tried(text("a", "Sou o robô."), surroundings=around(**AWAY), is_open=False)
    write(trial, "oi")
    assert said(trial)[1:3] == ["Estamos fechados.", "Sou o robô."]
    person = {"id": "p", "type": "hand_over"}
    trial = tried(person, surroundings=around(**AWAY, handed_over_is_on=False), is_open=True)
    write(trial, "oi")
    trial.facts_at = around(**AWAY).facts_at(AutomaticMessages(), False)
    write(trial, "alguém?")
    assert said(trial)[-2:] == ["Estamos fechados.", "* A person is in charge: the bot does not answer."]


def test_the_reminder_comes_before_the_window_closes_if_the_last_message_is_ours() -> None:
    trial = tried(text("a", "Sou o robô.", "w"), WAIT, BYE, surroundings=around(**REMINDER))
    write(trial, "oi")
    move_clock(trial, 22 * 60)
    assert "Ainda precisa de algo?" not in said(trial)
    move_clock(trial, 3 * 60)
    assert said(trial)[-1] == "Ainda precisa de algo?"
    assert trial.lines[-1].at == NOON + timedelta(hours=23)
    move_clock(trial, 60 * 24)
    assert said(trial).count("Ainda precisa de algo?") == 1

    trial = tried(WAIT, BYE, surroundings=around(**REMINDER))
    write(trial, "oi")
    move_clock(trial, 24 * 60)
    assert "Ainda precisa de algo?" not in said(trial)


def test_whoever_waits_for_a_person_is_not_reminded() -> None:
    trial = tried({"id": "p", "type": "hand_over"}, surroundings=around(**REMINDER))
    write(trial, "oi")
    move_clock(trial, 24 * 60)
    assert "Ainda precisa de algo?" not in said(trial)


@pytest.mark.parametrize(("number_id", "greets"), [(None, True), (7, True), (0, False), (8, False)])
def test_the_number_is_the_one_that_was_chosen_also_on_the_next_page(number_id: int | None, greets: bool) -> None:
    bot, read, surroundings = Bot(pk=1, key="a"), read_flow(flow(text("a", "Sou o robô."), greets=False)), around(**GREETING)
    started = start_tryout(bot=bot, flow=read, around=surroundings, now=NOON, seed="x", is_open=True, number_id=number_id)
    kept = load_tryout(dump_tryout(started, bot=bot), bot=bot, flow=read, around=surroundings)
    assert kept
    write(kept.trial, "oi")
    assert ("Oi, Maria!" in said(kept.trial)) is greets


def test_the_words_of_the_number_call_a_person() -> None:
    trial = tried(WAIT, BYE, surroundings=around(person_words=["socorro"]))
    write(trial, "socorro")
    assert trial.is_handed_over


def test_a_page_keeps_a_question_to_an_ai_and_what_the_session_has_had() -> None:
    bot, surroundings = Bot(pk=1, key="a"), around(**GREETING, **REMINDER)
    read = read_flow(flow(CHOICE, text("entrega", "Hoje"), text("preco", "R$ 10"), SORRY, greets=False))
    started = start_tryout(bot=bot, flow=read, around=surroundings, now=NOON, seed="x", is_open=True)
    write(started.trial, "quanto?")
    kept = load_tryout(dump_tryout(started, bot=bot), bot=bot, flow=read, around=surroundings)
    assert kept
    assert kept.trial.question == started.trial.question
    assert kept.trial.sent_kinds == {"greeting"}
    assert kept.trial.is_answered
    kept.trial.end_ai(ok=True, branch="preco")
    assert "R$ 10" in said(kept.trial)
