"""The interpreter, step by step."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bots.flows.flow import Flow
from bots.flows.tests.sample_flows import (
    FACTS,
    NOW,
    answered,
    ask,
    body_of,
    buttons,
    call_ended,
    flow,
    only,
    play,
    send,
    sent,
    step,
    tapped,
    text,
    timed_out,
)
from bots.flows.turns.actions import (
    AddLabels,
    Call,
    Came,
    End,
    FellThrough,
    HandedOver,
    HandOver,
    Left,
    RecordConsent,
    RemoveLabels,
    Send,
    SetField,
    WentOn,
)
from bots.flows.turns.events import Answer, CallEnded
from bots.flows.turns.interpreter import run

END = step("end", "end")


def kinds(actions: tuple[Any, ...]) -> list[str]:
    return [f"{type(action).__name__} {getattr(action, 'step', '')}".strip() for action in actions]


# Beginning and ending


def test_the_first_message_starts_the_flow_and_counts_each_step() -> None:
    turn = play(flow(send("a", "Oi", "b"), step("b", "wait")), "bom dia")
    assert kinds(turn.actions) == ["Came a", "Send a", "WentOn a", "Came b"]
    assert (turn.state["step"], turn.state["waits_for"], turn.state["timer"]) == ("b", "answer", None)


def test_after_the_end_the_next_message_starts_again_without_variables() -> None:
    sample = flow(ask("a", "text", "b"), send("b", "{{valor}}", "end"), END)
    ended = play(sample, "oi", "um")
    assert (ended.state["ended"], ended.state["variables"]) == (True, {"valor": "um"})
    again = play(sample, "oi", "um", "oi")
    assert (sent(again), again.state["variables"], again.state["ended"]) == (["?"], {}, False)


def test_a_path_without_a_next_step_ends_the_flow() -> None:
    turn = play(flow(send("a", "Oi")), "oi")
    assert isinstance(turn.actions[-1], End)
    assert turn.state["ended"]


def test_a_missing_step_hands_over() -> None:
    assert only(play(flow(send("a", "Oi", "gone")), "oi"), HandOver).reason == "no_step"


def test_an_event_without_messages_does_nothing() -> None:
    assert play(flow(send("a", "Oi")), answered()).actions == ()


def test_each_turn_says_why_it_sends() -> None:
    sample = flow(
        step("a", "send", "w", message=buttons("Oi", p="Preços"), title="Boas-vindas"),
        step("w", "wait", "b", timeout={"minutes": 20, "next": "late"}, reminder={"minutes": 10, "message": text("Ainda aí?")}),
        step("b", "branch", cases=[{"when": {"type": "choice", "id": "p"}, "next": "p1"}], otherwise="other"),
        send("p1", "1", "p2"),
        send("p2", "2"),
        send("other", "?"),
        send("late", "Tchau"),
    )
    traces = [
        [action.trace for action in play(sample, "oi", *events).actions if isinstance(action, Send)]
        for events in ([], [tapped("p", "Preços")], ["xyz"], [timed_out(10)], [timed_out(10), timed_out(20)])
    ]
    assert traces == [
        [{"step": 1, "title": "Boas-vindas", "because": "started", "detail": ""}],
        [
            {"step": 4, "title": "", "because": "choice", "detail": "Preços"},
            {"step": 5, "title": "", "because": "next", "detail": ""},
        ],
        [{"step": 6, "title": "", "because": "otherwise", "detail": ""}],
        [{"step": 2, "title": "", "because": "reminder", "detail": ""}],
        [{"step": 7, "title": "", "because": "timeout", "detail": ""}],
    ]


# Messages


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (text("Olá {{first_name}}, hoje é {{ today }}"), "Olá Ana, hoje é 26/11/2026"),
        (text("{{name}} {{phone}} {{organization}}"), "Ana Souza +55 61 8150-0586 Padaria Sol"),
        (text("{{hours}}, {{next_opening}}"), "seg a sex, 8h às 18h, amanhã às 8h"),
        (text("a{{unknown}}b"), "ab"),
        ({"type": "template", "name": "aviso", "language": "pt_BR", "values": ["{{name}}\n\tx", "{{unknown}}"]}, "aviso"),
        ({"type": "media", "kind": "image", "link": "https://x.com/a.png", "caption": "{{name}}"}, "Ana Souza"),
        ({"type": "link", "text": "Veja, {{first_name}}", "title": "Abrir", "url": "https://x.com"}, "Veja, Ana"),
        ({"type": "location_request", "text": "{{unknown}}"}, "…"),
        (buttons("{{unknown}}", a="A"), "…"),
    ],
)
def test_placeholders_are_filled(message: dict[str, Any], expected: str) -> None:
    assert sent(play(flow(step("a", "send", message=message)), "oi")) == [expected]


def test_values_of_a_template_have_one_line_and_are_never_empty() -> None:
    message = {"type": "template", "name": "aviso", "language": "pt_BR", "values": ["{{name}}\n\tx", "{{unknown}}"]}
    (action,) = [each for each in play(flow(step("a", "send", message=message)), "oi").actions if isinstance(each, Send)]
    values = [parameter["text"] for parameter in action.message["template"]["components"][0]["parameters"]]
    assert values == ["Ana Souza x", "…"]


def test_a_text_of_which_nothing_is_left_is_not_sent() -> None:
    assert kinds(play(flow(send("a", " {{unknown}} ")), "oi").actions) == ["Came a", "WentOn a", "End"]


@pytest.mark.parametrize(
    ("message", "most"), [(text("x" * 4000 + "{{name}}{{name}}"), 4096), (buttons("x" * 1000 + "{{name}}", a="A"), 1024)]
)
def test_long_values_are_cut_so_that_the_message_fits(message: dict[str, Any], most: int) -> None:
    facts = replace(FACTS, name="ç" * 5000)
    (body,) = sent(play(flow(step("a", "send", message=message)), answered("oi", facts=facts)))
    assert len(body) == most
    assert body.endswith("…")


def test_a_draft_whose_message_whatsapp_would_refuse_hands_over_and_stops() -> None:
    sample = flow(step("a", "send", "b", message=buttons("?", p="x" * 21)), send("b", "Oi"))
    assert kinds(play(sample, "oi").actions) == ["Came a", "HandOver a", "HandedOver a"]
    asking = flow(ask("a", "email", "b") | {"message": buttons("?", p="x" * 21)}, send("b", "Oi"))
    failed = play(asking, "oi")
    assert only(failed, HandOver).reason == "failed"
    assert (failed.state["ended"], failed.state["waits_for"]) == (True, None)


def test_the_words_of_the_number_replace_a_hand_over_message_that_whatsapp_would_refuse() -> None:
    action = only(play(flow(step("h", "hand_over", message=buttons("?", p="x" * 21))), "oi"), HandOver)
    assert (action.reason, action.message, action.file) == ("step", None, "")


def test_a_stored_file_is_named_beside_the_message() -> None:
    message = {"type": "media", "kind": "document", "file": "77", "filename": "menu.pdf"}
    action = only(play(flow(step("a", "send", message=message)), "oi"), Send)
    assert (action.file, action.message) == ("77", {"type": "document", "document": {"filename": "menu.pdf"}})


def test_a_variable_does_not_become_a_placeholder() -> None:
    sample = flow(ask("a", "text", "b"), send("b", "{{valor}}"))
    assert sent(play(sample, "oi", "{{phone}}")) == ["{{phone}}"]


# Waiting, reminders and time-outs


WAITING = flow(
    step("w", "wait", "b", timeout={"minutes": 30, "next": "late"}, reminder={"minutes": 10, "message": text("Ainda aí?")}),
    send("b", "Obrigado", "end"),
    send("late", "Até logo", "end"),
    END,
)


def test_the_reminder_comes_once_and_then_the_time_out() -> None:
    waiting = play(WAITING, "oi")
    assert (waiting.state["timer"], waiting.state["timer_is"]) == ("2026-11-26T12:10:00+00:00", "reminder")
    reminded = run(WAITING, waiting.state, timed_out(11))
    assert sent(reminded) == ["Ainda aí?"]
    assert (reminded.state["timer"], reminded.state["timer_is"]) == ("2026-11-26T12:30:00+00:00", "timeout")
    late = run(WAITING, reminded.state, timed_out(30))
    assert kinds(late.actions) == ["Left w", "Came late", "Send late", "WentOn late", "Came end", "End"]
    assert Left("w") in late.actions


def test_a_time_out_before_its_time_does_nothing() -> None:
    waiting = play(WAITING, "oi")
    early = run(WAITING, waiting.state, timed_out(9))
    assert (early.actions, early.state) == ((), waiting.state)


def test_an_answer_after_the_reminder_goes_on() -> None:
    turn = play(WAITING, "oi", timed_out(10), answered("sim", minutes=12))
    assert sent(turn) == ["Obrigado"]
    assert turn.state["timer"] is None


def test_a_timer_of_a_step_without_time_out_does_nothing() -> None:
    sample = flow(step("w", "wait"))
    state = play(sample, "oi").state | {"timer": NOW.isoformat(), "timer_is": "timeout"}
    assert run(sample, state, timed_out(5)).actions == ()


def test_a_time_far_in_the_future_does_not_stop_the_timer() -> None:
    state = play(WAITING, "oi").state | {"waits_since": "9999-12-31T23:59:59+00:00"}
    assert run(WAITING, state, timed_out(10)).state["timer"] == "2026-11-26T12:40:00+00:00"


def test_a_reminder_without_time_out_leaves_the_flow_waiting() -> None:
    sample = flow(step("w", "wait", "b", reminder={"minutes": 10, "message": text("Oi?")}), send("b", "Obrigado"))
    reminded = play(sample, "oi", timed_out(10))
    assert (reminded.state["timer"], reminded.state["timer_is"], reminded.state["waits_for"]) == (None, None, "answer")


# Questions


def test_a_valid_answer_is_stored_and_shown() -> None:
    sample = flow(ask("a", "cnpj", "b"), send("b", "{{valor}}"))
    turn = play(sample, "oi", "é 12.abc.345/01de-35")
    assert turn.state["variables"] == {"valor": "12ABC34501DE35"}
    assert sent(turn) == ["12.ABC.345/01DE-35"]


def test_wrong_answers_are_refused_until_the_retries_end() -> None:
    sample = flow(ask("a", "email", "b", retries=2, failed="f"), send("b", "ok"), send("f", "desisto"))
    assert sent(play(sample, "oi", "x")) == sent(play(sample, "oi", "x", "y")) == ["!"]
    failed = play(sample, "oi", "x", "y", "z")
    assert sent(failed) == ["desisto"]
    assert sent(play(sample, "oi", "x", "y", "a@b.com")) == ["ok"]


def test_without_a_step_for_failures_a_person_takes_over() -> None:
    turn = play(flow(ask("a", "email", "b", retries=0), send("b", "ok")), "oi", "x")
    assert only(turn, HandOver) == HandOver("retries", step="a")
    assert HandedOver("a") in turn.actions
    assert turn.state["ended"]


def test_retries_count_anew_for_the_next_question() -> None:
    sample = flow(ask("a", "email", "b", retries=1), ask("b", "email", "c", retries=1), send("c", "ok"))
    assert sent(play(sample, "oi", "x", "a@b.com", "x")) == ["!"]


def test_a_wrong_answer_starts_the_time_out_anew() -> None:
    sample = flow(ask("a", "email", timeout={"minutes": 10, "next": None}))
    turn = play(sample, "oi", answered("x", minutes=8))
    assert turn.state["timer"] == "2026-11-26T12:18:00+00:00"


def test_pieces_of_a_burst_are_one_answer() -> None:
    sample = flow(ask("a", "email", "b"), send("b", "{{valor}}"))
    assert sent(play(sample, "oi", answered("meu e-mail", "ana@x.com", "obrigada"))) == ["ana@x.com"]
    split = flow(ask("a", "text", "b"), send("b", "{{valor}}"))
    assert sent(play(split, "oi", answered("Rua A", "número 5"))) == ["Rua A\nnúmero 5"]


def test_of_several_numbers_in_a_burst_the_last_counts() -> None:
    sample = flow(ask("a", "number", "b"), send("b", "{{valor}}"))
    assert sent(play(sample, "oi", answered("3", "não, 4"))) == ["4"]


def test_a_file_is_no_answer_to_a_question() -> None:
    sample = flow(ask("a", "text", "b"), send("b", "ok"))
    assert sent(play(sample, "oi", answered(Answer("image")))) == ["!"]


def test_a_tap_on_a_button_of_an_earlier_message_is_an_answer() -> None:
    sample = flow(
        step("a", "send", "w", message=buttons("1", p="Preços")),
        step("w", "wait", "c"),
        step("c", "send", "w2", message=buttons("2", q="Mais")),
        step("w2", "wait", "b"),
        step("b", "branch", cases=[{"when": {"type": "choice", "id": "p"}, "next": "d"}], otherwise="e"),
        send("d", "preços"),
        send("e", "outro"),
    )
    assert sent(play(sample, "oi", "x", tapped("p", "Preços"))) == ["preços"]


# Persons


@pytest.mark.parametrize("written", ["atendente", "Quero falar com um ATENDENTE!", "humano", "Humano, por favor"])
def test_a_person_word_hands_over_at_any_time(written: str) -> None:
    sample = flow(send("a", "Oi", "q"), ask("q", "text", "end"), END)
    for turn in (play(sample, written), play(sample, "oi", written)):
        assert only(turn, HandOver).reason == "asked"
        assert turn.state["ended"]
        assert not sent(turn)


def test_accents_do_not_matter_in_a_person_word() -> None:
    sample = flow(step("w", "wait"), person_words=["falar com alguém"])
    assert only(play(sample, "posso FALAR COM ALGUEM?"), HandOver).reason == "asked"


@pytest.mark.parametrize("written", ["atendentes", "desumano", ""])
def test_a_part_of_another_word_does_not_ask_for_a_person(written: str) -> None:
    assert not [action for action in play(flow(step("w", "wait")), written).actions if isinstance(action, HandOver)]


def test_a_choice_whose_title_has_a_person_word_follows_its_branch() -> None:
    sample = flow(
        step("a", "send", "w", message=buttons("Oi", p="Falar com atendente")),
        step("w", "wait", "b"),
        step("b", "branch", cases=[{"when": {"type": "choice", "id": "p"}, "next": "h"}], otherwise=None),
        step("h", "hand_over", note="Cliente {{first_name}}", message=text("Já chamo, {{first_name}}")),
    )
    for event in (tapped("p", "Falar com atendente"), "falar com atendente"):
        action = only(play(sample, "oi", event), HandOver)
        assert (action.reason, action.note, action.step) == ("step", "Cliente Ana", "h")
        assert body_of(action.message or {}) == "Já chamo, Ana"


def test_a_tap_on_a_choice_that_the_flow_does_not_have_may_ask_for_a_person() -> None:
    sample = flow(step("w", "wait", "end"), END)
    assert only(play(sample, "oi", tapped("of another version", "Falar com atendente")), HandOver).reason == "asked"


def test_a_person_word_works_while_a_call_runs_and_its_result_is_ignored() -> None:
    waiting = play(CALL, "oi")
    turn = run(CALL, waiting.state, answered("atendente"))
    assert only(turn, HandOver).reason == "asked"
    assert run(CALL, turn.state, call_ended(waiting.state, {})).actions == ()


# Web calls


CALL = flow(
    step(
        "c",
        "call",
        "ok",
        method="POST",
        url="https://x.com/{{name}}/?d={{first_name}}",
        headers={"X-Name": "{{name}}"},
        body={"name": "{{name}}", "list": ["{{today}}", 1, None, True]},
        save=[{"path": "items.0.price", "variable": "price"}, {"path": "gone", "variable": "gone"}],
        failed="bad",
    ),
    send("ok", "{{price}}{{gone}}"),
    send("bad", "falhou"),
)


def test_a_call_is_filled_without_changing_its_address_or_headers() -> None:
    facts = replace(FACTS, name="a/../b?c#d é\r\nX: y", first_name="..")
    call = only(play(CALL, answered("oi", facts=facts)), Call)
    assert call.url == "https://x.com/a%2F..%2Fb%3Fc%23d%20%C3%A9%0D%0AX%3A%20y/?d="
    assert call.headers == {"X-Name": "a/../b?c#d %C3%A9%0D%0AX: y"}
    assert call.body == {"name": facts.name, "list": ["26/11/2026", 1, None, True]}


@pytest.mark.parametrize("body", [{"items": [{"price": 12.5}]}, b'{"items": [{"price": 12.50}]}', {"items": [{"price": "12.5"}]}])
def test_values_of_the_response_are_saved(body: Any) -> None:
    waiting = play(CALL, "oi")
    turn = run(CALL, waiting.state, call_ended(waiting.state, body))
    assert sent(turn) == ["12.5"]
    assert turn.state["variables"] == {"price": "12.5", "gone": ""}


@pytest.mark.parametrize(
    ("value", "saved"),
    [(True, "true"), (None, ""), (7, "7"), (0.1, "0.1"), ([1, "é"], '[1, "é"]'), ("x" * 3000, "x" * 1000), ("\ud800", "\ufffd")],
)
def test_every_json_value_has_a_text(value: Any, saved: str) -> None:
    waiting = play(CALL, "oi")
    assert run(CALL, waiting.state, call_ended(waiting.state, {"items": [{"price": value}]})).state["variables"]["price"] == saved


@pytest.mark.parametrize(
    ("body", "ok"), [({}, False), (b"<html>", True), (b"", True), ("text", True), (None, True), (b"[" * 9999, True)]
)
def test_a_failed_call_takes_its_branch(body: Any, ok: bool) -> None:
    waiting = play(CALL, "oi")
    turn = run(CALL, waiting.state, call_ended(waiting.state, body, ok=ok))
    assert sent(turn) == ["falhou"]


def test_a_call_without_a_branch_for_failures_hands_over() -> None:
    sample = flow(step("c", "call", method="GET", url="https://x.com"))
    waiting = play(sample, "oi")
    assert only(run(sample, waiting.state, call_ended(waiting.state, {}, ok=False)), HandOver) == HandOver("call_failed", step="c")
    assert isinstance(run(sample, waiting.state, call_ended(waiting.state, None)).actions[-1], End)


def test_a_result_counts_once_and_only_for_its_own_call() -> None:
    waiting = play(CALL, "oi")
    other = CallEnded(now=NOW, facts=FACTS, call_id="other", ok=True, body={})
    assert run(CALL, waiting.state, other).actions == ()
    ended = run(CALL, waiting.state, call_ended(waiting.state, {}))
    assert run(CALL, ended.state, call_ended(waiting.state, {})).actions == ()
    again = run(CALL, ended.state, answered("oi", minutes=0))
    assert again.state["call_id"] != waiting.state["call_id"]


def test_a_message_while_a_call_runs_changes_nothing() -> None:
    waiting = play(CALL, "oi")
    turn = run(CALL, waiting.state, answered("alô?"))
    assert (turn.actions, turn.state) == ((), waiting.state)


# Variables, fields, labels, splits, sub-flows


def test_set_changes_a_variable_or_the_name_of_the_contact() -> None:
    sample = flow(
        step("a", "set", "b", target="variable", name="x", value="{{first_name}}!"),
        step("b", "set", "c", target="field", name="name", value=" {{x}} Lima "),
        send("c", "{{x}} {{name}} {{first_name}}"),
    )
    turn = play(sample, "oi")
    assert only(turn, SetField) == SetField("name", "Ana! Lima")
    assert sent(turn) == ["Ana! Ana! Lima Ana!"]


def test_set_writes_values_as_people_read_them() -> None:
    sample = flow(
        ask("q", "date", "a"), step("a", "set", "b", target="variable", name="x", value="Dia {{valor}}"), send("b", "{{x}}")
    )
    assert sent(play(sample, "oi", "24/12")) == ["Dia 24/12/2026"]


def test_a_contact_never_gets_an_empty_name() -> None:
    turn = play(flow(step("a", "set", target="field", name="name", value="{{unknown}} \u200b")), "oi")
    assert kinds(turn.actions) == ["Came a", "WentOn a", "End"]


def test_labels_change_what_later_branches_see() -> None:
    sample = flow(
        step("a", "label", "b", add=["Novo"], remove=["VIP"]),
        step("b", "branch", cases=[{"when": {"type": "label", "label": "VIP"}, "next": None}], otherwise="c"),
        step("c", "branch", cases=[{"when": {"type": "label", "label": "Novo"}, "next": "d"}], otherwise=None),
        send("d", "novo"),
    )
    turn = play(sample, "oi")
    assert (only(turn, AddLabels).names, only(turn, RemoveLabels).names, sent(turn)) == (("Novo",), ("VIP",), ["novo"])
    assert FellThrough("b") in turn.actions


def consent(step_id: str, following: str | None = None, **fields: Any) -> dict[str, Any]:
    return step(step_id, "consent", following) | {"decision": "granted", "purpose": "marketing"} | fields


OFFERS = flow(
    step("q", "send", "w", message=buttons("Olá, {{first_name}}! Quer ofertas?", y="Sim")),
    step("w", "wait", "c", timeout={"minutes": 30, "next": "c"}),
    consent("c", "o", wording="{{first_name}}, quer ofertas?"),
    step("o", "send", message={"type": "template", "name": "oferta", "language": "pt_BR"}),
)
NO_OFFERS = replace(FACTS, refused_templates=frozenset({("oferta", "pt_BR")}), marketing_stopped_at=NOW)


def test_a_consent_has_the_message_with_the_choice_as_its_evidence() -> None:
    tap = Answer("interactive", "Sim", "y", wamid="w2", sent_at=NOW + timedelta(seconds=5))
    turn = play(OFFERS, "oi", answered(tap, Answer("text", "obrigada", wamid="w3"), minutes=1))

    expected = RecordConsent("marketing", False, "Ana, quer ofertas?", "w2", NOW + timedelta(seconds=5), "c")
    assert only(turn, RecordConsent) == expected


def test_a_consent_in_several_texts_has_the_first_as_its_evidence() -> None:
    pieces = [Answer("text", words, wamid=words, sent_at=NOW + timedelta(seconds=at)) for at, words in enumerate(["sim", "quero"])]
    found = only(play(OFFERS, "oi", answered(*pieces, minutes=1)), RecordConsent)
    assert (found.wamid, found.answered_at) == ("sim", NOW)


def test_a_consent_after_a_web_call_has_the_answer_before_it() -> None:
    sample = flow(
        step("w", "wait", "x"), step("x", "call", "c", method="GET", url="https://x.com"), consent("c", decision="withdrawn")
    )
    asked = play(sample, "oi", answered(Answer("text", "não", wamid="w2"), minutes=1))
    found = only(run(sample, asked.state, call_ended(asked.state, {})), RecordConsent)
    assert (found.withdrawn, found.wamid, found.answered_at) == (True, "w2", NOW + timedelta(minutes=1))


def test_silence_is_no_consent() -> None:
    turn = play(OFFERS, "oi", timed_out(30))
    assert kinds(turn.actions) == ["Left w", "Came c", "WentOn c", "Came o", "Send o", "WentOn o", "End"]


@pytest.mark.parametrize(("seconds", "is_sent"), [(1, True), (0, False), (-1, False)])
def test_a_consent_after_the_withdrawal_lifts_it_and_an_earlier_one_does_not(seconds: int, is_sent: bool) -> None:
    yes = Answer("interactive", "Sim", "y", sent_at=NOW + timedelta(seconds=seconds))
    turn = play(OFFERS, "oi", answered(yes, facts=NO_OFFERS))
    assert only(turn, RecordConsent)
    assert [action.reason for action in turn.actions if isinstance(action, HandOver)] == ([] if is_sent else ["marketing"])


def test_a_consent_to_something_else_does_not_lift_a_withdrawal() -> None:
    service = {step_id: {**each, "purpose": "service"} if step_id == "c" else each for step_id, each in OFFERS.steps.items()}
    turn = play(flow(*service.values()), "oi", answered("sim", minutes=1, facts=NO_OFFERS))
    assert only(turn, HandOver).reason == "marketing"


@pytest.mark.parametrize(("chance", "way"), [(0.0, "a"), (0.29, "a"), (0.3, "b"), (0.999999, "b")])
def test_a_split_follows_the_chance(chance: float, way: str) -> None:
    sample = flow(
        step("s", "split", shares=[{"percent": 30, "next": "a"}, {"percent": 70, "next": "b"}]), send("a", "a"), send("b", "b")
    )
    assert sent(play(sample, answered("oi", chance=chance))) == [way]


def test_several_splits_of_a_turn_are_independent_and_repeatable() -> None:
    sample = flow(
        step("s0", "split", shares=[{"percent": 50, "next": "s1"}, {"percent": 50, "next": "s1"}]),
        step("s1", "split", shares=[{"percent": 50, "next": "a"}, {"percent": 50, "next": "b"}]),
        send("a", "a"),
        send("b", "b"),
    )
    ways = [sent(play(sample, answered("oi", chance=index / 200)))[0] for index in range(100)]
    assert 25 < ways.count("a") < 75  # all of these chances take the first half of the first split
    assert ways == [sent(play(sample, answered("oi", chance=index / 200)))[0] for index in range(100)]


def nested(depth: int) -> Flow:
    subflows = [step(f"s{index}", "subflow", f"n{index}", start=f"s{index + 1}") for index in range(depth)]
    backs = [send(f"n{index}", f"back {index}") for index in range(depth)]
    return flow(*subflows, ask(f"s{depth}", "text"), *backs)


def test_a_sub_flow_returns_to_its_caller_also_after_an_answer() -> None:
    turn = play(nested(2), "oi")
    assert turn.state["stack"] == ["s0", "s1"]
    assert sent(play(nested(2), "oi", "x")) == ["back 1", "back 0"]


def test_sub_flows_are_at_most_eight_levels_deep() -> None:
    assert sent(play(nested(8), "oi")) == ["?"]
    assert only(play(nested(9), "oi"), HandOver).reason == "loop"


def test_the_end_step_ends_the_flow_also_inside_a_sub_flow() -> None:
    turn = play(flow(step("a", "subflow", "b", start="end"), send("b", "não"), END), "oi")
    assert (sent(turn), turn.state["ended"], turn.state["stack"]) == ([], True, [])


# The second line against loops, and other states


def test_a_flow_that_goes_round_hands_over_after_a_hundred_steps_or_ten_messages() -> None:
    silent = play(flow(step("a", "jump", "a")), "oi")
    assert len([action for action in silent.actions if isinstance(action, Came)]) == 100
    loud = play(flow(send("a", "spam", "a")), "oi")
    assert len(sent(loud)) == 10
    assert only(silent, HandOver).reason == only(loud, HandOver).reason == "loop"


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        [],
        {"step": "gone", "waits_for": "answer"},
        {"step": "a", "waits_for": "answer"},
        {"step": "w", "waits_for": "call"},
        {"step": "w", "waits_for": "answer", "stack": ["gone"]},
        {"step": "w", "waits_for": "answer", "stack": ["s"] * 9},
        {"step": 5, "variables": "x", "stack": {}, "timer": "soon", "last": 3},
        {"bot": 1, "version": 7},
    ],
)
def test_a_state_that_does_not_fit_starts_again(state: Any) -> None:
    sample = flow(send("a", "Oi", "w"), step("w", "wait", "b"), send("b", "Fim"), step("s", "subflow", start="w"))
    assert sent(run(sample, state, answered("oi"))) == ["Oi"]
    assert run(sample, state, timed_out(100)).actions == ()
    assert run(sample, state, CallEnded(now=NOW, facts=FACTS, call_id="", ok=True)).actions == ()


def test_a_state_of_another_version_goes_on_where_the_step_still_waits() -> None:
    old = flow(ask("w", "text", "b"), send("b", "velho {{valor}}"))
    new = flow(ask("w", "text", "b"), send("b", "novo {{valor}}"))
    state = play(old, "oi").state | {"variables": {"gone": "x"}, "bot": 5, "version": 2}
    turn = run(new, state, answered("y"))
    assert sent(turn) == ["novo y"]
    assert turn.state["variables"] == {"valor": "y"}


def test_the_state_stays_small() -> None:
    asks = [ask(f"a{index}", "text", f"a{index + 1}") | {"variable": f"v{index}"} for index in range(60)]
    sample = flow(*asks, step("a60", "wait"))
    turn = play(sample, "oi", *["😀" * 70_000] * 60)
    assert sum(map(len, turn.state["variables"].values())) == 16_000
    assert len(turn.state["last"]["text"]) == 4096


def test_a_huge_or_hostile_answer_is_handled_like_any_other() -> None:
    sample = flow(
        step("w", "wait", "b"),
        step("b", "branch", cases=[{"when": {"type": "pattern", "pattern": "(a+)+$"}, "next": "c"}], otherwise="d"),
        send("c", "c"),
        send("d", "d"),
    )
    assert sent(play(sample, "oi", "a" * 64 * 1024 + "!")) == ["c"]  # only the first 4,096 characters are read
    for words in ("\u0301" * 64 * 1024, "\ud800" * 100, "\0", "\u202e\u200b", "👨‍👩‍👧‍👦" * 9000):
        assert sent(play(sample, "oi", words)) == ["d"]


def test_counting_actions_name_their_steps() -> None:
    turn = play(
        flow(
            step("b", "branch", cases=[{"when": {"type": "hours", "open": False}, "next": None}], otherwise="h"),
            step("h", "hand_over"),
        ),
        "oi",
    )
    assert turn.actions == (
        Came("b"),
        FellThrough("b"),
        WentOn("b"),
        Came("h"),
        HandOver("step", step="h"),
        HandedOver("h"),
    )
