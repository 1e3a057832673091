"""All problems of a flow: of its structure, its steps and its paths."""

from collections.abc import Iterable, Iterator, Mapping

from bots.flows.checks.billed_messages import longest_turns
from bots.flows.checks.branch_checks import branch_problems
from bots.flows.checks.graph import Graph, Pause, edges_of, reached
from bots.flows.checks.step_checks import IsAllowed, step_problems
from bots.flows.flow import Flow, Step, messages_in
from bots.flows.messages import choices_of, file_of
from bots.flows.problems import Problem
from bots.flows.texts import fold
from bots.flows.turns.running_turn import MAX_SENDS, MAX_STEPS
from bots.flows.turns.state import MAX_DEPTH, MAX_VARIABLES

MAX_SHOWN_STEPS = 8
"""Steps of a loop that a problem names."""
PASSED = ("send", "set", "label", "consent", "jump", "subflow")
"""Types of steps that have one way and do not wait, apart from what is in a sub-flow."""
RETURNS = ""
"""In place of the id of a branch."""


def check_flow(
    flow: Flow,
    *,
    is_allowed_url: IsAllowed = lambda url: False,
    is_stored_file: IsAllowed = lambda file_id: False,
    is_ai: IsAllowed = lambda key: False,
) -> list[Problem]:
    """Returns the problems of a flow in the order of its steps, those of the whole flow first. A flow without a problem that blocks
    can be published.

    `is_allowed_url` returns whether the operator allows calls to a URL that is not https or not public. `is_stored_file` returns
    whether the caller can send the file with an id, and `is_ai` whether the organization has an AI with a key.
    """
    graph = Graph(flow)
    offered = _offered_choices(flow, graph)
    problems = [*flow.limits, *_flow_problems(flow), *_reference_problems(flow), *_path_problems(graph)]
    problems += _consent_problems(graph)
    for step in flow.step_list:
        problems += step_problems(flow, step, is_allowed_url)
        if step["type"] == "branch":
            problems += branch_problems(flow, step, offered)
    problems += [*_waiting_problems(graph), *_file_problems(flow, is_stored_file), *_ai_problems(flow, is_ai)]
    return sorted(_without_repetition(problems), key=lambda problem: flow.positions.get(problem.step, 0))


def _without_repetition(problems: Iterable[Problem]) -> list[Problem]:
    """Returns one problem for each field: the first that blocks, which is the most exact, or else the first."""
    found: dict[object, Problem] = {}
    for problem in sorted(problems, key=lambda problem: not problem.blocks):
        key = (problem.step, problem.field) if problem.field else (problem.step, problem.code, str(problem.values))
        found.setdefault(key, problem)
    return list(found.values())


def _offered_choices(flow: Flow, graph: Graph) -> frozenset[str] | None:
    """Returns the ids of choices in messages that a path leads to. None if one of them is a template: its buttons are at Meta."""
    messages = [message for step_id in graph.reachable for _field, message in messages_in(flow.steps[step_id])]
    if any(message["type"] == "template" for message in messages):
        return None
    return frozenset(choice["id"] for message in messages for choice in choices_of(message))


def _flow_problems(flow: Flow) -> Iterator[Problem]:
    seen: set[str] = set()
    for step in flow.step_list:
        if step["id"] in seen:
            yield Problem("repeated_step", step["id"], "id", {"name": step["id"]})
        seen.add(step["id"])
    if len(flow.variables) > MAX_VARIABLES:
        yield Problem("too_many_variables", values={"limit": MAX_VARIABLES})
    for index, word in enumerate(flow.person_words):
        if word and not fold(word):
            yield Problem("word_without_letters", field=f"settings.person_words.{index}")


def _reference_problems(flow: Flow) -> Iterator[Problem]:
    if flow.start not in flow.steps:
        yield Problem("unknown_step", field="start", values={"name": flow.start})
    for step in flow.step_list:
        for field, target in _references(step):
            if target is not None and target not in flow.steps:
                yield Problem("unknown_step", step["id"], field, {"name": target})


def _references(step: Step) -> Iterator[tuple[str, str | None]]:
    yield from ((edge.field, edge.target) for edge in edges_of(step))
    if step["type"] == "subflow":
        yield "start", step["start"]


def _path_problems(graph: Graph) -> Iterator[Problem]:
    if graph.flow.start not in graph.edges:
        return
    for step_id in graph.edges:
        if step_id not in graph.reachable:
            yield Problem("unreachable", step_id, blocks=False)
        elif step_id in graph.levels[graph.flow.start]:
            ends = (edge for edge in graph.ways(step_id) if edge.target is None)
            yield from (Problem("dead_end", step_id, edge.field, blocks=False) for edge in ends)
    for loop in graph.silent_loops():
        yield Problem("silent_loop", loop[0], values={"steps": _named(loop)})
    for loop in graph.recursions():
        yield Problem("recursion", loop[0], values={"steps": _named(loop)})
    if graph.depth > MAX_DEPTH and not graph.recursions():
        yield Problem("subflows_too_deep", values={"limit": MAX_DEPTH})
    yield from _length_problems(graph)


def _consent_problems(graph: Graph) -> Iterator[Problem]:
    """Yields steps that would record a decision that the customer has not made."""
    unasked = graph.reachable_from([graph.flow.start], Pause.TIMEOUT)
    for step_id, step in graph.flow.steps.items():
        if step["type"] == "consent" and step_id in graph.silent:
            yield Problem("consent_after_silence", step_id)
        elif step["type"] == "consent" and step["decision"] == "granted" and step_id in unasked:
            yield Problem("consent_unasked", step_id)


def _file_problems(flow: Flow, is_stored_file: IsAllowed) -> Iterator[Problem]:
    for step in flow.step_list:
        for field, message in messages_in(step):
            if (file_id := file_of(message)) and not is_stored_file(file_id):
                yield Problem("unknown_file", step["id"], f"{field}.file")


def _ai_problems(flow: Flow, is_ai: IsAllowed) -> Iterator[Problem]:
    for step in flow.step_list:
        if step["type"] in ("ai_answer", "ai_branch") and step["ai"] and not is_ai(step["ai"]):
            yield Problem("unknown_ai", step["id"], "ai", {"name": step["ai"]})


def _waiting_problems(graph: Graph) -> Iterator[Problem]:
    """Yields branches that follow a message with choices without a wait. They look at the answer before."""
    passed = _passed_to(graph)
    for step in graph.flow.step_list:
        offered = {choice["id"] for choice in choices_of(step["message"])} if step["type"] == "send" else set()
        for branch in _branches_after(graph, step, passed) if offered else ():
            for index, case in enumerate(branch["cases"]):
                if case["when"]["type"] == "choice" and case["when"]["id"] in offered:
                    yield Problem("no_time_to_choose", branch["id"], f"cases.{index}.when", blocks=False)


def _passed_to(graph: Graph) -> Mapping[str | None, str]:
    """Returns the branch to which each step leads through steps with one way and without waiting, in its level or in sub-flows, or
    `RETURNS`. A step that leads to neither is left out: the path from it waits, ends or goes round."""
    steps = graph.flow.steps
    found: dict[str | None, str] = {None: RETURNS}
    found |= {target: RETURNS for step in steps.values() for _field, target in _references(step) if target not in steps}
    before = 0
    while before < len(found):
        before = len(found)
        for step_id in reversed(graph.edges):
            step = steps[step_id]
            if step["type"] == "branch":
                found[step_id] = step_id
            elif step["type"] in PASSED:
                inside = found.get(step["start"]) if step["type"] == "subflow" else RETURNS
                leads_to = found.get(step.get("next")) if inside == RETURNS else inside
                if leads_to is not None:
                    found[step_id] = leads_to
    return found


def _branches_after(graph: Graph, step: Step, passed: Mapping[str | None, str]) -> Iterator[Step]:
    """Yields the branches to which the step leads without waiting, also in and after sub-flows."""

    def after_call(caller: str) -> str | None:
        return passed.get(graph.flow.steps[caller].get("next"))

    def returned_to(level: str) -> Iterator[str]:
        yield from (outer for caller, outer in graph.callers[level] if after_call(caller) == RETURNS)

    levels, leads_to = graph.levels_of(step["id"]), passed.get(step["id"])
    left = reached(levels if leads_to == RETURNS else (), returned_to)
    after = {leads_to for _level in levels} | {after_call(caller) for level in left for caller, _outer in graph.callers[level]}
    yield from (each for each in graph.flow.step_list if each["id"] in after and each["type"] == "branch")


def _length_problems(graph: Graph) -> Iterator[Problem]:
    """Yields turns that would send too much or run too long, which the interpreter would break off."""
    for weight, most, code in (
        (lambda step: int(step["type"] in ("send", "ask")), MAX_SENDS, "too_many_messages"),
        (lambda step: 1, MAX_STEPS, "path_too_long"),
    ):
        for _begins, step_id, found in longest_turns(graph, weight) or ():
            if found > most:
                yield Problem(code, step_id, values={"count": int(found), "limit": most})


def _named(step_ids: list[str]) -> str:
    shown = step_ids[:MAX_SHOWN_STEPS]
    return " → ".join([*shown, "…" if len(step_ids) > MAX_SHOWN_STEPS else step_ids[0]])
