"""The most messages of each path."""

from typing import Any

from bots.flows.checks.billed_messages import BilledMessages, PathEnd, Segment, most_billed_messages
from bots.flows.tests.sample_flows import ask, flow, send, step, text

END = step("end", "end")


def billed(*steps: dict[str, Any]) -> BilledMessages:
    return most_billed_messages(flow(*steps))


def test_a_straight_path_sends_its_messages() -> None:
    assert billed(send("a", "1", "b"), send("b", "2", "end"), END) == BilledMessages(
        (Segment("start", "a", 2),), (PathEnd("end", 2),)
    )


def test_of_several_branches_the_longest_counts_for_each_end() -> None:
    halves = [{"percent": 50, "next": "a"}, {"percent": 50, "next": "h"}]
    found = billed(step("s", "split", shares=halves), send("a", "1", "b"), send("b", "2", "end"), step("h", "hand_over"), END)
    assert found == BilledMessages((Segment("start", "s", 2),), (PathEnd("h", 1), PathEnd("end", 2)))


def test_an_answer_and_a_time_out_begin_segments() -> None:
    wait = step("w", "wait", "b", timeout={"minutes": 9, "next": "end"}, reminder={"minutes": 5, "message": text("?")})
    found = billed(send("a", "1", "w"), wait, send("b", "2", "c"), send("c", "3", "end"), END)
    assert found.segments == (Segment("start", "a", 1), Segment("answer", "w", 2), Segment("timeout", "w", 0))
    assert found.ends == (PathEnd("end", 4),)


def test_wrong_answers_and_the_words_of_a_hand_over_count() -> None:
    found = billed(ask("q", "email", "end", retries=3), END)
    assert found.segments == (Segment("start", "q", 1), Segment("answer", "q", 1))
    assert found.ends == (PathEnd("q", 5), PathEnd("end", 4))


def test_a_loop_with_messages_is_unlimited_and_one_without_is_not() -> None:
    menu = billed(send("a", "menu", "w"), step("w", "wait", "b"), step("b", "branch", cases=[hours("a")], otherwise="end"), END)
    assert menu.ends == (PathEnd("end", None),)
    silent = billed(send("a", "menu", "w"), step("w", "wait", "b"), step("b", "branch", cases=[hours("w")], otherwise="end"), END)
    assert silent.ends == (PathEnd("end", 1),)


def hours(following: str) -> dict[str, Any]:
    return {"when": {"type": "hours", "open": True}, "next": following}


def test_a_sub_flow_counts_each_time() -> None:
    calls = [step("a", "subflow", "b", start="s"), step("b", "subflow", "end", start="s")]
    found = billed(*calls, send("s", "1", "t"), send("t", "2"), END)
    assert found == BilledMessages((Segment("start", "a", 4),), (PathEnd("end", 4),))


def test_an_answer_inside_a_sub_flow_goes_on_after_it() -> None:
    found = billed(
        step("a", "subflow", "b", start="q"), ask("q", "text", failed="end"), send("b", "1", "c"), send("c", "2", "end"), END
    )
    assert found.segments == (Segment("start", "a", 1), Segment("answer", "q", 2))
    assert found.ends == (PathEnd("end", 5),)


def test_a_path_without_an_end_step_ends_at_its_last_step() -> None:
    assert billed(send("a", "1", "b"), send("b", "2")).ends == (PathEnd("b", 2),)


def test_a_failed_call_costs_the_words_of_the_hand_over() -> None:
    found = billed(send("a", "1", "c"), step("c", "call", "end", method="GET", url="https://x.com"), END)
    assert found == BilledMessages((Segment("start", "a", 2),), (PathEnd("c", 2), PathEnd("end", 1)))


def test_a_flow_that_cannot_run_has_no_figures() -> None:
    nothing = BilledMessages()
    assert billed(send("a", "1", "a")) == billed(step("a", "subflow", start="a")) == nothing


FREE = {"id": "ai", "type": "ai_answer", "ai": "sol", "instructions": "Responda.", "until": "fim", "max_answers": 2}


def test_all_answers_and_reminders_of_an_ai_count_and_the_words_of_its_hand_over() -> None:
    found = billed(FREE | {"next": "b", "reminder": {"minutes": 5, "message": text("?")}}, send("b", "2", "end"), END)
    assert found.segments == (Segment("start", "ai", 0), Segment("answer", "ai", 4))
    assert found.ends == (PathEnd("ai", 10), PathEnd("end", 10))


def test_an_ai_that_chooses_sends_nothing_but_may_hand_over() -> None:
    branches = [{"name": name, "description": name, "next": name} for name in "ab"]
    choice = {"id": "c", "type": "ai_branch", "ai": "sol", "question": "?", "branches": branches}
    found = billed(choice, send("a", "1", "b"), send("b", "2", "end"), END)
    assert found.segments == (Segment("start", "c", 2),)
    assert found.ends == (PathEnd("c", 1), PathEnd("end", 2))


def test_a_loop_through_an_ai_is_unlimited() -> None:
    assert PathEnd("end", None) in billed(FREE | {"next": "ai", "failed": "end"}, END).ends
