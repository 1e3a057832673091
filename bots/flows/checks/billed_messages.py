"""How many messages a flow sends at most. Each may be billed (docs/meta-platform.md 7)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from bots.flows.checks.graph import WAITING_FOR_CUSTOMER, Graph, Pause, strongly_connected
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
    conversations = _Conversations(graph)
    ends = {
        step_id: before + conversations.within[step_id] + _words_of_hand_over(graph.flow.steps[step_id])
        for step_id, before in conversations.messages_before(into_subflows=True).items()
        if _ends_itself(graph.flow.steps[step_id])
    }
    # A path ends where no step follows. In a sub-flow it returns instead.
    for step_id, before in conversations.messages_before(into_subflows=False).items():
        if any(edge.target is None for edge in graph.ways(step_id)):
            ends[step_id] = max(before + conversations.within[step_id], ends.get(step_id, NEVER))
    for step_id in sorted(ends, key=lambda each: graph.flow.positions[each]):
        yield PathEnd(step_id, None if ends[step_id] == math.inf else int(ends[step_id]))


class _Conversations:
    """The most messages of whole conversations. Steps that lead to each other are a group. A group of several steps is a loop, and
    if it sends, the conversation has any number of messages."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._groups = strongly_connected({step_id: self._following(step_id) for step_id in graph.reachable})
        self._sending_loops: set[int] = set()
        """Indexes of groups."""
        self.within: dict[str, float] = {}
        """The most messages of each step until the path goes on. Those of a sub-flow step are those of its sub-flow."""
        self._until_return: dict[str, float] = {}
        """The most messages from each step on until the path leaves its level."""
        for index, group in reversed([*enumerate(self._groups)]):
            self._add(index, group)

    def _following(self, step_id: str) -> Iterator[str]:
        yield from self._graph.successors(step_id)
        if step_id in self._graph.starts:
            yield self._graph.starts[step_id]

    def _add(self, index: int, group: Sequence[str]) -> None:
        """Adds the messages of a group, after those of all groups to which it leads."""
        for step_id in group:
            first = self._graph.starts.get(step_id)
            self.within[step_id] = self._until_return[first] if first else _messages_until_next(self._graph.flow.steps[step_id])
        within = max(self.within[step_id] for step_id in group)
        targets = {edge.target for step_id in group for edge in self._graph.ways(step_id)}
        if within > 0 and targets & {*group}:
            self._sending_loops.add(index)
            within = math.inf
        after = max((self._until_return[target] if target else 0 for target in targets - {*group}), default=NEVER)
        self._until_return.update(dict.fromkeys(group, NEVER if after == NEVER else within + after))

    def messages_before(self, *, into_subflows: bool) -> Mapping[str, float]:
        """Returns the most messages before each step to which a path leads. Without `into_subflows`, steps inside sub-flows are
        left out."""
        before = {self._graph.flow.start: 0.0}
        for index, group in enumerate(self._groups):
            first = max((before[step_id] for step_id in group if step_id in before), default=NEVER)
            if first == NEVER:
                continue
            before.update(dict.fromkeys(group, math.inf if index in self._sending_loops else first))
            for step_id in group:
                for target in self._graph.successors(step_id):
                    before[target] = max(before[step_id] + self.within[step_id], before.get(target, NEVER))
                if into_subflows and step_id in self._graph.starts:
                    called = self._graph.starts[step_id]
                    before[called] = max(before[step_id], before.get(called, NEVER))
        return before


def _messages_until_next(step: Step) -> int:
    """Returns the most messages of a step that is no sub-flow, until the path goes on."""
    retries = step.get("retries", DEFAULT_RETRIES) if step["type"] == "ask" else 0
    answers = step.get("max_answers", MAX_AI_ANSWERS) if step["type"] == "ai_answer" else 0
    reminders = (1 + answers) * bool(step.get("reminder"))
    return _messages_of(step) + retries + answers * _messages_of_ai(step) + reminders


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
