"""The most messages of each path."""

import math
import time
from collections.abc import Mapping
from typing import Any

from hypothesis import given

from bots.flows.checks.billed_messages import BilledMessages, PathEnd, Segment, most_billed_messages
from bots.flows.checks.graph import Graph
from bots.flows.flow import Flow, read_flow
from bots.flows.tests.flow_strategies import documents_of
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


# Loops and sub-flows together


STEPS_OF_LOOPS = ("send", "wait", "wait", "split", "split", "subflow", "subflow", "jump", "end")


@given(documents_of(STEPS_OF_LOOPS, most=9).map(read_flow))
def test_figures_are_those_of_following_all_paths_round_by_round(flow: Flow) -> None:
    found = most_billed_messages(flow)
    if found != BilledMessages():
        assert {end.step: math.inf if end.most is None else end.most for end in found.ends} == ends_round_by_round(Graph(flow))


def ends_round_by_round(graph: Graph) -> dict[str, float]:
    """Returns the most messages up to each end of a flow of `STEPS_OF_LOOPS`, found in a slow and simple way."""
    ends, returns = ends_and_returns(graph, graph.flow.start)
    return {step_id: max(ends.get(step_id, 0), returns.get(step_id, 0)) for step_id in {*ends, *returns}}


def ends_and_returns(graph: Graph, first: str) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Returns the most messages from the first step of a level up to each end in it, and up to each return from it."""
    steps = graph.levels[first]
    called = {step_id: ends_and_returns(graph, graph.starts[step_id]) for step_id in steps & graph.starts.keys()}
    within = {
        step_id: max(called[step_id][1].values(), default=0) if step_id in called else sends(graph, step_id) for step_id in steps
    }
    before = {first: 0.0}
    for index in range(2 * len(steps)):
        for step_id in [*before]:
            for target in graph.successors(step_id):
                most = before[step_id] + within[step_id]
                if most > before.get(target, -1):
                    before[target] = math.inf if index >= len(steps) else most  # still growing: a loop sends
    ends: dict[str, float] = {}
    for step_id, passed in before.items():
        for end, most in called[step_id][0].items() if step_id in called else ():
            ends[end] = max(passed + most, ends.get(end, 0))
        if graph.flow.steps[step_id]["type"] == "end":
            ends[step_id] = max(passed, ends.get(step_id, 0))
    returning = [step_id for step_id in before if any(edge.target is None for edge in graph.ways(step_id))]
    return ends, {step_id: before[step_id] + within[step_id] for step_id in returning}


def sends(graph: Graph, step_id: str) -> int:
    """Returns the most messages of a step, with its reminder."""
    step = graph.flow.steps[step_id]
    return (step["type"] == "send") + bool(step.get("reminder"))


def subflows_in_one_loop(subflows: int, questions: int) -> Flow:
    """Returns a flow of sub-flows that all begin somewhere in the same loop, where each question leads to twenty others."""
    calls = [
        step(f"s{index}", "subflow", f"s{index + 1}" if index < subflows - 1 else None, start=f"q{index % questions}")
        for index in range(subflows)
    ]
    loop = []
    for index in range(questions):
        cases = [hours(f"q{(index + jump) % questions}") for jump in range(1, 21)]
        loop += [ask(f"q{index}", "text", f"b{index}"), step(f"b{index}", "branch", cases=cases)]
    return flow(*calls, *loop)


def test_the_time_grows_with_the_size_of_a_flow_and_not_with_its_cube() -> None:
    def seconds(subflows: int, questions: int) -> float:
        large = subflows_in_one_loop(subflows, questions)
        started = time.thread_time()
        assert None in [end.most for end in most_billed_messages(large).ends]
        return time.thread_time() - started

    small = min(seconds(10, 20) for _ in range(5))
    assert min(seconds(60, 120) for _ in range(3)) < 36 * small
