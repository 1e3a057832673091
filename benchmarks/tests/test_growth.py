"""The document of `growth` says what was measured, and its chart shows it."""

from xml.etree import ElementTree

import pytest

from benchmarks.growth.chart import draw_lines
from benchmarks.growth.measurement import Row, describe, short

SVG = "{http://www.w3.org/2000/svg}"


def test_a_lower_rate_and_a_longer_time_are_both_slower() -> None:
    assert Row("applied", "items/s", [4000.0, 2000.0]).slowness == [1.0, 2.0]
    assert Row("painted", "s", [0.1, 0.2]).slowness == [1.0, 2.0]


def test_the_document_has_each_figure_with_its_command_and_machine() -> None:
    rows = [Row("applied", "items/s", [4000.0, 3200.0]), Row("painted", "s", [0.1, 0.105])]
    text = describe(rows, [10_000, 1_000_000], "benchmarks/run growth", "11.4-MariaDB")
    assert "| applied | items/s | 4,000 | 3,200 | 1.25 |" in text
    assert "| painted | s | 0.1 | 0.105 | 1.05 |" in text
    assert "| figure | unit | 10 k messages | 1 M messages | times as slow |" in text
    assert text.startswith("`benchmarks/run growth`, 20")
    assert "11.4-MariaDB" in text


def test_the_chart_has_a_line_for_each_figure_that_is_higher_where_it_is_slower() -> None:
    drawing = ElementTree.fromstring(draw_lines({"flat": [1.0, 1.0], "a < b": [1.0, 3.0]}, ["10 k", "1 M"]))  # noqa: S314  our own
    slow, flat = (line.get("points", "").split() for line in drawing.iter(f"{SVG}polyline"))
    heights = [[float(point.partition(",")[2]) for point in line] for line in (slow, flat)]
    assert heights[1][0] == heights[1][1] == heights[0][0]
    assert heights[0][1] < heights[0][0]  # upwards, y is less
    names = [text.text for text in drawing.iter(f"{SVG}text")]
    assert {"10 k", "1 M", "a < b 3.00 ×", "flat 1.00 ×"} <= set(names)


@pytest.mark.parametrize(("size", "text"), [(10_000, "10 k"), (1_000_000, "1 M"), (10_000_000, "10 M")])
def test_sizes_are_written_short(size, text) -> None:
    assert short(size) == text
