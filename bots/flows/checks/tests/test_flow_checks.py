"""Problems of flows: each names its step and field."""

import signal
from collections.abc import Iterator
from itertools import product
from time import process_time
from typing import Any

import pytest

from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import Flow
from bots.flows.tests.sample_flows import ask, buttons, flow, send, step, text

END = step("end", "end")


def problems(sample: Flow) -> list[tuple[str, str, str]]:
    found = check_flow(sample)
    assert all(problem.text and "%(" not in problem.text for problem in found)
    return [(problem.code, problem.step, problem.field) for problem in found]


def blocking(sample: Flow) -> set[str]:
    return {problem.code for problem in check_flow(sample) if problem.blocks}


def of_step(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """The problems of a step of a flow that is otherwise right."""
    sample = flow({"id": "a"} | fields, send("b", "Oi", "end"), END)
    return [(code, field) for code, step_id, field in problems(sample) if step_id == "a"]


def message(content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "send", "message": content, "next": "b"}


def call(**fields: Any) -> dict[str, Any]:
    return {"type": "call", "method": "POST", "url": "https://x.com/", "next": "b"} | fields


def case(**condition: Any) -> dict[str, Any]:
    return {"type": "branch", "cases": [{"when": condition, "next": "b"}], "otherwise": "b"}


def question(kind: str, **limits: Any) -> dict[str, Any]:
    return ask("a", kind, "b", **limits)


ONE_STEP: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "right": (message(text("Oi")), []),
    "text of spaces": (message(text("  ")), [("empty", "message.text")]),
    "text of marks": (message(text("\u200b")), [("empty", "message.text")]),
    "text too long": (message(text("x" * 4097)), [("too_long", "message.text")]),
    "buttons without visible text": (message(buttons(" ", a="A")), []),
    "title too long": (message(buttons("?", a="x" * 21)), [("too_long", "message.buttons.0.title")]),
    "four buttons": (message(buttons("?", a="A", b="B", c="C", d="D")), [("too_many", "message.buttons")]),
    "eleven rows": (
        message({"type": "list", "text": "?", "button": "b", "rows": [{"id": str(n), "title": str(n)} for n in range(11)]}),
        [("too_many", "message.rows")],
    ),
    "repeated id": (
        message({"type": "buttons", "text": "?", "buttons": [{"id": "a", "title": "A"}, {"id": "a", "title": "B"}]}),
        [("repeated_choice", "message.buttons.1.id")],
    ),
    "repeated title": (message(buttons("?", a="Ação ", b="Ação")), [("repeated_title", "message.buttons.1.title")]),
    "similar title": (message(buttons("?", a="Ação", b="acao!")), [("similar_title", "message.buttons.1.title")]),
    "titles that differ in a sign": (message(buttons("?", a="A+", b="A-")), []),
    "id with a space": (
        message({"type": "buttons", "text": "?", "buttons": [{"id": " a", "title": "A"}]}),
        [("refused", "message.buttons")],
    ),
    "placeholder in a title": (message(buttons("?", a="{{name}}")), [("no_placeholder_here", "message.buttons.0.title")]),
    "link without https": (
        message({"type": "link", "text": "?", "title": "Abrir", "url": "http://x.com"}),
        [("not_https", "message.url")],
    ),
    "media without a file": (message({"type": "media", "kind": "image"}), [("refused", "message.file")]),
    "media with two files": (
        message({"type": "media", "kind": "image", "link": "https://x.com/a.png", "file": "1"}),
        [("refused", "message.file")],
    ),
    "audio with a caption": (
        message({"type": "media", "kind": "audio", "link": "https://x.com/a.mp3", "caption": "Oi"}),
        [("refused", "message.caption")],
    ),
    "template without a name": (message({"type": "template", "name": " ", "language": "pt_BR"}), [("refused", "message.name")]),
    "template with lines": (message({"type": "template", "name": "a", "language": "pt_BR", "values": ["a\nb"]}), []),
    "unknown placeholder": (message(text("Oi {{nome}}")), [("unknown_placeholder", "message.text")]),
    "brace": (message(text("Oi {{name}")), [("brace", "message.text")]),
    "reserved variable": (question("text") | {"variable": "phone"}, [("reserved_variable", "variable")]),
    "wrong variable": (
        {"type": "set", "target": "variable", "name": "Meu Nome", "value": "x", "next": "b"},
        [("wrong_variable", "name")],
    ),
    "other field": ({"type": "set", "target": "field", "name": "email", "value": "x", "next": "b"}, [("wrong_value", "name")]),
    "reminder after the time-out": (
        {"type": "wait", "next": "b", "timeout": {"minutes": 5, "next": "b"}, "reminder": {"minutes": 5, "message": text("?")}},
        [("reminder_too_late", "reminder.minutes")],
    ),
    "length that nothing has": (question("text", min=5, max=4), [("empty_range", "answer")]),
    "limit that is no number": (question("number", min="1"), [("not_a_number", "answer.min")]),
    "limit that is no date": (question("date", max="2026-02-30"), [("wrong_date", "answer.max")]),
    "limit of a CPF": (question("cpf", min=1), [("no_limit_here", "answer.min")]),
    "percent": (
        {"type": "split", "shares": [{"percent": 50, "next": "b"}, {"percent": 40, "next": "b"}]},
        [("percent_sum", "shares")],
    ),
    "no label": ({"type": "label", "next": "b"}, [("no_label", "add")]),
    "withdrawal": ({"type": "consent", "decision": "withdrawn", "purpose": "marketing", "next": "b"}, []),
    "consent before a question": (
        {"type": "consent", "decision": "granted", "purpose": "marketing", "next": "b"},
        [("consent_unasked", "")],
    ),
    "no purpose": ({"type": "consent", "decision": "withdrawn", "purpose": " ", "next": "b"}, [("empty", "purpose")]),
    "placeholder in a purpose": (
        {"type": "consent", "decision": "withdrawn", "purpose": "{{name}}", "next": "b"},
        [("no_placeholder_here", "purpose")],
    ),
    "unknown placeholder in a wording": (
        {"type": "consent", "decision": "withdrawn", "purpose": "service", "wording": "{{x}}", "next": "b"},
        [("unknown_placeholder", "wording")],
    ),
    "unknown next": ({"type": "jump", "next": "gone"}, [("unknown_step", "next")]),
    "unknown sub-flow": ({"type": "subflow", "start": "gone", "next": "b"}, [("unknown_step", "start")]),
    "unknown time-out": (
        {"type": "wait", "next": "b", "timeout": {"minutes": 5, "next": "gone"}},
        [("unknown_step", "timeout.next")],
    ),
    "http": (call(url="http://x.com"), [("not_https", "url")]),
    "user": (call(url="https://user:pw@x.com"), [("url_with_user", "url")]),
    "private": (call(url="https://10.0.0.1/"), [("private_url", "url")]),
    "placeholder as host": (call(url="https://{{name}}/"), [("url_host_variable", "url")]),
    "no URL": (call(url="https://"), [("invalid_url", "url")]),
    "own header": (call(headers={"Host": "x"}), [("wrong_header", "headers.Host")]),
    "header with a space": (call(headers={"X A": "x"}), [("wrong_header", "headers.X A")]),
    "header with two lines": (call(headers={"X": "a\r\nY: b"}), [("wrong_header_value", "headers.X")]),
    "body of GET": (call(method="GET", body={}), [("body_of_get", "body")]),
    "placeholder in a body": (call(body={"a": ["{{x}}"]}), [("unknown_placeholder", "body.a.0")]),
    "wrong path": (call(save=[{"path": "a..b", "variable": "v"}]), [("wrong_path", "save.0.path")]),
    "path that the example lacks": (
        call(save=[{"path": "a.b", "variable": "v"}], example={"a": []}),
        [("not_in_example", "save.0.path")],
    ),
    "unknown choice": (case(type="choice", id="x"), [("choice_never_offered", "cases.0.when.id")]),
    "unknown variable": (case(type="number", min=1, variable="x"), [("unknown_variable", "cases.0.when.variable")]),
    "unknown name": (case(type="variable", name="x", empty=True), [("unknown_variable", "cases.0.when.name")]),
    "field without a question": (case(type="field", name="name"), [("condition_incomplete", "cases.0.when")]),
    "field with two questions": (
        case(type="field", name="name", empty=True, **{"is": "x"}),
        [("condition_incomplete", "cases.0.when")],
    ),
    "field that is empty": (case(type="field", name="name", empty=True), []),
    "pattern": (case(type="pattern", pattern="(?=x)"), [("invalid_pattern", "cases.0.when.pattern")]),
    "word": (case(type="keyword", words=["oi", "?!"]), [("word_without_letters", "cases.0.when.words.1")]),
    "empty range": (case(type="number", min=2, max=1), [("empty_range", "cases.0.when")]),
    "empty dates": (case(type="date", **{"from": "2027-01-01", "to": "2026-01-01"}), [("empty_range", "cases.0.when")]),
    "no date": (case(type="date", **{"from": "2026-13-01"}), [("wrong_date", "cases.0.when.from")]),
}


@pytest.mark.parametrize(("fields", "expected"), ONE_STEP.values(), ids=ONE_STEP.keys())
def test_problems_of_one_step(fields: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert of_step(fields) == expected


@pytest.mark.parametrize("name", ["similar title", "brace", "path that the example lacks", "unknown choice"])
def test_a_warning_does_not_block(name: str) -> None:
    fields, expected = ONE_STEP[name]
    assert expected
    assert not blocking(flow({"id": "a"} | fields, send("b", "Oi", "end"), END))


NEVER: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"type": "hours", "open": True}, {"type": "hours", "open": True}, True),
    ({"type": "hours", "open": True}, {"type": "hours", "open": False}, False),
    ({"type": "label", "label": "a"}, {"type": "label", "label": "a", "has": True}, True),
    ({"type": "keyword", "words": ["Oi", "olá"]}, {"type": "keyword", "words": ["ola"]}, True),
    ({"type": "keyword", "words": ["oi"]}, {"type": "keyword", "words": ["oi tudo bem"], "whole": True}, True),
    ({"type": "keyword", "words": ["oi"], "whole": True}, {"type": "keyword", "words": ["oi"]}, False),
    ({"type": "keyword", "words": ["oi"]}, {"type": "keyword", "words": ["oi", "opa"]}, False),
    ({"type": "number", "min": 1}, {"type": "number", "min": 2, "max": 3}, True),
    ({"type": "number", "max": 3}, {"type": "number", "min": 2}, False),
    ({"type": "number"}, {"type": "number", "min": 2}, True),
    ({"type": "date", "from": "2026-01-01"}, {"type": "date", "from": "2026-05-01"}, True),
    ({"type": "date", "from": "today"}, {"type": "date", "from": "2026-05-01"}, False),
    ({"type": "kind", "kinds": ["image", "video"]}, {"type": "kind", "kinds": ["video"]}, True),
    ({"type": "kind", "kinds": ["image"]}, {"type": "kind", "kinds": ["image", "video"]}, False),
    ({"type": "field", "name": "name", "is": "Ana"}, {"type": "field", "name": "name", "is": "ANA"}, True),
    ({"type": "pattern", "pattern": "a"}, {"type": "pattern", "pattern": "a", "variable": "v"}, False),
]


@pytest.mark.parametrize(("first", "second", "never"), NEVER)
def test_a_case_that_an_earlier_case_covers_never_matches(first: dict[str, Any], second: dict[str, Any], never: bool) -> None:
    cases = [{"when": first, "next": "end"}, {"when": second, "next": "end"}]
    sample = flow(ask("q", "text", "b", failed="end") | {"variable": "v"}, step("b", "branch", cases=cases, otherwise="end"), END)
    assert problems(sample) == ([("case_never_matches", "b", "cases.1.when")] if never else [])
    assert not blocking(sample)


def test_a_choice_of_a_message_that_no_path_reaches_is_never_offered() -> None:
    offer = step("m", "send", "w", message=buttons("?", p="Preços"))
    rest = [step("w", "wait", "b"), {"id": "b"} | case(type="choice", id="p") | {"otherwise": "end"}, send("b2", "x", "end"), END]
    rest[1]["cases"][0]["next"] = "end"
    assert ("choice_never_offered", "b", "cases.0.when.id") in problems(flow(step("j", "jump", "w"), offer, *rest))
    assert "choice_never_offered" not in {code for code, _step, _field in problems(flow(offer, *rest))}


def test_a_branch_right_after_its_buttons_gives_no_time_to_choose() -> None:
    offer, branch = step("m", "send", "j", message=buttons("?", p="Preços")), {"id": "b"} | case(type="choice", id="p")
    branch |= {"cases": [{"when": {"type": "choice", "id": "p"}, "next": "end"}], "otherwise": "end"}
    assert problems(flow(offer, step("j", "jump", "b"), branch, END)) == [("no_time_to_choose", "b", "cases.0.when")]
    assert problems(flow(offer, step("j", "wait", "b"), branch, END)) == []
    assert problems(flow(offer | {"next": "m2"}, send("m2", "Escolha", "b"), branch, END)) == [
        ("no_time_to_choose", "b", "cases.0.when")
    ]
    assert blocking(flow(offer, step("j", "jump", "b"), branch, END)) == set()


def test_a_branch_right_after_buttons_of_a_sub_flow_gives_no_time_to_choose() -> None:
    branch = {"id": "b", "type": "branch", "cases": [{"when": {"type": "choice", "id": "p"}, "next": "end"}], "otherwise": "end"}
    calls, offer = step("a", "subflow", "b", start="m"), step("m", "send", message=buttons("?", p="Preços"))
    hasty = [("no_time_to_choose", "b", "cases.0.when")]
    assert problems(flow(calls, offer, branch, END)) == hasty
    assert problems(flow(step("o", "subflow", "b", start="a"), calls | {"next": None}, offer, branch, END)) == hasty
    assert problems(flow(offer | {"next": "a"}, calls | {"start": "s"}, send("s", "Escolha"), branch, END)) == hasty
    assert problems(flow(offer | {"next": "a"}, calls | {"start": "b", "next": "end"}, branch, END)) == hasty
    assert problems(flow(calls, offer | {"next": "w"}, step("w", "wait"), branch, END)) == []
    assert problems(flow(calls | {"next": "w"}, offer, step("w", "wait", "b"), branch, END)) == []
    # The other call of the sub-flow is followed by the branch, this one by a wait.
    first, second = step("a", "subflow", "w", start="s"), step("d", "subflow", "b", start="s")
    assert problems(flow(offer | {"next": "a"}, first, step("w", "wait", "d"), second, send("s", "Escolha"), branch, END)) == []


def test_a_template_may_offer_choices_that_the_flow_does_not_know() -> None:
    template = {"type": "template", "name": "aviso", "language": "pt_BR"}
    sample = flow(step("t", "send", "b", message=template), {"id": "b"} | case(type="choice", id="p"), END)
    assert "choice_never_offered" not in {code for code, _step, _field in problems(sample)}


def test_paths_that_end_by_themselves_and_steps_without_a_path_are_warnings() -> None:
    sample = flow(step("w", "wait", "b"), send("b", "Oi"), send("c", "nunca", "end"), END)
    assert problems(sample) == [("dead_end", "b", "next"), ("unreachable", "c", ""), ("unreachable", "end", "")]
    assert not blocking(sample)


def test_a_sub_flow_may_end_without_an_end_step() -> None:
    sample = flow(step("a", "subflow", "end", start="s"), send("s", "Oi"), END)
    assert problems(sample) == []


def test_after_a_sub_flow_that_never_returns_nothing_is_reachable() -> None:
    sample = flow(step("a", "subflow", "b", start="end"), send("b", "Oi", "end"), END)
    assert problems(sample) == [("unreachable", "b", "")]


def consent_problems(*before: dict[str, Any], decision: str = "granted") -> list[str]:
    consent = step("c", "consent", "end", decision=decision, purpose="marketing")
    found = check_flow(flow(*before, consent, END))
    return [problem.code for problem in found if problem.step == "c" and problem.blocks]


def test_a_consent_needs_an_answer_on_every_path() -> None:
    late = {"minutes": 5, "next": "c"}
    called = step("a", "call", "c", method="GET", url="https://x.com")
    assert consent_problems(step("a", "wait", "c")) == []
    assert consent_problems(ask("a", "text", "b", failed="b"), step("b", "jump", "c")) == []
    assert consent_problems(step("a", "subflow", "c", start="s"), step("s", "wait")) == []
    assert consent_problems(called) == ["consent_unasked"]
    assert consent_problems(step("a", "subflow", "c", start="s"), send("s", "Oi")) == ["consent_unasked"]
    assert consent_problems(step("a", "subflow", "end", start="c")) == ["consent_unasked"]
    assert consent_problems(called, decision="withdrawn") == []
    for decision in ("granted", "withdrawn"):
        assert consent_problems(step("a", "wait", "c", timeout=late), decision=decision) == ["consent_after_silence"]


def asks_with_time_out(step_id: str, following: str | None = None, late: str | None = None) -> dict[str, Any]:
    return ask(step_id, "text", following, timeout={"minutes": 5, "next": late})


def test_a_time_out_that_leaves_a_sub_flow_is_silence_for_what_follows() -> None:
    silence = ["consent_after_silence"]
    assert consent_problems(ask("q", "text", "a"), step("a", "subflow", "c", start="s"), asks_with_time_out("s")) == silence
    assert consent_problems(step("a", "subflow", "c", start="s"), asks_with_time_out("s")) == silence
    assert consent_problems(step("a", "subflow", "c", start="s"), asks_with_time_out("s", late="t"), send("t", "Pena")) == silence
    outer = step("a", "subflow", "c", start="b")
    assert consent_problems(outer, step("b", "subflow", start="s"), asks_with_time_out("s")) == silence
    assert consent_problems(outer, step("b", "subflow", "d", start="s"), asks_with_time_out("s"), send("d", "Pena")) == silence
    below = step("b", "subflow", "end", start="c")
    assert consent_problems(step("a", "subflow", "b", start="s"), asks_with_time_out("s"), below) == silence
    assert consent_problems(step("a", "subflow", "c", start="s"), asks_with_time_out("s"), decision="withdrawn") == silence


def test_an_answer_after_the_time_out_or_in_another_call_is_no_silence() -> None:
    late = asks_with_time_out("s", late="t")
    assert consent_problems(step("a", "subflow", "c", start="s"), late, ask("t", "text")) == []
    assert consent_problems(step("a", "subflow", "b", start="s"), asks_with_time_out("s"), ask("b", "text", "c")) == []
    assert consent_problems(step("a", "subflow", "c", start="s"), asks_with_time_out("s", late="end")) == []
    # The sub-flow says thanks: once after silence, and once after the answer that the consent rests on.
    twice = [asks_with_time_out("q", "x", late="y"), step("x", "subflow", "c", start="t"), step("y", "subflow", "end", start="t")]
    assert consent_problems(*twice, send("t", "Obrigada")) == []
    never_called = [ask("v", "text", "u"), step("u", "subflow", "c", start="s")]
    assert consent_problems(step("a", "subflow", "end", start="s"), asks_with_time_out("s"), *never_called) == []


def loops(*steps: dict[str, Any]) -> bool:
    return "silent_loop" in blocking(flow(*steps, END))


def test_a_loop_that_never_waits_blocks() -> None:
    assert loops(step("a", "jump", "a"))
    assert loops(send("a", "Oi", "b"), step("b", "set", "a", target="variable", name="x", value=""))
    assert loops(step("a", "call", "a", method="GET", url="https://x.com"))
    assert loops(step("a", "call", "end", method="GET", url="https://x.com", failed="a"))
    assert loops(step("a", "subflow", "a", start="s"), step("s", "set", target="variable", name="x", value=""))
    assert loops(step("a", "branch", cases=[{"when": {"type": "hours", "open": True}, "next": "end"}], otherwise="a"))
    assert loops(step("a", "split", shares=[{"percent": 99, "next": "end"}, {"percent": 1, "next": "a"}]))


def test_a_loop_through_a_time_out_alone_blocks() -> None:
    assert loops(send("a", "Ainda aí?", "w"), step("w", "wait", "end", timeout={"minutes": 1, "next": "a"}))
    assert loops(ask("a", "text", "end", timeout={"minutes": 1, "next": "a"}))


def test_a_loop_that_waits_for_an_answer_is_right() -> None:
    assert not loops(send("a", "Menu", "w"), step("w", "wait", "a"))
    assert not loops(ask("a", "text", "a"))
    assert not loops(ask("a", "email", "end", failed="a"))
    assert not loops(step("a", "subflow", "a", start="s"), ask("s", "text"))
    assert not loops(step("a", "subflow", "b", start="s"), step("b", "subflow", "end", start="s"), send("s", "Oi"))


def test_every_separate_loop_is_reported_with_its_steps() -> None:
    sample = flow(
        step("s", "split", shares=[{"percent": 50, "next": "a"}, {"percent": 50, "next": "c"}]),
        step("a", "jump", "b"),
        step("b", "jump", "a"),
        step("c", "jump", "c"),
    )
    found = {problem.step: problem.text for problem in check_flow(sample) if problem.code == "silent_loop"}
    assert list(found) == ["a", "c"]
    assert "a → b → a" in found["a"]


def test_a_sub_flow_that_calls_itself_blocks() -> None:
    assert blocking(flow(step("a", "subflow", "end", start="a"), END)) == {"recursion"}
    again = flow(step("a", "subflow", "end", start="q"), ask("q", "text", "r"), step("r", "subflow", start="q"), END)
    assert blocking(again) == {"recursion"}


@pytest.mark.parametrize(("depth", "expected"), [(8, set()), (9, {"subflows_too_deep"})])
def test_sub_flows_are_at_most_eight_levels_deep(depth: int, expected: set[str]) -> None:
    levels = [step(f"s{index}", "subflow", "end" if index == 0 else None, start=f"s{index + 1}") for index in range(depth)]
    assert blocking(flow(*levels, send(f"s{depth}", "Oi"), END)) == expected


@pytest.mark.parametrize(("count", "expected"), [(10, set()), (11, {"too_many_messages"})])
def test_at_most_ten_messages_follow_each_other(count: int, expected: set[str]) -> None:
    sends = [send(f"s{index}", "Oi", f"s{index + 1}" if index < count - 1 else "end") for index in range(count)]
    assert blocking(flow(*sends, END)) == expected
    after_answer = flow(step("w", "wait", "s0"), *sends, END)
    assert [(problem.code, problem.step) for problem in check_flow(after_answer)] == [(code, "w") for code in expected]


def test_messages_before_and_after_a_sub_flow_count_together() -> None:
    sends = [send(f"s{index}", "Oi", f"s{index + 1}" if index < 5 else None) for index in range(6)]
    twice = flow(step("a", "subflow", "b", start="s0"), step("b", "subflow", "end", start="s0"), *sends, END)
    assert blocking(twice) == {"too_many_messages"}


@pytest.mark.parametrize(("count", "expected"), [(99, set()), (100, {"path_too_long"})])
def test_at_most_a_hundred_steps_follow_each_other(count: int, expected: set[str]) -> None:
    jumps = [step(f"s{index}", "jump", f"s{index + 1}" if index < count - 1 else "end") for index in range(count)]
    assert blocking(flow(*jumps, END)) == expected


def test_a_start_that_does_not_exist_blocks() -> None:
    sample = flow(END)
    sample = Flow(dict(sample.document) | {"start": "gone"})
    assert problems(sample) == [("unknown_step", "", "start")]


def test_two_steps_with_one_id_block() -> None:
    assert problems(flow(END, END)) == [("repeated_step", "end", "id")]


def test_too_many_variables_block() -> None:
    asks = [ask(f"a{index}", "text", f"a{index + 1}") | {"variable": f"v{index}"} for index in range(101)]
    assert blocking(flow(*asks, step("a101", "end"))) == {"too_many_variables"}


def test_person_words_need_letters() -> None:
    assert problems(flow(END, person_words=["humano", "?"])) == [("word_without_letters", "", "settings.person_words.1")]


def test_the_operator_may_allow_urls_of_own_networks() -> None:
    sample = flow(step("c", "call", "end", method="GET", url="http://10.0.0.1/"), END)
    assert blocking(sample) == {"not_https"}
    assert check_flow(sample, is_allowed_url=lambda url: url == "http://10.0.0.1/") == []


def test_a_file_that_the_caller_cannot_send_blocks() -> None:
    sample = flow(step("a", "send", "end", message={"type": "media", "kind": "image", "file": "7"}), END)
    assert problems(sample) == [("unknown_file", "a", "message.file")]
    assert check_flow(sample, is_stored_file=lambda file_id: file_id == "7") == []


def test_problems_come_in_the_order_of_the_steps() -> None:
    sample = flow(step("a", "jump", "b"), send("b", "{{x}}", "c"), send("c", "", "gone"))
    assert [problem.step for problem in check_flow(sample)] == ["b", "c", "c"]


def test_three_hundred_steps_are_checked_quickly() -> None:
    rows = [{"id": str(number), "title": str(number)} for number in range(10)]
    listed = {"type": "list", "text": "Escolha", "button": "Ver", "rows": rows}
    steps = []
    for index in range(0, 300, 3):
        cases = [
            {"when": {"type": "choice", "id": str(number)}, "next": f"s{index + 3 if index < 297 else 0}"} for number in range(10)
        ]
        steps += [
            step(f"s{index}", "send", f"s{index + 1}", message=listed),
            step(f"s{index + 1}", "wait", f"s{index + 2}"),
            step(f"s{index + 2}", "branch", cases=cases, otherwise="s0"),
        ]
    assert check_flow(flow(*steps)) == []


@pytest.fixture
def _at_most_five_seconds() -> Iterator[None]:
    def too_slow(*_args: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_at_most_five_seconds")
def test_many_sub_flows_inside_each_other_are_checked_quickly() -> None:
    steps = [step("m", "send", "s0-0", message=buttons("?", p="Preços"))]
    for depth, index in product(range(8), range(30)):
        last = "b" if depth == 0 else None
        following = f"s{depth}-{index + 1}" if index < 29 else last
        steps.append(step(f"s{depth}-{index}", "subflow", following, start=f"s{depth + 1}-0" if depth < 7 else "j"))
    branch = {"id": "b", "type": "branch", "cases": [{"when": {"type": "choice", "id": "p"}, "next": "end"}], "otherwise": "end"}
    found = problems(flow(*steps, step("j", "jump"), branch, END))
    assert found == [("path_too_long", "m", ""), ("no_time_to_choose", "b", "cases.0.when")]


def seconds_of_check(*word_lists: list[str]) -> float:
    """Returns the processor time of checking a branch with a case for each list of words."""
    cases = [{"when": {"type": "keyword", "words": words}, "next": None} for words in word_lists]
    sample = flow(step("b", "branch", cases=cases, otherwise=None))
    times = []
    for _ in range(3):
        before = process_time()
        problems(sample)
        times.append(process_time() - before)
    return min(times)


def test_the_time_to_check_a_branch_grows_with_its_words_and_not_with_their_pairs() -> None:
    shared = [f"palavra {index}" for index in range(49)]
    lists = [[*shared, f"outra {index}"] for index in range(20)]
    assert seconds_of_check(*lists) < 60 * seconds_of_check(*lists[:2])


def test_cases_beyond_the_limit_are_not_compared() -> None:
    lists = [[f"palavra {index}"] for index in range(2_000)]
    assert seconds_of_check(*lists) < 60 * seconds_of_check(*lists[:100])
