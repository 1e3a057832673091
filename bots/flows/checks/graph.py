"""The paths of a flow: which step may follow which, with and without an answer of the customer.

A sub-flow is a level of its own. Inside a level a sub-flow step is followed by its `next`, if the sub-flow may return.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from bots.flows.flow import Flow, Step
from bots.flows.turns.state import MAX_DEPTH, WAITING_STEPS

WAITING_FOR_CUSTOMER = WAITING_STEPS["answer"]
"""Types of steps that wait for the customer. An AI that answers freely asks for one answer of the model at most before it does."""

Node = TypeVar("Node", bound=Hashable)
"""A step, perhaps with what a path to it has passed."""

CHOICES = {"branch": "cases", "ai_branch": "branches", "split": "shares"}
"""Types of steps that choose one of several ways, and the field with them."""


class Pause(IntEnum):
    """What happens between a step and one that follows it."""

    NONE = 0
    TIMEOUT = 1
    ANSWER = 2


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from a step. `target` is None where the path ends or returns. `field` is where the step names the target."""

    field: str
    target: str | None
    pause: Pause = Pause.NONE


def edges_of(step: Step) -> Iterator[Edge]:
    """Yields the ways from a step, without the one into a sub-flow."""
    kind = step["type"]
    if name := CHOICES.get(kind):
        for index, choice in enumerate(step[name]):
            yield Edge(f"{name}.{index}.next", choice.get("next"))
        if kind == "branch" or step.get("otherwise"):  # without it an AI that is unsure hands over
            yield Edge("otherwise", step.get("otherwise"))
    elif kind not in ("hand_over", "end"):
        pause = Pause.ANSWER if kind in WAITING_FOR_CUSTOMER else Pause.NONE
        yield Edge("next", step.get("next"), pause)
        if step.get("failed"):  # without it the flow hands over
            yield Edge("failed", step["failed"], pause)
        if step.get("timeout"):
            yield Edge("timeout.next", step["timeout"].get("next"), Pause.TIMEOUT)


class Graph:
    """The steps of a flow and the ways between them. Ways to steps that do not exist are left out."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.edges = {
            step_id: [edge for edge in edges_of(step) if edge.target is None or edge.target in flow.steps]
            for step_id, step in flow.steps.items()
        }
        subflows = ((step_id, step["start"]) for step_id, step in flow.steps.items() if step["type"] == "subflow")
        self.starts = {step_id: first for step_id, first in subflows if first in flow.steps}
        """The first step of the sub-flow of each sub-flow step."""
        self._returning = {pause: self._steps_that_return(pause) for pause in Pause}

    def _steps_that_return(self, most: Pause) -> frozenset[str]:
        """Returns the steps from which a path ends, or returns, with no longer pauses than `most`."""
        found: set[str] = set()
        before = -1
        while before < len(found):
            before = len(found)
            for step_id in reversed(self.edges):
                targets = [edge.target for edge in self.edges[step_id] if edge.pause <= most]
                may_pass = step_id not in self.starts or self.starts[step_id] in found
                if may_pass and any(target is None or target in found for target in targets):
                    found.add(step_id)
        return frozenset(found)

    def may_return(self, step_id: str, most: Pause = Pause.ANSWER) -> bool:
        return step_id in self._returning[most]

    def ways(self, step_id: str, most: Pause = Pause.ANSWER) -> Iterator[Edge]:
        """Yields the ways inside the level with no longer pauses than `most`. A sub-flow that never returns leads nowhere."""
        if step_id in self.starts and not self.may_return(self.starts[step_id], most):
            return
        yield from (edge for edge in self.edges[step_id] if edge.pause <= most)

    def successors(self, step_id: str, most: Pause = Pause.ANSWER) -> Iterator[str]:
        yield from (edge.target for edge in self.ways(step_id, most) if edge.target is not None)

    @cached_property
    def reachable(self) -> frozenset[str]:
        """The steps to which a path leads."""
        return self.reachable_from([self.flow.start], Pause.ANSWER)

    def reachable_from(self, firsts: Iterable[str], most: Pause) -> frozenset[str]:
        """Returns these steps and all to which a path with no longer pauses than `most` leads from them, also into sub-flows."""

        def all_successors(step_id: str) -> Iterator[str]:
            yield from self.successors(step_id, most)
            if step_id in self.starts:
                yield self.starts[step_id]

        return reached([first for first in firsts if first in self.edges], all_successors)

    @cached_property
    def levels(self) -> Mapping[str, frozenset[str]]:
        """The steps of each level that is used, by its first step: that of the flow, and those of the sub-flows."""
        firsts = [self.flow.start, *(first for caller, first in self.starts.items() if caller in self.reachable)]
        return {first: reached([first], self.successors) for first in dict.fromkeys(firsts) if first in self.edges}

    @cached_property
    def calls(self) -> Mapping[str, frozenset[str]]:
        """The first steps of the levels that each level calls."""
        callers = {first: steps & self.starts.keys() for first, steps in self.levels.items()}
        return {first: frozenset(self.starts[caller] for caller in found) for first, found in callers.items()}

    def levels_of(self, step_id: str) -> list[str]:
        """Returns the first steps of the levels in which the step is."""
        return [level for level, steps in self.levels.items() if step_id in steps]

    @cached_property
    def callers(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The steps that call each level, each with a level in which it is."""
        found: dict[str, list[tuple[str, str]]] = {first: [] for first in self.levels}
        for caller, first in self.starts.items():
            for outer in self.levels_of(caller):
                found[first].append((caller, outer))
        return found

    @cached_property
    def silent(self) -> frozenset[str]:
        """The steps to which a path leads after a time-out, without an answer since. It may lead into sub-flows and out of them."""

        def following(node: tuple[str | None, str]) -> Iterator[tuple[str | None, str]]:
            step_id, level = node
            if step_id is not None:
                yield from ((edge.target, level) for edge in self.ways(step_id, Pause.TIMEOUT))
                return
            for caller, outer in self.callers[level]:
                yield from ((edge.target, outer) for edge in self.ways(caller))

        nodes = [(step_id, level) for level, steps in self.levels.items() for step_id in steps]
        late = [(edge.target, level) for step_id, level in nodes for edge in self.edges[step_id] if edge.pause == Pause.TIMEOUT]
        after = reached(late, following)
        return self.reachable_from((step_id for step_id, _level in after if step_id is not None), Pause.TIMEOUT)

    def silent_loops(self) -> list[list[str]]:
        """Returns the loops that never wait for an answer. A time-out is not an answer."""
        ways = {step_id: set(self.successors(step_id, Pause.TIMEOUT)) for step_id in self.edges if step_id in self.reachable}
        return loops_of(ways)

    def recursions(self) -> list[list[str]]:
        """Returns the sub-flows that call themselves, each by the first steps of the levels."""
        return loops_of(self.calls)

    @cached_property
    def depth(self) -> int:
        """The number of sub-flows inside each other, more than `MAX_DEPTH` if they call themselves."""
        depths: dict[str, int] = {}
        try:
            for first in TopologicalSorter(self.calls).static_order():
                depths[first] = max((depths[called] + 1 for called in self.calls[first]), default=0)
        except CycleError:
            return MAX_DEPTH + 1
        return depths.get(self.flow.start, 0)


def reached(firsts: Iterable[Node], successors: Callable[[Node], Iterable[Node]]) -> frozenset[Node]:
    """Returns the first nodes and all that follow them."""
    found = set(firsts)
    waiting = deque(found)
    while waiting:
        for node in successors(waiting.popleft()):
            if node not in found:
                found.add(node)
                waiting.append(node)
    return frozenset(found)


def strongly_connected(ways: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Returns the steps in groups, each group before those to which it leads. The steps of a group lead to each other."""
    # Kosaraju's algorithm: a step that is left last comes first, and what leads to it and is in no group yet is in its group.
    targets = {step_id: list(following) for step_id, following in ways.items()}
    came_from: dict[str, list[str]] = {step_id: [] for step_id in targets}
    for step_id, following in targets.items():
        for target in following:
            came_from[target].append(step_id)
    groups: list[list[str]] = []
    grouped: set[str] = set()
    for first in reversed(_in_order_of_leaving(targets)):
        if first not in grouped:
            groups.append([*reached([first], lambda step_id: [each for each in came_from[step_id] if each not in grouped])])
            grouped.update(groups[-1])
    return groups


def _in_order_of_leaving(targets: Mapping[str, Iterable[str]]) -> list[str]:
    """Returns the steps in the order in which a depth-first search leaves them."""
    left: list[str] = []
    seen: set[str] = set()
    for first in targets:
        path = [] if first in seen else [(first, iter(targets[first]))]
        seen.add(first)
        while path:
            step_id, following = path[-1]
            if target := next((each for each in following if each not in seen), None):
                seen.add(target)
                path.append((target, iter(targets[target])))
            else:
                left.append(step_id)
                path.pop()
    return left


def loops_of(ways: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Returns loops without common steps, so that each loop of the graph has a step in one of them."""
    left = {step_id: set(targets) for step_id, targets in ways.items()}
    loops = []
    for step_id in ways:
        _remove_ends(left)
        if step_id in left and (loop := _shortest_loop(left, step_id)):
            loops.append(loop)
            _remove(left, loop)
    return loops


def _remove_ends(left: dict[str, set[str]]) -> None:
    """Removes the steps that lead nowhere, until none is left: they are in no loop."""
    while ends := [step_id for step_id, targets in left.items() if not targets & left.keys()]:
        _remove(left, ends)


def _remove(left: dict[str, set[str]], step_ids: Iterable[str]) -> None:
    for step_id in step_ids:
        del left[step_id]


def _shortest_loop(left: Mapping[str, set[str]], first: str) -> list[str]:
    """Returns the steps of the shortest loop through a step, empty if there is none."""
    came_from: dict[str, str] = {}
    waiting = deque([first])
    while waiting:
        step_id = waiting.popleft()
        for target in sorted(left[step_id] & left.keys()):
            if target == first:
                path = [step_id]
                while path[-1] != first:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if target not in came_from:
                came_from[target] = step_id
                waiting.append(target)
    return []
