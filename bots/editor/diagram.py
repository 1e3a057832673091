"""The diagram of a flow as SVG. Its colours are classes of frontend/hub.css, so that both themes can have it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from bots.editor.layout import Box, Edge, Layout, Port, lay_out
from bots.editor.steps.outputs import Document, Output, Step, choices_of, outputs_of
from bots.editor.steps.step_types import STEP_TYPES, name_of
from bots.flows.problems import Problem
from organizations.text_display import GroupedInt

MIN_WIDTH = 188
MAX_TITLE = 20
MAX_KIND = 26
MAX_LABEL = 14
LETTER = 6.4
"""Width of an average letter of a label."""
COUNT_LETTER = 7
"""The same of a line of counts, which is bold."""
HEAD = 44
COUNTS = 15
"""Height of a line of counts."""
OUTPUTS = 24
PADDING = 8
INDENT = 14

StepCounts = Mapping[str, int]
Counts = Mapping[str, StepCounts]
"""By step: `came`, `went_on`, `left`, `handed_over` and `fell_through`."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A step with what the diagram shows of it."""

    step: Step
    number: int
    outputs: Sequence[Output]
    box: Box
    state: str
    """`blocked`, `warned`, or empty."""
    count_lines: Sequence[str] = ()


def draw(
    document: Document, counts: Counts | None = None, problems: Iterable[Problem] = (), *, link: str = "#step-{}"
) -> SafeString:
    """Returns the diagram of a flow. `counts` are numbers to show on its steps. `link` is the URL of a step, `{}` its id."""
    nodes = _nodes(document, _states(problems), counts)
    layout = lay_out([node.box for node in nodes.values()], document["start"])
    parts = [
        *(_edge(edge) for edge in layout.edges),
        *(part for node in nodes.values() for part in _drawn(node, nodes, link)),
    ]
    return _svg(layout, len(nodes), parts)


def _svg(layout: Layout, count: int, parts: Sequence[str]) -> SafeString:
    title = ngettext("Diagram of %(count)s step", "Diagram of %(count)s steps", count) % {"count": count}
    inside = mark_safe("".join(parts))  # noqa: S308  each part is escaped
    size = (round(layout.width), round(layout.height))
    return format_html(
        '<svg class="diagram" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="{}" width="{}" height="{}"'
        ' viewBox="0 0 {} {}" data-diagram="">{}{}</svg>',
        title, *size, *size, ARROW, inside,
    )  # fmt: skip


ARROW = mark_safe(
    '<defs><marker id="diagram-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0.5 7.5 4 0 7.5z" class="diagram-arrow"/></marker></defs>'
)


def _states(problems: Iterable[Problem]) -> dict[str, str]:
    states: dict[str, str] = {}
    for problem in problems:
        if states.get(problem.step) != "blocked":
            states[problem.step] = "blocked" if problem.blocks else "warned"
    return states


def _nodes(document: Document, states: Mapping[str, str], counts: Counts | None) -> dict[str, _Node]:
    choices = choices_of(document)
    nodes: dict[str, _Node] = {}
    for number, step in enumerate(document["steps"], 1):
        outputs = [each for each in outputs_of(step, choices) if each.target or not each.hands_over]
        lines = [] if counts is None else _count_lines(counts.get(step["id"], {}))
        box = _box(step, outputs, lines)
        nodes.setdefault(step["id"], _Node(step, number, outputs, box, states.get(step["id"], ""), lines))
    return nodes


def _box(step: Step, outputs: Sequence[Output], count_lines: Sequence[str]) -> Box:
    widths = [_label_width(output) for output in outputs]
    texts = [2 * INDENT + COUNT_LETTER * len(line) for line in count_lines]
    width = max(MIN_WIDTH, sum(widths) + 4 * max(0, len(widths) - 1) + 2 * PADDING, *texts)
    height = HEAD + COUNTS * len(count_lines) + _has_labels(outputs) * OUTPUTS
    offset = (width - sum(widths) - 4 * max(0, len(widths) - 1)) / 2
    ports = []
    for output, each in zip(outputs, widths, strict=True):
        ports.append(Port(offset + each / 2, output.target or ""))
        offset += each + 4
    return Box(step["id"], width, height, ports)


def _has_labels(outputs: Sequence[Output]) -> bool:
    return len(outputs) > 1 or any(output.label and output.path != "next" for output in outputs)


def _label_width(output: Output) -> float:
    return 16 + LETTER * len(_cut(output.label, MAX_LABEL))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


# ---- Drawing


def _edge(edge: Edge) -> str:
    x, y = edge.source.port_x(edge.port), edge.source.bottom
    path = [f"M{x:.0f} {y:.0f}"]
    for bend in (*edge.bends, edge.target):
        middle = (y + bend.y) / 2
        path.append(f"C{x:.0f} {middle:.0f} {bend.x:.0f} {middle:.0f} {bend.x:.0f} {bend.y:.0f}")
        x, y = bend.x, bend.bottom
        if bend is not edge.target:
            path.append(f"V{y:.0f}")
    return f'<path class="diagram-edge" d="{"".join(path)}" marker-end="url(#diagram-arrow)"/>'


def _drawn(node: _Node, nodes: Mapping[str, _Node], link: str) -> Iterator[str]:
    box, kind = node.box, STEP_TYPES[node.step["type"]]
    name = name_of(node.step)
    classes = f"diagram-step tint-{kind.tint}"
    if node.state:
        classes += f" diagram-{node.state}"
    if not box.is_reached:
        classes += " diagram-unreached"
    x, y = box.left + 14, box.y
    words = f"{node.number}. {name}" + (f" ({_state_words(node.state)})" if node.state else "")
    yield (
        f'<a href="{escape(link.format(node.step["id"]))}" class="{classes}" data-diagram-step="{node.step["id"]}"'
        f' aria-label="{escape(words)}"><title>{escape(words)}</title>'
        f'<rect class="diagram-box" x="{box.left:.0f}" y="{box.y:.0f}" width="{box.width:.0f}" height="{box.height:.0f}" rx="10"/>'
        f'<rect class="diagram-tint" x="{box.left:.0f}" y="{box.y + 8:.0f}" width="4" height="{HEAD - 16}" rx="2"/>'
        f'<text class="diagram-kind" x="{x:.0f}" y="{y + 17:.0f}">{node.number} · {escape(_cut(str(kind.name), MAX_KIND))}</text>'
        f'<text class="diagram-name" x="{x:.0f}" y="{y + 34:.0f}">{escape(_cut(_shown_name(node.step), MAX_TITLE))}</text>'
    )
    for index, line in enumerate(node.count_lines):
        top = box.y + HEAD + 5 + COUNTS * index
        yield f'<text class="diagram-count" x="{box.left + INDENT:.0f}" y="{top:.0f}">{escape(line)}</text>'
    yield "".join(_labels(node))
    yield "</a>"
    yield from _links(node, nodes, link)


def _shown_name(step: Step) -> str:
    """Returns the name of a step below the name of its type, which it need not repeat."""
    return name_of(step).removeprefix(f"{STEP_TYPES[step['type']].name}: ")


def _state_words(state: str) -> str:
    return gettext("must be corrected") if state == "blocked" else gettext("has a warning")


def _labels(node: _Node) -> Iterator[str]:
    if not _has_labels(node.outputs):
        return
    y = node.box.bottom - OUTPUTS
    for index, output in enumerate(node.outputs):
        x, width = node.box.port_x(index), _label_width(output)
        classes = "diagram-output" if output.target else "diagram-output diagram-ends"
        yield (
            f'<g class="{classes}"><title>{escape(output.label)}</title>'
            f'<rect x="{x - width / 2:.0f}" y="{y:.0f}" width="{width:.0f}" height="18" rx="9"/>'
            f'<text x="{x:.0f}" y="{y + 13:.0f}">{escape(_cut(output.label, MAX_LABEL))}</text></g>'
        )


def _links(node: _Node, nodes: Mapping[str, _Node], link: str) -> Iterator[str]:
    """Yields a link in place of each line that would go back or very far."""
    for index in sorted(node.box.links):
        target = nodes[node.outputs[index].target or ""]
        x, y = node.box.port_x(index), node.box.bottom + 5
        words = gettext("goes on at %(number)s. %(name)s") % {"number": target.number, "name": name_of(target.step)}
        yield (
            f'<a href="{escape(link.format(target.step["id"]))}" class="diagram-link" data-diagram-step="{target.step["id"]}"'
            f' aria-label="{escape(words)}"><title>{escape(words)}</title>'
            f'<rect x="{x - 19:.0f}" y="{y:.0f}" width="38" height="18" rx="9"/>'
            f'<text x="{x:.0f}" y="{y + 13:.0f}">↩ {target.number}</text></a>'
        )


def _count_lines(counts: StepCounts) -> list[str]:
    """Returns how many customers came to a step and, if any did, how many left it in another way than to the next step."""
    came = counts.get("came", 0)
    lines = [ngettext("%(count)s customer", "%(count)s customers", came) % {"count": GroupedInt(came)}]
    ways = {
        "left": gettext("%(count)s stopped answering"),
        "handed_over": gettext("%(count)s handed over"),
        "fell_through": gettext("%(count)s not understood"),
    }
    return lines + [words % {"count": GroupedInt(counts[name])} for name, words in ways.items() if counts.get(name)]
