"""Properties of all flows: what passes the checks never loops, never raises and never sends what WhatsApp refuses."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.flows.checks.billed_messages import most_billed_messages
from bots.flows.checks.flow_checks import check_flow
from bots.flows.checks.graph import Graph, Pause, edges_of
from bots.flows.documents import InvalidFlow
from bots.flows.flow import Flow, read_flow
from bots.flows.tests.flow_strategies import documents, documents_with_consents, event_lists, json_values, mutated
from bots.flows.turns.actions import AskAi, Call, Came, End, HandOver, RecordConsent, Send, Turn
from bots.flows.turns.events import AiEnded, CallEnded, CustomerAnswered, Event, TimedOut
from bots.flows.turns.interpreter import run
from cloud_api.message_checks import check_message

MAX_STATE = 250_000
"""Bytes of JSON. Every character of 16,000 may be an emoji, which takes twelve, and the last answer has 4,096."""
MANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def turns(flow: Flow, events: list[Event], state: Any = None) -> Iterator[tuple[Event, Any, Turn]]:
    """Runs events, and answers each call or question of the flow with the next event about one."""
    for each in events:
        event = with_call_id(each, state)
        turn = run(flow, state, event)
        yield event, state, turn
        state = turn.state


def with_call_id(event: Event, state: Any) -> Event:
    """Returns an event about a call or a question with the id for which the state waits."""
    return replace(event, call_id=(state or {}).get("call_id") or "?") if isinstance(event, CallEnded | AiEnded) else event


def is_valid(flow: Flow) -> bool:
    return not any(
        problem.blocks for problem in check_flow(flow, is_stored_file=lambda file_id: True, is_ai=lambda key: key == "sol")
    )


@MANY
@given(documents.map(read_flow).filter(is_valid), event_lists)
def test_a_flow_without_blocking_problems_neither_loops_nor_sends_what_whatsapp_refuses(flow: Flow, events: list[Event]) -> None:
    for _event, _before, turn in turns(flow, events):
        for action in turn.actions:
            if isinstance(action, Send):
                check_message(action.message)
            elif isinstance(action, HandOver):
                assert action.reason not in ("loop", "no_step", "failed")
                if action.message:
                    check_message(action.message)
            elif isinstance(action, Call):
                assert action.url.startswith("https://example.com/")
                assert all(value.isascii() and value.isprintable() for value in action.headers.values())


@MANY
@given(documents.map(read_flow), event_lists)
def test_no_flow_that_can_be_read_raises_whatever_its_problems(flow: Flow, events: list[Event]) -> None:
    for problem in check_flow(flow):
        assert problem.text
    most_billed_messages(flow)
    list(turns(flow, events))


@MANY
@given(documents.map(read_flow), event_lists)
def test_the_same_events_in_the_same_order_give_the_same_state(flow: Flow, events: list[Event]) -> None:
    first = [(turn.actions, turn.state) for _event, _before, turn in turns(flow, events)]
    stored: dict[str, Any] = {}
    again = []
    for each in events:
        event = with_call_id(each, stored)
        turn = run(read_flow(json.dumps(flow.document)), stored, event)
        stored = json.loads(json.dumps(turn.state))  # as a database returns it
        again.append((turn.actions, turn.state))
    assert first == again


@MANY
@given(documents.map(read_flow), event_lists)
def test_the_state_is_json_that_every_database_stores_and_small(flow: Flow, events: list[Event]) -> None:
    for _event, _before, turn in turns(flow, events):
        stored = json.dumps(turn.state, allow_nan=False)
        assert len(stored) < MAX_STATE
        assert "\\u0000" not in stored
        json.dumps(turn.state, ensure_ascii=False).encode()
        assert turn.state["ended"] or turn.state["step"] is None or turn.state["waits_for"] in ("answer", "call", "ai")


@MANY
@given(documents_with_consents.map(read_flow).filter(lambda flow: not Graph(flow).recursions()))
def test_consents_after_silence_are_those_to_which_a_silent_path_leads(flow: Flow) -> None:
    places = all_places(flow)
    silent = {step_id for step_id, _stack, is_silent in places if is_silent and flow.steps[step_id]["type"] == "consent"}
    assert {problem.step for problem in check_flow(flow) if problem.code == "consent_after_silence"} == silent
    assert {step_id for step_id, _stack, _is_silent in places} == Graph(flow).reachable


def all_places(flow: Flow) -> set[tuple[str, tuple[str, ...], bool]]:
    """Follows all paths with the stack that the interpreter has. Returns each step with its stack, and whether the last wait before
    it timed out."""
    found: set[tuple[str, tuple[str, ...], bool]] = set()
    waiting: list[tuple[str | None, tuple[str, ...], bool]] = [(flow.start, (), False)]
    while waiting:
        step_id, stack, is_silent = waiting.pop()
        while step_id is None and stack:
            step_id, stack = flow.steps[stack[-1]].get("next"), stack[:-1]
        if step_id is None or (step_id, stack, is_silent) in found:
            continue
        found.add((step_id, stack, is_silent))
        step = flow.steps[step_id]
        if step["type"] == "subflow":
            waiting.append((step["start"], (*stack, step_id), is_silent))
        else:
            pauses = {Pause.NONE: is_silent, Pause.TIMEOUT: True, Pause.ANSWER: False}
            waiting += [(edge.target, stack, pauses[edge.pause]) for edge in edges_of(step)]
    return found


def sent(turn: Turn) -> int:
    return sum(isinstance(action, Send) or (isinstance(action, HandOver) and action.reason != "asked") for action in turn.actions)


def end_of(turn: Turn) -> str | None:
    """The step at which the turn ended the flow."""
    for action in turn.actions:
        if isinstance(action, HandOver):
            return action.step
    came = [action.step for action in turn.actions if isinstance(action, Came)]
    return came[-1] if came and any(isinstance(action, End) for action in turn.actions) else None


@MANY
@given(documents.map(read_flow).filter(is_valid), event_lists)
def test_no_path_sends_more_than_its_most_billed_messages(flow: Flow, events: list[Event]) -> None:
    billed = most_billed_messages(flow)
    segments = {(str(segment.begins), segment.step): segment.most for segment in billed.segments}
    ends = {end.step: end.most for end in billed.ends}
    total = segment = 0
    begins = ("start", flow.start)
    for event, before, turn in turns(flow, events):
        if not turn.actions or any(isinstance(action, HandOver) and action.reason == "asked" for action in turn.actions):
            total = 0 if turn.actions else total
            continue
        if isinstance(event, TimedOut) and before["timer_is"] == "reminder":
            total += sent(turn)
            continue
        if not before or before["ended"] or before["step"] is None:
            total, segment, begins = 0, 0, ("start", flow.start)
        elif isinstance(event, AiEnded) and flow.steps[before["step"]]["type"] == "ai_answer":
            segment, begins = 0, ("answer", before["step"])
        elif not isinstance(event, CallEnded | AiEnded) and flow.steps[before["step"]]["type"] != "ai_branch":
            segment, begins = 0, ("timeout" if isinstance(event, TimedOut) else "answer", before["step"])
        total, segment = total + sent(turn), segment + sent(turn)
        assert segment <= segments[begins]
        if end := end_of(turn):
            subflows = [most for step, most in ends.items() if flow.steps[step]["type"] == "subflow"]  # may have returned
            limits = [ends[end]] if end in ends else subflows
            assert None in limits or total <= max(filter(None, limits), default=0)


@MANY
@given(documents.map(read_flow).filter(is_valid), event_lists)
def test_without_a_message_of_the_customer_an_ai_is_asked_at_most_once_at_each_step(flow: Flow, events: list[Event]) -> None:
    asked: list[str] = []
    for event, before, turn in turns(flow, events):
        if isinstance(event, CustomerAnswered) or not before or before["ended"]:
            asked = []
        asked += [action.step for action in turn.actions if isinstance(action, AskAi)]
        assert len(asked) == len(set(asked))


@MANY
@given(documents.map(read_flow), event_lists)
def test_consents_are_recorded_only_of_answers(flow: Flow, events: list[Event]) -> None:
    answered_at = None
    for event, before, turn in turns(flow, events):
        is_start = not before or before["step"] is None
        if isinstance(event, CustomerAnswered) and event.answers:
            if is_start or before["waits_for"] != "call":  # what comes during a call is no answer
                answered_at = event.now
        elif isinstance(event, TimedOut) and turn.actions and before["timer_is"] == "timeout":
            answered_at = None
        for action in turn.actions:
            if isinstance(action, RecordConsent):
                assert action.answered_at == answered_at
                assert action.withdrawn or not is_start or not is_valid(flow)


@MANY
@given(mutated(), event_lists)
def test_a_changed_document_is_refused_in_words_or_runs(document: Any, events: list[Event]) -> None:
    try:
        flow = read_flow(document)
    except InvalidFlow as refusal:
        assert "".join(problem.text for problem in refusal.problems)  # noqa: PT017 - most documents are not refused
        return
    assert all(problem.text for problem in check_flow(flow))
    list(turns(flow, events))


times = st.sampled_from(["2026-11-26T12:00:00+00:00", "2026-11-26T12:00:00", "9999-12-31T23:59:59+00:00", "soon"])
states = st.fixed_dictionaries(
    {},
    optional={
        "step": st.sampled_from(["s0", "s1", "s2", "gone"]) | json_values,
        "waits_for": st.sampled_from(["answer", "call", "ai"]) | json_values,
        "stack": st.lists(st.sampled_from(["s0", "s1", "s2"]), max_size=12) | json_values,
        "variables": st.dictionaries(st.sampled_from(["pedido", "old"]), st.text(max_size=5) | json_values) | json_values,
        "retries": st.integers() | json_values,
        "timer": st.sampled_from(["2026-11-26T12:00:00+00:00", "2026-11-26T12:00:00", "9999-12-31T23:59:59+00:00", "soon"])
        | json_values,
        "timer_is": st.sampled_from(["reminder", "timeout"]) | json_values,
        "waits_since": times | json_values,
        "call_id": st.just("?") | json_values,
        "calls": json_values,
        "ai_answers": json_values,
        "is_unanswered": st.booleans() | json_values,
        "ended": st.booleans() | json_values,
        "last": st.fixed_dictionaries(
            {},
            optional={
                "kinds": json_values,
                "text": json_values,
                "choice_id": json_values,
                "wamid": json_values,
                "answered_at": times | json_values,
            },
        )
        | json_values,
    },
)


@MANY
@given(documents.map(read_flow).filter(is_valid), states | json_values, event_lists)
def test_a_state_of_another_version_or_another_program_does_not_raise(flow: Flow, state: Any, events: list[Event]) -> None:
    for _event, _before, turn in turns(flow, events, state if isinstance(state, dict) else None):
        json.dumps(turn.state, ensure_ascii=False, allow_nan=False).encode()
    run(flow, state, events[0])
