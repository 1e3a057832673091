"""A chart of lines as SVG, without a library."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, ROW = 760, 18
LEFT, RIGHT, TOP, BOTTOM = 60, 300, 20, 40
HEIGHT = 420
COLOURS = ("#0b7285", "#c92a2a", "#5f3dc4", "#2b8a3e", "#e67700", "#a61e4d", "#364fc7", "#5c940d", "#862e9c", "#495057")


def draw_lines(lines: Mapping[str, Sequence[float]], labels: Sequence[str]) -> str:
    """Returns an SVG with a line for each name, whose values belong to the labels below. The scale begins at 0."""
    highest = max(2.0, *(value for values in lines.values() for value in values))
    height = max(HEIGHT, TOP + BOTTOM + ROW * len(lines))
    across = (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)

    def at(index: int, value: float) -> tuple[float, float]:
        return LEFT + index * across, height - BOTTOM - value / highest * (height - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for step in range(int(highest) + 1):
        y = at(0, step)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ced4da"/><text x="20" y="{y + 4:.1f}">{step} ×</text>')
    for index, label in enumerate(labels):
        parts.append(f'<text x="{at(index, 0)[0]:.1f}" y="{height - 15}" text-anchor="middle">{escape(label)}</text>')
    # The names stand in the order of their last values, so that a reader finds them by height.
    for place, (name, values) in enumerate(sorted(lines.items(), key=lambda line: -line[1][-1])):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(index, value) for index, value in enumerate(values)))
        y = TOP + ROW * (place + 1)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{y}">{escape(name)} {values[-1]:.2f} ×</text>')
    return "\n".join([*parts, "</svg>", ""])
