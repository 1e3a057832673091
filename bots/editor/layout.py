"""Positions of a diagram: steps in layers from top to bottom, so that every path goes down, except where it goes back.

A layer of a step is the length of the longest path to it. The order in a layer follows the neighbours (barycentres), which avoids
most crossings. An edge that goes back, or very far, is no line but a link below its output: `Box.links`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MAX_SPAN = 8
"""Layers that a line may cross."""
MAX_BENDS = 2000
"""Layers that all lines together cross, so that a flow whose steps all lead to each other is drawn in time."""
SWEEPS = 5
"""Odd: the last one goes down."""
GAP_X = 28
GAP_Y = 46
LINE_GAP = 18
"""Space beside a line that passes between boxes."""
MARGIN = 16


@dataclass(frozen=True, slots=True)
class Port:
    """An output of a box: its distance from the left side of the box, and the box to which it leads, if any."""

    offset: float
    target: str


@dataclass(slots=True)
class Box:
    """A step in the diagram. Sizes are given, positions are computed."""

    id: str
    width: float
    height: float
    ports: Sequence[Port] = ()
    layer: int = 0
    x: float = 0
    """Of the centre."""
    y: float = 0
    """Of the top."""
    links: set[int] = field(default_factory=set)
    """Ports whose edges are not drawn as lines."""
    is_reached: bool = True

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def port_x(self, index: int) -> float:
        return self.left + self.ports[index].offset


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from an output of a box to the top of another one. `bends` are the boxes without size that it passes."""

    source: Box
    port: int
    target: Box
    bends: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A diagram with positions."""

    boxes: Mapping[str, Box]
    edges: Sequence[Edge]
    width: float
    height: float


def lay_out(boxes: Sequence[Box], start: str) -> Layout:
    """Computes the positions of boxes. `start` is the box with which paths begin."""
    by_id = {box.id: box for box in boxes}
    _find_layers(by_id, start)
    edges = list(_edges(by_id))
    layers = _ordered_layers([*by_id.values(), *(bend for edge in edges for bend in edge.bends)], edges)
    _place(layers, edges)
    width = max((box.x + box.width / 2 for box in by_id.values()), default=0) + MARGIN
    height = max((box.bottom for box in by_id.values()), default=0) + MARGIN
    return Layout(by_id, edges, width, height)


# ---- Layers


def _find_layers(boxes: Mapping[str, Box], start: str) -> None:
    """Sets the layer of each box. Edges that go back become links."""
    finished: list[str] = []
    state: dict[str, str] = {}
    roots = [start, *boxes] if start in boxes else [*boxes]
    for root in roots:
        if root not in state:
            finished_before = len(finished)
            _visit(boxes, root, state, finished)
            if root != start:
                for name in finished[finished_before:]:
                    boxes[name].is_reached = False
    _link_to_reached(boxes)
    for name in reversed(finished):
        box = boxes[name]
        for index, port in enumerate(box.ports):
            if port.target in boxes and index not in box.links:
                target = boxes[port.target]
                target.layer = max(target.layer, box.layer + 1)
    _move_below([box for box in boxes.values() if not box.is_reached], [box for box in boxes.values() if box.is_reached])


def _link_to_reached(boxes: Mapping[str, Box]) -> None:
    """Makes links of edges from steps that no path reaches to others, so that these stay where the paths put them."""
    for box in boxes.values():
        if not box.is_reached:
            box.links |= {index for index, port in enumerate(box.ports) if port.target in boxes and boxes[port.target].is_reached}


def _move_below(below: Sequence[Box], above: Sequence[Box]) -> None:
    offset = 1 + max((box.layer for box in above), default=-1)
    for box in below:
        box.layer += offset


def _visit(boxes: Mapping[str, Box], root: str, state: dict[str, str], finished: list[str]) -> None:
    """Visits all boxes that can be reached from `root`, depth first. An edge to a box that is not finished goes back."""
    stack = [(root, 0)]
    state[root] = "open"
    while stack:
        name, index = stack.pop()
        box = boxes[name]
        if index == len(box.ports):
            state[name] = "done"
            finished.append(name)
            continue
        stack.append((name, index + 1))
        target = box.ports[index].target
        if target not in boxes:
            continue
        if state.get(target) == "open":
            box.links.add(index)
        elif target not in state:
            state[target] = "open"
            stack.append((target, 0))


def _edges(boxes: Mapping[str, Box]) -> Iterator[Edge]:
    """Yields the lines. A line that would cross too many layers becomes a link."""
    bends = 0
    for box in boxes.values():
        for index, port in enumerate(box.ports):
            if port.target not in boxes or index in box.links:
                continue
            target = boxes[port.target]
            layers = range(box.layer + 1, target.layer)
            if len(layers) >= MAX_SPAN or bends + len(layers) > MAX_BENDS:
                box.links.add(index)
                continue
            bends += len(layers)
            yield Edge(box, index, target, tuple(Box("", LINE_GAP, 0, layer=layer) for layer in layers))


# ---- Order in a layer

Layers = Sequence[list[Box]]
Neighbours = Mapping[int, Sequence[tuple[Box, int | None]]]
"""The boxes above or below a box, by its `id()`, each with the port of the line if the neighbour is its source."""


def _ordered_layers(boxes: Sequence[Box], edges: Sequence[Edge]) -> Layers:
    layers: list[list[Box]] = [[] for _ in range(1 + max((box.layer for box in boxes), default=-1))]
    for box in boxes:
        layers[box.layer].append(box)
    above, below = _neighbours(edges)
    for sweep in range(SWEEPS):
        is_down = sweep % 2 == 0
        positions = {id(box): index for layer in layers for index, box in enumerate(layer)}
        for layer in layers[1:] if is_down else layers[-2::-1]:
            _sort(layer, above if is_down else below, positions)
            positions.update({id(box): index for index, box in enumerate(layer)})
    return layers


def _neighbours(edges: Sequence[Edge]) -> tuple[Neighbours, Neighbours]:
    above: dict[int, list[tuple[Box, int | None]]] = defaultdict(list)
    below: dict[int, list[tuple[Box, int | None]]] = defaultdict(list)
    for edge in edges:
        chain: list[tuple[Box, int | None]] = [(edge.source, edge.port), *((bend, None) for bend in edge.bends)]
        for (upper, port), lower in zip(chain, [*edge.bends, edge.target], strict=True):
            above[id(lower)].append((upper, port))
            below[id(upper)].append((lower, None))
    return above, below


def _sort(layer: list[Box], neighbours: Neighbours, positions: Mapping[int, int]) -> None:
    def centre(box: Box) -> float:
        near = neighbours.get(id(box), ())
        if not near:
            return positions[id(box)]
        return sum(positions[id(other)] + _share(other, port) for other, port in near) / len(near)

    layer.sort(key=centre)


def _share(box: Box, port: int | None) -> float:
    """Returns where the port is, from 0 on the left to nearly 1 on the right, so that targets have the order of outputs."""
    return 0 if port is None else box.ports[port].offset / (box.width + 1)


# ---- Positions


def _place(layers: Layers, edges: Sequence[Edge]) -> None:
    above, below = _neighbours(edges)
    _place_rows(layers)
    for sweep in range(SWEEPS):
        is_down = sweep % 2 == 0
        for layer in layers[1:] if is_down else layers[-2::-1]:
            _place_row(layer, above if is_down else below)
    boxes = [box for layer in layers for box in layer]
    shift = MARGIN - min((box.left for box in boxes), default=0)
    for box in boxes:
        box.x += shift


def _place_rows(layers: Layers) -> None:
    """Places the layers below each other. A line that passes a layer passes the whole height of its boxes."""
    y = float(MARGIN)
    for layer in layers:
        _place_row(layer, {})
        height = max((box.height for box in layer), default=0)
        for box in layer:
            box.y = y
            box.height = box.height if box.id else height
        y += height + GAP_Y


def _place_row(layer: Sequence[Box], neighbours: Neighbours) -> None:
    """Moves each box as near to its neighbours as the order and the gaps allow: least squares, by pooling adjacent violators."""
    offsets, total = [], 0.0
    for index, box in enumerate(layer):
        if index:
            total += (layer[index - 1].width + box.width) / 2 + (GAP_X if box.id and layer[index - 1].id else LINE_GAP)
        offsets.append(total)
    pools: list[list[float]] = []  # mean and size
    for box, offset in zip(layer, offsets, strict=True):
        pools.append([_wanted(box, neighbours) - offset, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, size = pools.pop()
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * size) / (pools[-1][1] + size), pools[-1][1] + size]
    means = [mean for mean, size in pools for _ in range(int(size))]
    for box, offset, mean in zip(layer, offsets, means, strict=True):
        box.x = mean + offset


def _wanted(box: Box, neighbours: Neighbours) -> float:
    near = neighbours.get(id(box), ())
    if not near:
        return box.x
    return sum(other.x if port is None else other.port_x(port) for other, port in near) / len(near)
