"""A trial: the conversation of a made-up customer with a flow, and what pages show of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.flows.flow import read_flow
from bots.flows.starters import STARTERS
from bots.flows.turns.events import Facts
from bots.models import Bot
from bots.publishing.tests.conftest import MENU, NOON, flow, text
from bots.trials.line_display import show_lines
from bots.trials.message_display import show_message
from bots.trials.trial import Trial
from bots.trials.tryout import (
    MAX_LINES,
    Surroundings,
    attach,
    dump_tryout,
    load_tryout,
    move_clock,
    run_script,
    start_tryout,
    tap,
    write,
)
from cloud_api import messages
from organizations.models import Organization


def facts_at(at: datetime) -> Facts:
    return Facts(today=at.date(), first_name="Maria", name="Maria Silva", is_open=True)


def begin(document: dict[str, Any] | None = None, **options: Any) -> Trial:
    return Trial(read_flow(document or flow()), facts_at, NOON, **options)


def said(trial: Trial) -> list[str]:
    """Returns the lines in short: `> ` before what the customer wrote."""
    marks = {"customer": "> ", "bot": "", "notice": "* "}
    return [f"{marks[line.side]}{line.bubble.words if line.bubble else line.words}" for line in show_lines(trial)]


def test_the_flow_answers_and_says_why() -> None:
    trial = begin()
    write(trial, "oi")
    tap(trial, 1, "hours")

    assert said(trial)[:4] == ["> oi", "Olá, Maria!", "> Horário", "Estamos abertos."]
    assert show_lines(trial)[1].trace == "Step 1, Boas-vindas: because the conversation began"
    assert show_lines(trial)[3].step == "yes"
    assert [choice.title for choice in show_lines(trial)[1].bubble.choices] == ["Pedido", "Horário"]  # type: ignore[union-attr]
    assert trial.step == ""


@pytest.mark.parametrize(("line", "choice"), [(0, "hours"), (1, "nothing"), (7, "hours"), (-1, "hours")])
def test_only_buttons_that_were_sent_can_be_tapped(line: int, choice: str) -> None:
    trial = begin()
    write(trial, "oi")

    tap(trial, line, choice)

    assert said(trial) == ["> oi", "Olá, Maria!"]


def waits_for_call(trial: Trial) -> bool:
    return trial.call is not None


def test_a_web_call_waits_for_the_person_who_tries() -> None:
    trial = begin()
    write(trial, "oi")
    tap(trial, 1, "order")
    write(trial, "1234")
    assert waits_for_call(trial)
    write(trial, "alô?")
    assert said(trial)[-1] == "* The bot still waits for the web call."

    trial.end_call(ok=True)

    assert "O pedido 1234 está a caminho." in said(trial)
    assert not waits_for_call(trial)
    assert trial.variables["order"] == "1234"
    assert any("https://example.com/orders/1234" in line for line in said(trial))


def test_a_web_call_that_fails_takes_its_branch() -> None:
    trial = begin()
    write(trial, "oi")
    tap(trial, 1, "order")
    write(trial, "1234")

    trial.end_call(ok=False)

    assert trial.is_handed_over
    assert "Note for the person: Escreveu outra coisa" in said(trial)[-1]


def test_after_a_hand_over_the_bot_is_silent_until_the_next_session() -> None:
    trial = begin()
    write(trial, "oi")
    write(trial, "quero falar com um atendente")
    assert trial.is_handed_over
    write(trial, "alguém?")
    assert said(trial)[-1] == "* A person is in charge: the bot does not answer."

    trial.move_to(trial.now + timedelta(hours=25))
    write(trial, "oi de novo")

    assert said(trial)[-1] == "Olá, Maria!"
    assert "* A new conversation begins, because the last message is more than 24 hours ago." in said(trial)


def timer_of(trial: Trial) -> datetime | None:
    return trial.timer


def test_time_passes_and_timers_end() -> None:
    trial = begin()
    write(trial, "oi")
    assert timer_of(trial) == NOON + timedelta(minutes=30)

    trial.move_to(NOON + timedelta(minutes=29))
    assert trial.step == "choice"
    trial.move_to(NOON + timedelta(minutes=60))

    assert said(trial)[2:4] == ["* The time for an answer is over.", "Até logo!"]
    assert trial.lines[3].at == NOON + timedelta(minutes=30)
    assert (trial.now, timer_of(trial)) == (NOON + timedelta(minutes=60), None)


def test_a_flow_that_continues_keeps_its_state_in_the_next_session() -> None:
    steps = [dict(step) for step in MENU]
    steps[1].pop("timeout")
    for continues in (True, False):
        trial = begin(flow(*steps, continues=continues))
        write(trial, "oi")
        trial.move_to(NOON + timedelta(hours=30))
        write(trial, "Horário")
        assert ("Estamos abertos." in said(trial)) is continues


def test_labels_and_fields_are_known_to_later_steps() -> None:
    trial = begin(
        flow(
            {"id": "a", "type": "label", "add": ["VIP"], "next": "b"},
            {"id": "b", "type": "set", "target": "field", "name": "name", "value": "Ana Souza", "next": "c"},
            {
                "id": "c",
                "type": "branch",
                "cases": [{"when": {"type": "label", "label": "VIP", "has": True}, "next": "d"}],
                "otherwise": "e",
            },
            {"id": "d", "type": "wait", "next": "e"},
            text("e", "Olá, {{name}}"),
        )
    )
    write(trial, "oi")
    assert trial.step == "d"
    write(trial, "oi")

    assert "Olá, Ana Souza" in said(trial)
    assert trial.labels == frozenset({"VIP"})
    assert "* Label added: VIP" in said(trial)
    assert "* Stored in the contact: name = Ana Souza" in said(trial)


def test_a_consent_is_shown_and_not_recorded() -> None:
    trial = begin(flow({"id": "a", "type": "consent", "decision": "withdrawn", "purpose": "service", "next": "b"}, text("b", "Ok")))
    write(trial, "oi")

    assert said(trial)[1:3] == ["* Consent, not recorded here: Withdrew: Service messages", "Ok"]


def test_a_split_is_drawn_by_the_seed_alone() -> None:
    shares = [{"percent": 50, "next": "x"}, {"percent": 50, "next": "y"}]
    document = flow({"id": "a", "type": "split", "shares": shares}, text("x", "X"), text("y", "Y"))
    drawn = []
    for index in range(40):
        trials = [begin(document, seed=str(index)) for _ in range(2)]
        for trial in trials:
            write(trial, "oi")
        assert said(trials[0]) == said(trials[1])
        drawn.append(said(trials[0])[1])

    assert 8 < drawn.count("X") < 32


def test_a_script_runs_a_whole_conversation() -> None:
    trial = begin()

    run_script(trial, "oi\n\nPedido\nabc\n12\n+30\n[image]\n+x\n")

    assert said(trial)[:7] == [
        "> oi",
        "Olá, Maria!",
        "> Pedido",
        "Qual o número do pedido?",
        "> abc",
        "Só o número, por favor.",
        "> 12",
    ]
    assert "O pedido 12 está a caminho." in said(trial)
    assert "> Photo" in said(trial)
    assert "> +x" in said(trial)


def test_unknown_kinds_and_empty_texts_are_ignored() -> None:
    trial = begin()
    attach(trial, "poll")
    write(trial, " \n ")

    assert trial.lines == []


@pytest.mark.parametrize(
    ("message", "words", "rest"),
    [
        (messages.text("Oi"), "Oi", {}),
        (messages.cta_url("Veja", "Abrir", "https://example.com/"), "Veja", {"label": "Abrir", "url": "https://example.com/"}),
        (messages.location_request("Onde?"), "Onde?", {"icon": "map-pin"}),
        (messages.media("image", link="https://example.com/a/pao.jpg", caption="Pão"), "pao.jpg\nPão", {"icon": "image"}),
        (messages.template("oferta", "pt_BR"), "Message template oferta", {"icon": "file-text"}),
        (
            messages.list_message("Escolha", "Ver", [messages.Section("", [messages.Choice("a", "Pão", "quente")])]),
            "Escolha",
            {"list_button": "Ver"},
        ),
    ],
)
def test_each_kind_of_message_is_shown(message: dict[str, Any], words: str, rest: dict[str, str]) -> None:
    shown = show_message(message)

    assert shown.words == words
    assert {name: getattr(shown, name) for name in rest} == rest


# ---- Properties ----

ACTIONS = st.one_of(
    st.tuples(
        st.just("write"), st.text(max_size=40) | st.sampled_from(["oi", "1234", "atendente", "ana@example.com", "10/12/2026"])
    ),
    st.tuples(st.just("tap"), st.integers(0, 60)),
    st.tuples(st.just("attach"), st.sampled_from(["image", "audio", "location", "poll"])),
    st.tuples(st.just("move"), st.integers(0, 3_000)),
    st.tuples(st.just("call"), st.booleans()),
    st.tuples(st.just("ai"), st.sampled_from(["", "done", "entrega", "preco"])),
)


def act(trial: Trial, kind: str, value: Any) -> None:
    if kind == "write":
        write(trial, value)
    elif kind == "tap":
        choices = show_message(trial.lines[value].message).choices if value < len(trial.lines) else ()
        for choice in choices[:1]:
            tap(trial, value, choice.id)
    elif kind == "attach":
        attach(trial, value)
    elif kind == "move":
        move_clock(trial, value)
    elif kind == "call":
        trial.end_call(ok=value)
    else:
        trial.end_ai(ok=bool(value), branch=value)


@pytest.mark.parametrize("key", STARTERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=25))
def test_a_conversation_goes_on_in_every_page_as_without_pages(key: str, actions: list[tuple[str, Any]]) -> None:
    """The state that a page keeps is complete: a trial that is stored after each action goes as one that never is."""
    read = STARTERS[key].read()
    bot, around = Bot(pk=1, key="a"), Surroundings(Organization(organization_name="Padaria"), {})
    whole = start_tryout(bot=bot, flow=read, around=around, now=NOON, seed="x", is_open=True)
    token = dump_tryout(whole, bot=bot)
    for action in actions:
        kept = load_tryout(token, bot=bot, flow=read, around=around)
        assert kept is not None
        act(whole.trial, *action)
        act(kept.trial, *action)
        token, _ = dump_tryout(kept, bot=bot), dump_tryout(whole, bot=bot)
        assert show_lines(kept.trial) == show_lines(whole.trial)
        assert (kept.trial.state, kept.trial.now) == (whole.trial.state, whole.trial.now)
        assert len(kept.trial.lines) <= MAX_LINES
