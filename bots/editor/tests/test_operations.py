"""Operations on drafts: examples, and properties of any sequence of them."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots.editor.changes import apply_change, change_between
from bots.editor.diagram import draw
from bots.editor.edits import read_edit
from bots.editor.forms.fields import fields_in
from bots.editor.forms.step_forms import form_context, form_of
from bots.editor.operations import (
    LISTS,
    InvalidOperation,
    add_item,
    add_step,
    change_step,
    connect,
    connect_new,
    delete_step,
    duplicate_step,
    empty_flow,
    move_item,
    move_step,
    remove_item,
    start_at,
    step_of,
)
from bots.editor.steps.outputs import Document, outputs_of
from bots.editor.steps.step_types import STEP_TYPES
from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import read_flow


@pytest.fixture
def menu() -> Document:
    return add_step(empty_flow("Bot"), "menu")[0]


def ids(document: Document) -> list[str]:
    return [step["id"] for step in document["steps"]]


# ---- Examples


def test_a_step_is_added_into_the_path(menu: Document) -> None:
    document, new = add_step(menu, "send", after="s1")

    assert ids(document) == ["s1", new, "s2", "s3"]
    assert step_of(document, "s1")["next"] == new
    assert step_of(document, new)["next"] == "s2"


def test_a_step_at_the_beginning_becomes_the_start(menu: Document) -> None:
    document, new = add_step(menu, "send")

    assert document["start"] == new
    assert step_of(document, new)["next"] == "s1"


def test_a_step_after_a_branch_is_not_connected(menu: Document) -> None:
    document, new = add_step(menu, "send", after="s3")

    assert [output.target for output in outputs_of(step_of(document, "s3"))] == [None, None, "s1"]
    assert ids(document)[-1] == new


def test_a_menu_has_a_path_for_each_button_and_repeats_itself_otherwise(menu: Document) -> None:
    branch = step_of(menu, "s3")
    buttons = step_of(menu, "s1")["message"]["buttons"]

    assert [case["when"]["id"] for case in branch["cases"]] == [button["id"] for button in buttons]
    assert branch["otherwise"] == "s1"


def test_what_led_to_a_deleted_step_leads_to_the_next_one(menu: Document) -> None:
    document = delete_step(menu, "s2")

    assert step_of(document, "s1")["next"] == "s3"


def test_what_led_to_a_deleted_branch_leads_nowhere(menu: Document) -> None:
    document = delete_step(menu, "s3")

    assert step_of(document, "s2")["next"] is None


def test_the_bot_starts_at_what_followed_a_deleted_start(menu: Document) -> None:
    assert delete_step(menu, "s1")["start"] == "s2"
    assert delete_step(add_step(empty_flow("Bot"), "end")[0], "s1")["start"] == ""


def test_a_deleted_sub_flow_has_no_start_any_more() -> None:
    document, flow = add_step(empty_flow("Bot"), "end")
    document, sub = add_step(document, "subflow")
    document = delete_step(connect(document, sub, "start", flow), flow)

    assert step_of(document, sub)["start"] == ""


def test_a_copy_has_choices_of_its_own(menu: Document) -> None:
    document, new = duplicate_step(menu, "s1")
    names = [button["id"] for step in (step_of(document, "s1"), step_of(document, new)) for button in step["message"]["buttons"]]

    assert len(set(names)) == 4
    assert ids(document) == ["s1", new, "s2", "s3"]


def test_steps_move_in_the_list_and_stop_at_its_ends(menu: Document) -> None:
    assert ids(move_step(menu, "s1", 1)) == ["s2", "s1", "s3"]
    assert ids(move_step(menu, "s1", -1)) == ["s1", "s2", "s3"]
    assert ids(move_step(menu, "s3", 1)) == ["s1", "s2", "s3"]


def test_a_button_comes_and_goes_with_its_path(menu: Document) -> None:
    more = add_item(menu, "s1", "message.buttons")
    fewer = remove_item(more, "s1", "message.buttons", 0)

    assert len(step_of(more, "s3")["cases"]) == 3
    assert [case["when"]["id"] for case in step_of(fewer, "s3")["cases"]] == [
        button["id"] for button in step_of(fewer, "s1")["message"]["buttons"]
    ]


def test_a_new_target_stands_after_the_targets_of_earlier_outputs(menu: Document) -> None:
    document, first = connect_new(menu, "s3", "cases.0.next", "send")
    document, second = connect_new(document, "s3", "cases.1.next", "send")

    assert ids(document) == ["s1", "s2", "s3", first, second]
    assert [output.target for output in outputs_of(step_of(document, "s3"))] == [first, second, "s1"]


@pytest.mark.parametrize("count", [3, 4])
def test_a_list_has_at_most_so_many_items(menu: Document, count: int) -> None:
    document = add_item(menu, "s1", "message.buttons")
    assert len(step_of(document, "s1")["message"]["buttons"]) == 3
    with pytest.raises(InvalidOperation):
        add_item(document, "s1", "message.buttons")


def test_a_flow_has_at_most_300_steps() -> None:
    document = empty_flow("Bot")
    for _ in range(300):
        document, _new = add_step(document, "end")
    with pytest.raises(InvalidOperation, match="300"):
        add_step(document, "end")


def test_an_operation_on_a_step_that_was_deleted_is_refused(menu: Document) -> None:
    for operation in (
        lambda: delete_step(menu, "gone"),
        lambda: move_step(menu, "gone", 1),
        lambda: connect(menu, "s1", "next", "gone"),
        lambda: add_step(menu, "send", after="gone"),
        lambda: change_step(menu, {"id": "gone", "type": "end"}),
        lambda: change_step(menu, step_of(menu, "s1") | {"next": "gone"}),
    ):
        with pytest.raises(InvalidOperation):
            operation()


# ---- Properties

KINDS = st.sampled_from(sorted(STEP_TYPES))
NUMBERS = st.integers(0, 30)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def drafts(draw_value: Any) -> Document:
    """A draft with some steps, whose outputs lead anywhere."""
    document = add_step(empty_flow("Bot"), "menu")[0]
    for kind in draw_value(st.lists(KINDS, min_size=1, max_size=8)):
        document = add_step(document, kind, after=draw_value(st.sampled_from(ids(document))))[0]
    for step in document["steps"]:
        for output in outputs_of(step):
            document = connect(document, step["id"], output.path, draw_value(st.sampled_from(ids(document))))
    return document


@st.composite
def operations_on(draw_value: Any, document: Document) -> Any:
    """Returns a function from a document to a document, which fits this document or nearly so."""
    names = ids(document) or ["none"]
    one, other = draw_value(st.sampled_from(names)), draw_value(st.sampled_from(names))
    number, kind, path = draw_value(NUMBERS), draw_value(KINDS), draw_value(st.sampled_from(sorted(LISTS)))
    output = draw_value(st.sampled_from([each.path for each in outputs_of(by_id(document, one))] or ["next"]))
    posted = draw_value(posts(by_id(document, one), document))
    return draw_value(
        st.sampled_from([
            lambda flow: add_step(flow, kind, after=one if document["steps"] else "")[0],
            lambda flow: delete_step(flow, one),
            lambda flow: duplicate_step(flow, one)[0],
            lambda flow: move_step(flow, one, (-1) ** number),
            lambda flow: start_at(flow, one),
            lambda flow: connect(flow, one, output, other),
            lambda flow: connect_new(flow, one, output, kind)[0],
            lambda flow: add_item(flow, one, path),
            lambda flow: remove_item(flow, one, path, number % 4),
            lambda flow: move_item(flow, one, path, number % 4, (-1) ** number),
            *[lambda flow: read_edit(flow, posted | {"step_id": [one], "has_fields": ["1"]}).document] * 6,
        ])
    )  # fmt: skip


def by_id(document: Document, step_id: str) -> dict[str, Any]:
    return next((step for step in document["steps"] if step["id"] == step_id), {"type": "end"})


@st.composite
def posts(draw_value: Any, step: dict[str, Any], document: Document) -> Any:
    """What a browser, or somebody else, could post for the form of a step."""
    fields = list(fields_in(form_of(step, form_context(document))))
    posted = {}
    for field in draw_value(st.lists(st.sampled_from(fields), max_size=6)) if fields else []:
        options = ["1", "7"] if field.kind in ("integer", "number") else []
        options += [value for value, _ in field.options] + [value for _, group in field.groups for value, _ in group]
        posted[field.path] = draw_value(st.lists(st.one_of(st.sampled_from(options or [""]), VALUES), min_size=1, max_size=2))
    return posted


VALUES = st.one_of(
    TEXTS,
    st.sampled_from([
        "", "1", "0", "-5", "1e400", "99999999999999999999", "1,5", "NaN", "yes", "today", "new:send", "new:x",
        "s1", '[1, {"a": null}]',
        "a: b\nc", "a\0b", "[" * 9 + "]" * 9,
    ]),
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_any_sequence_of_operations_gives_a_flow_with_valid_references(choices: st.DataObject) -> None:
    document = choices.draw(drafts())
    for _ in range(choices.draw(st.integers(1, 10))):
        operation = choices.draw(operations_on(document))
        before = copy.deepcopy(document)
        try:
            after = operation(document)
        except InvalidOperation:
            after = document

        assert document == before
        assert_well_formed(after)
        assert apply_change(after, change_between(after, document)) == document
        assert apply_change(document, change_between(document, after)) == after
        document = after
    draw(document)


def assert_well_formed(document: Document) -> None:
    """The schema accepts the structure, ids are unique, and references lead to steps."""
    names = ids(document)
    assert len(set(names)) == len(names)
    assert document["start"] in names or (not names and document["start"] == "")
    targets = [output.target for step in document["steps"] for output in outputs_of(step)]
    assert set(targets) - {None} <= set(names)
    check_flow(read_flow(document))  # raises for a wrong structure
