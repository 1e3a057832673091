"""The flows to start from, as a customer meets them."""

import pytest

from bots.flows.checks.flow_checks import check_flow
from bots.flows.starters import FOLDER, STARTERS
from bots.flows.tests.sample_flows import call_ended, only, play, sent, tapped
from bots.flows.turns.actions import AddLabels, Call, HandOver, SetField
from bots.flows.turns.interpreter import run


@pytest.mark.parametrize("key", STARTERS)
def test_a_starter_is_free_of_problems(key: str) -> None:
    assert check_flow(STARTERS[key].read()) == []
    assert STARTERS[key].title
    assert STARTERS[key].description


def test_every_file_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(STARTERS)


def test_the_menu_answers_buttons_and_words() -> None:
    menu = STARTERS["menu"].read()
    assert sent(play(menu, "oi")) == ["Olá! 👋 Você está falando com Padaria Sol.", "Como podemos ajudar?"]
    tapped_turn, typed = play(menu, "oi", tapped("precos", "Preços")), play(menu, "oi", "quanto custa?")
    assert sent(tapped_turn) == sent(typed)
    assert sent(typed)[0].startswith("Nossos preços")
    assert "seg a sex" in sent(play(menu, "oi", "onde fica?"))[0]
    assert only(play(menu, "oi", tapped("pessoa", "Falar com uma pessoa")), HandOver).reason == "step"


def test_the_menu_calls_a_person_when_it_does_not_understand_twice() -> None:
    menu = STARTERS["menu"].read()
    assert sent(play(menu, "oi", "xyz"))[0].startswith("Desculpe")
    assert only(play(menu, "oi", "xyz", "abc"), HandOver).reason == "step"


def test_the_order_status_comes_from_a_web_call() -> None:
    status = STARTERS["order_status"].read()
    calling = play(status, "oi", "é o 12345")
    assert only(calling, Call).url == "https://www.example.com/api/pedidos/12345"
    example = status.steps["consulta"]["example"]
    assert sent(run(status, calling.state, call_ended(calling.state, example)))[0].startswith(
        "O pedido 12345 está assim: *a caminho*"
    )
    assert sent(run(status, calling.state, call_ended(calling.state, {})))[0] == "Não encontrei o pedido 12345."
    failed = run(status, calling.state, call_ended(calling.state, {}, ok=False))
    assert only(failed, HandOver).note == "Pedido 12345. Situação no sistema:"


def test_the_booking_request_reaches_the_team() -> None:
    booking = STARTERS["booking"].read()
    answers = [tapped("consulta", "Consulta"), "24/12", tapped("tarde", "Tarde"), "Ana Souza"]
    summary = play(booking, "oi", *answers)
    assert "• Dia: 24/12/2026\n• Período: Tarde\n• Nome: Ana Souza" in sent(summary)[0]
    turn = run(booking, summary.state, tapped("confirmo", "Confirmar"))
    assert only(turn, AddLabels).names == ("Agendamento",)
    assert only(turn, HandOver).note == "Agendamento: Consulta, dia 24/12/2026, Tarde, para Ana Souza."
    assert sent(play(booking, "oi", tapped("consulta", "Consulta"), "25/11/2026"))[0].startswith("Não entendi a data")


def test_a_lead_is_stored_and_passed_on() -> None:
    lead = STARTERS["lead"].read()
    named = play(lead, "oi", "Ana Souza")
    assert only(named, SetField) == SetField("name", "Ana Souza")
    turn = play(lead, "oi", "Ana Souza", "ana@x.com", tapped("comprar", "Comprar"))
    assert only(turn, HandOver).note == "Ana Souza, ana@x.com. Procura: Comprar."
