"""How many messages a flow sends at most. Each may be billed (docs/meta-platform.md 7)."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from bots.flows.checks.graph import WAITING_FOR_CUSTOMER, Graph, Pause
from bots.flows.flow import MAX_AI_ANSWERS, MAX_AI_MESSAGES, Flow, Step
from bots.flows.turns.running_turn import DEFAULT_RETRIES
from bots.flows.turns.state import MAX_DEPTH

NEVER = -math.inf

Beginning = Literal["start", "answer", "timeout"]


@dataclass(frozen=True, slots=True)
class Segment:
    """What one path sends from the customer's first message, an answer or a time-out on, until it waits or ends. A step at which an
    AI answers freely is a wait, also when it answers at once."""

    begins: Beginning
    step: str
    most: int


@dataclass(frozen=True, slots=True)
class PathEnd:
    """A step at which a path ends. `most` are the messages of a whole conversation up to it, None if a loop makes them
    unlimited: the customer can go round as often as they like."""

    step: str
    most: int | None


@dataclass(frozen=True, slots=True)
class BilledMessages:
    """The most messages of each segment and up to each end. Empty for a flow with a loop that never waits, or with a sub-flow that
    calls itself, which no bot can run."""

    segments: tuple[Segment, ...] = ()
    ends: tuple[PathEnd, ...] = ()


def most_billed_messages(flow: Flow) -> BilledMessages:
    """Returns how many messages the flow sends at most. Wrong answers, all answers that an AI may give, reminders and the
    words of a hand-over count. A customer who asks for a person in between is not counted."""
    graph = Graph(flow)
    longest = longest_turns(graph, _messages_of)
    if longest is None:
        return BilledMessages()
    segments = (Segment(begins, step, int(most)) for begins, step, most in longest)
    return BilledMessages(tuple(segments), tuple(_ends(graph)))


def _messages_of(step: Step) -> int:
    return 1 if step["type"] in ("send", "ask", "hand_over") else 0


def longest_turns(graph: Graph, weight: Callable[[Step], int]) -> list[tuple[Beginning, str, float]] | None:
    """Returns the greatest sum of weights of the steps of each turn, with how it begins and the step that waited. None if a turn
    may be endless."""
    if graph.depth > MAX_DEPTH or graph.flow.start not in graph.edges:
        return None
    try:
        turns = _Turns(graph, weight)
    except CycleError:
        return None
    found: list[tuple[Beginning, str, float]] = [("start", graph.flow.start, turns.until_stop[graph.flow.start])]
    for step_id in graph.edges:
        if step_id in graph.reachable and graph.flow.steps[step_id]["type"] in WAITING_FOR_CUSTOMER:
            found += turns.after_waiting(step_id)
    return found


class _Turns:
    """The sums of weights of turns. Raises CycleError if a turn may be endless."""

    def __init__(self, graph: Graph, weight: Callable[[Step], int]) -> None:
        self.graph = graph
        self.until_stop: dict[str, float] = {}
        """The greatest sum from a step on until the path waits or ends inside its level."""
        self.until_return: dict[str, float] = {}
        """The same for paths that return from the level."""
        ways = {
            step_id: {*graph.successors(step_id, Pause.NONE), *([graph.starts[step_id]] if step_id in graph.starts else [])}
            for step_id in graph.reachable
        }
        for step_id in TopologicalSorter(ways).static_order():
            own = weight(graph.flow.steps[step_id])
            first = graph.starts.get(step_id)
            passed = self.until_return[first] if first else 0
            stops: list[float] = [self.until_stop[first]] if first else [_words_without_waiting(graph.flow.steps[step_id])]
            returns = [NEVER]
            for edge in graph.ways(step_id, Pause.NONE):
                stops.append(passed + (self.until_stop[edge.target] if edge.target else 0))
                returns.append(passed + (self.until_return[edge.target] if edge.target else 0))
            self.until_stop[step_id], self.until_return[step_id] = own + max(stops), own + max(returns)

        self._after: dict[str, float] = {graph.flow.start: 0.0}
        """The greatest sum after a return from each level."""

    def after_waiting(self, step_id: str) -> Iterator[tuple[Beginning, str, float]]:
        """Yields the sums of the turns that an answer and a time-out begin."""
        step, edges = self.graph.flow.steps[step_id], self.graph.edges[step_id]
        answers = [self._sum_of_turn(step_id, edge.target) for edge in edges if edge.pause == Pause.ANSWER]
        other = 1 if step["type"] in ("ask", "ai_answer") else 0  # what a wrong answer, or an AI that calls a person, leads to
        yield "answer", step_id, _messages_of_ai(step) + max([*answers, other])
        for edge in edges:
            if edge.pause == Pause.TIMEOUT:
                yield "timeout", step_id, self._sum_of_turn(step_id, edge.target)

    def _sum_of_turn(self, step_id: str, target: str | None) -> float:
        """Returns the greatest sum of a turn that goes on from a step, on whatever level it is."""
        return max(self._sum(target, level) for level in self.graph.levels_of(step_id))

    def _sum(self, target: str | None, level: str) -> float:
        if target is None:
            return self._after_return(level)
        return max(self.until_stop[target], self.until_return[target] + self._after_return(level))

    def _after_return(self, level: str) -> float:
        """Returns the greatest sum of what follows the calls of the level."""
        if level not in self._after:
            callers = self.graph.callers[level]
            sums = [self._sum(edge.target, outer) for caller, outer in callers for edge in self.graph.ways(caller)]
            self._after[level] = max(sums, default=0.0)
        return self._after[level]


def _ends(graph: Graph) -> Iterator[PathEnd]:
    """Yields the ends of all paths in the order of the steps."""
    levels: dict[str, _Level] = {}
    for first in TopologicalSorter(graph.calls).static_order():
        levels[first] = _Level(graph, first, levels)
    root = levels[graph.flow.start]
    ends = dict(root.ends)
    for step_id, most in root.returns.items():
        ends[step_id] = max(most, ends.get(step_id, NEVER))
    for step_id in sorted(ends, key=lambda each: graph.flow.positions[each]):
        yield PathEnd(step_id, None if ends[step_id] == math.inf else int(ends[step_id]))


class _Level:
    """The most messages of whole conversations in one level. `levels` are those that it calls."""

    def __init__(self, graph: Graph, first: str, levels: Mapping[str, "_Level"]) -> None:
        self.graph = graph
        self.steps = graph.levels[first]
        self._passed = {step_id: self._messages_in(step_id, levels) for step_id in self.steps}
        self._before = self._messages_before(first)
        self.ends: dict[str, float] = {}
        self.returns: dict[str, float] = {}
        """Messages up to each step from which a path returns."""
        for step_id, before in self._before.items():
            called = levels[graph.starts[step_id]].ends if step_id in graph.starts else {}
            for end, most in called.items():
                self.ends[end] = max(before + most, self.ends.get(end, NEVER))
            if _ends_itself(graph.flow.steps[step_id]):
                own = before + self._passed[step_id] + _words_of_hand_over(graph.flow.steps[step_id])
                self.ends[step_id] = max(own, self.ends.get(step_id, NEVER))
            if any(edge.target is None for edge in graph.ways(step_id)):
                self.returns[step_id] = before + self._passed[step_id]

    def _messages_in(self, step_id: str, levels: Mapping[str, "_Level"]) -> float:
        """Returns the most messages of a step until the path goes on."""
        step = self.graph.flow.steps[step_id]
        if step_id in self.graph.starts:
            return max(levels[self.graph.starts[step_id]].returns.values(), default=NEVER)
        retries = step.get("retries", DEFAULT_RETRIES) if step["type"] == "ask" else 0
        answers = step.get("max_answers", MAX_AI_ANSWERS) if step["type"] == "ai_answer" else 0
        reminders = (1 + answers) * bool(step.get("reminder"))
        return _messages_of(step) + retries + answers * _messages_of_ai(step) + reminders

    def _messages_before(self, first: str) -> Mapping[str, float]:
        """Returns the most messages before each step. If they still grow after as many rounds as there are steps, a loop sends."""
        before = {first: 0.0}
        for index in range(2 * len(self.steps) + 1):
            changed = False
            for step_id in [*before]:
                for target in self.graph.successors(step_id):
                    most = before[step_id] + self._passed[step_id]
                    if most > before.get(target, NEVER):
                        before[target] = math.inf if index >= len(self.steps) else most
                        changed = True
            if not changed:
                break
        return before


def _ends_itself(step: Step) -> bool:
    """Returns whether the flow can end at the step, other than by a missing next step."""
    return step["type"] in ("end", "hand_over") or _words_of_hand_over(step) > 0


def _messages_of_ai(step: Step) -> int:
    """Returns how many messages one answer of an AI has at most."""
    return MAX_AI_MESSAGES if step["type"] == "ai_answer" else 0


def _words_without_waiting(step: Step) -> int:
    """Returns 1 for a step that may hand over in the turn in which the path comes to it."""
    return _words_of_hand_over(step) if step["type"] in ("call", "ai_branch") else 0


def _words_of_hand_over(step: Step) -> int:
    """Returns 1 for a step that may hand over with the words of the number, because it has no step for a failure, or asks an AI,
    which may call a person."""
    if step["type"] in ("ai_answer", "ai_branch"):
        return 1
    return 1 if step["type"] in ("ask", "call") and not step.get("failed") else 0
