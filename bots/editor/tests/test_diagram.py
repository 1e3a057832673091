"""The diagram: layers, lines, links, numbers, markup."""

import re
import time
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from bots.editor.checks import check_draft
from bots.editor.diagram import draw
from bots.editor.layout import MAX_SPAN, Box, Layout, Port, lay_out
from bots.editor.operations import add_step, connect, empty_flow
from bots.editor.steps.outputs import Document


def layout_of(paths: dict[str, str], start: str = "a") -> Layout:
    """Lays out boxes whose names have one letter. `paths`: the targets of each box."""
    boxes = [Box(name, 100, 40, [Port(50, target) for target in targets]) for name, targets in paths.items()]
    return lay_out(boxes, start)


def layers(layout: Layout) -> dict[str, int]:
    return {name: box.layer for name, box in layout.boxes.items()}


def test_the_layer_of_a_step_is_the_longest_path_to_it() -> None:
    assert layers(layout_of({"a": "bd", "b": "c", "c": "d", "d": ""})) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_a_path_that_goes_back_is_a_link_and_no_line() -> None:
    layout = layout_of({"a": "b", "b": "ac", "c": "c"})

    assert layers(layout) == {"a": 0, "b": 1, "c": 2}
    assert {name: box.links for name, box in layout.boxes.items()} == {"a": set(), "b": {0}, "c": {0}}
    assert [(edge.source.id, edge.target.id) for edge in layout.edges] == [("a", "b"), ("b", "c")]


def test_steps_that_no_path_reaches_stand_below_the_others() -> None:
    layout = layout_of({"x": "ay", "a": "b", "b": "", "y": "b"})

    assert layers(layout) == {"a": 0, "b": 1, "x": 2, "y": 3}
    assert [name for name, box in layout.boxes.items() if not box.is_reached] == ["x", "y"]
    assert {name: box.links for name, box in layout.boxes.items()} == {"a": set(), "b": set(), "x": {0}, "y": {0}}


def test_a_line_passes_the_layers_between() -> None:
    layout = layout_of({"a": "bc", "b": "c", "c": ""})
    edge = next(edge for edge in layout.edges if edge.source.id == "a" and edge.target.id == "c")

    assert [bend.layer for bend in edge.bends] == [1]
    assert abs(edge.bends[0].x - layout.boxes["b"].x) >= 50


def test_a_path_over_very_many_layers_is_a_link() -> None:
    names = "abcdefghijkl"
    paths = dict(zip(names, [*names[1:], ""], strict=True))
    paths["a"] += "l"

    assert len(names) > MAX_SPAN
    assert layout_of(paths).boxes["a"].links == {1}


def test_boxes_do_not_overlap_and_have_the_order_of_the_outputs() -> None:
    layout = layout_of({"a": "bcd", "b": "e", "c": "e", "d": "", "e": "", "x": "y", "y": ""})
    rows: dict[int, list[Box]] = {}
    for box in layout.boxes.values():
        rows.setdefault(box.layer, []).append(box)

    for row in rows.values():
        row.sort(key=lambda box: box.x)
        assert all(left.left + left.width < right.left for left, right in pairwise(row))
    assert [box.id for box in rows[1] if box.id in "bcd"] == list("bcd")
    assert all(box.left >= 0 and box.y >= 0 for box in layout.boxes.values())
    assert [name for name, box in layout.boxes.items() if not box.is_reached] == ["x", "y"]


# ---- Markup


@pytest.fixture
def menu() -> Document:
    return add_step(empty_flow("Bot"), "menu")[0]


def parsed(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)  # noqa: S314  our own markup


def test_texts_of_users_are_escaped(menu: Document) -> None:
    menu["steps"][0]["title"] = '<script>"&'
    menu["steps"][0]["message"]["buttons"][0]["title"] = "<b>'"
    markup = draw(menu)

    assert "<script>" not in markup
    assert "<b>" not in markup
    assert any(element.text == '1. <script>"&' for element in parsed(markup).iter())


def test_each_step_is_a_link_with_a_title(menu: Document) -> None:
    links = [each for each in parsed(draw(menu)).iter() if each.tag.endswith("}a")]

    assert [each.get("href") for each in links] == ["#step-s1", "#step-s2", "#step-s3", "#step-s1"]
    assert all(each.get("aria-label") and each[0].text == each.get("aria-label") for each in links)


def test_steps_with_problems_are_marked(menu: Document) -> None:
    document, new = add_step(menu, "send", after="s1")
    markup = draw(document, problems=check_draft(document).problems)

    assert re.findall(r'class="diagram-step [^"]*diagram-blocked[^"]*" data-diagram-step="(\w+)"', markup) == [new]
    assert 'aria-label="2. ' in markup


def test_numbers_of_customers_are_shown(menu: Document) -> None:
    with_numbers = draw(menu, {"s1": {"came": 3, "left": 1}, "s2": {"came": 1}})

    assert with_numbers.count("diagram-count") == 4  # a line for each step, and one more
    assert "3 " in with_numbers
    assert "diagram-count" not in draw(menu)


def test_the_links_can_lead_elsewhere(menu: Document) -> None:
    assert 'href="/there/?step=s2"' in draw(menu, link="/there/?step={}")


def test_a_flow_without_steps_has_an_empty_diagram() -> None:
    assert parsed(draw(empty_flow("Bot"))).get("data-diagram") is not None


def test_the_diagram_has_no_styles_that_the_content_security_policy_refuses(menu: Document) -> None:
    assert "style" not in draw(menu)


def test_300_steps_that_all_lead_to_each_other_are_drawn_in_time() -> None:
    document = many_steps()
    start = time.process_time()
    markup = draw(document)

    assert time.process_time() - start < 5
    assert markup.count('class="diagram-step') == 300


def many_steps() -> Document:
    document: dict[str, Any] = empty_flow("Bot")
    for _ in range(300):
        document = add_step(document, "branch")[0]
    names = [step["id"] for step in document["steps"]]
    for index, step in enumerate(document["steps"]):
        case = {"when": {"type": "hours", "open": True}}
        step["cases"] = [case | {"next": names[(index * 7 + offset * offset) % 300]} for offset in range(20)]
    return connect(document, names[0], "otherwise", names[1])
