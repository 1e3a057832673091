"""Reading documents: what is no flow is refused in words, and a flow over a limit is read with its problem."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator, ValidationError

from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import InvalidFlow, read_flow
from bots.flows.schema import SCHEMA, schema_errors
from bots.flows.starters import STARTERS
from bots.flows.tests.flow_strategies import mutated
from bots.flows.tests.sample_flows import buttons, flow, send, step, text

SMALL: dict[str, Any] = {"format": 1, "name": "Teste", "start": "a", "steps": [{"id": "a", "type": "end"}]}


def codes(source: object) -> list[str]:
    with pytest.raises(InvalidFlow) as caught:
        read_flow(source)
    assert all(problem.text and "%(" not in problem.text for problem in caught.value.problems)
    return [problem.code for problem in caught.value.problems]


def nested(levels: int) -> Any:
    value: Any = []
    for _level in range(levels):
        value = [value]
    return value


HOSTILE = {
    "empty": ("", "not_json"),
    "bytes that are not UTF-8": (b"\xff\xfe{}", "not_text"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "not_text"),
    "not JSON": ("{format: 1}", "not_json"),
    "a list": ("[]", "not_a_flow"),
    "a number": ("1", "not_a_flow"),
    "another program's JSON": ('{"nodes": []}', "not_a_flow"),
    "deep JSON": ("[" * 100_000, "too_deep"),
    "a deep object": (SMALL | {"x": nested(15)}, "too_deep"),
    "NaN": ('{"format": NaN}', "bad_number"),
    "infinity": ('{"format": 1e999}', "bad_number"),
    "a long number": ('{"format": ' + "9" * 5000 + "}", "bad_number"),
    "a number of 65 bits": ('{"format": 18446744073709551616}', "bad_number"),
    "a repeated key": ('{"format": 1, "format": 1}', "repeated_key"),
    "a lone surrogate": ('{"format": "\\ud800"}', "bad_character"),
    "a NUL character": ('{"format": "\\u0000"}', "bad_character"),
    "a lone surrogate as a key": ('{"\\udc00": 1}', "bad_character"),
    "an object that is no JSON": ({"format": {1, 2}}, "not_a_flow"),
    "a key that is no text": ({"format": {1: 2}}, "not_a_flow"),
    "too many bytes": (json.dumps(SMALL | {"x": "y" * 256 * 1024}), "too_large"),
    "too many bytes in few characters": (json.dumps(SMALL | {"name": "é" * 140_000}, ensure_ascii=False).encode(), "too_large"),
    "too large an object": (SMALL | {"x": ["y" * 1000] * 300}, "too_large"),
    "another format": (SMALL | {"format": 2}, "other_format"),
    "true as the format": (SMALL | {"format": True}, "other_format"),
    "301 steps": (SMALL | {"steps": [{"id": f"s{index}", "type": "end"} for index in range(301)]}, "too_many"),
    "steps that are no list": (SMALL | {"steps": {}}, "wrong_type"),
    "a step that is no object": (SMALL | {"steps": [1]}, "wrong_type"),
    "an unknown type of step": (SMALL | {"steps": [{"id": "a", "type": "dance"}]}, "wrong_value"),
    "an unknown field": (SMALL | {"steps": [{"id": "a", "type": "end", "x": 1}]}, "unknown_field"),
}


@pytest.mark.parametrize(("source", "code"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_flow_is_refused_in_words(source: object, code: str) -> None:
    assert codes(source)[0] == code


def test_an_object_that_contains_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    assert codes(SMALL | {"x": circle}) == ["too_deep"]


def test_a_flow_is_read_from_text_bytes_and_objects() -> None:
    document = json.dumps(SMALL)
    sources = [document, document.encode(), b"\xef\xbb\xbf" + document.encode(), SMALL]
    assert {read_flow(source).name for source in sources} == {"Teste"}


def test_a_flow_of_300_steps_and_almost_256_kib_is_read() -> None:
    steps = [send(f"s{index}", "é" * 300, f"s{index + 1}") for index in range(299)]
    assert len(flow(*steps, step("s299", "end")).step_list) == 300


@pytest.mark.parametrize(
    ("broken", "step_id", "field", "code"),
    [
        ({"id": "a", "type": "send"}, "a", "", "missing"),
        ({"type": "end"}, "", "steps.0", "missing"),
        ({"id": "a", "type": "send", "message": {"type": "fax"}}, "a", "message.type", "wrong_value"),
        ({"id": "a", "type": "send", "message": None}, "a", "message", "wrong_type"),
        ({"id": "a", "type": "hand_over", "message": 5}, "a", "message", "wrong_type"),
        ({"id": "a", "type": "wait", "timeout": {"next": "a"}}, "a", "timeout", "missing"),
        ({"id": "a", "type": "branch", "cases": [{"when": {"type": "hours"}}]}, "a", "cases.0.when", "missing"),
    ],
)
def test_a_refusal_names_step_and_field(broken: dict[str, Any], step_id: str, field: str, code: str) -> None:
    with pytest.raises(InvalidFlow) as caught:
        read_flow(SMALL | {"steps": [broken]})
    problem = caught.value.problems[0]
    assert (problem.step, problem.field, problem.code) == (step_id, field, code)


@pytest.mark.parametrize(
    ("over", "field", "code"),
    [
        (step("a", "send", message=text("x" * 4097)), "message.text", "too_long"),
        (step("a", "send", message=text("")), "message.text", "empty"),
        (step("a", "send", message=buttons("?", x="y" * 21)), "message.buttons.0.title", "too_long"),
        (step("a", "send", message=buttons("?", a="1", b="2", c="3", d="4")), "message.buttons", "too_many"),
        (step("a", "send", message=buttons("?")), "message.buttons", "too_few"),
        (step("a", "wait", timeout={"minutes": 0}), "timeout.minutes", "too_small"),
        (step("a", "wait", timeout={"minutes": 1381}), "timeout.minutes", "too_big"),
        (step("a", "jump", "Não"), "next", "wrong_id"),
        (step("a", "split", shares=[{"percent": 100}]), "shares", "too_few"),
    ],
)
def test_a_flow_over_a_limit_is_read_so_that_the_editor_can_show_it(over: dict[str, Any], field: str, code: str) -> None:
    (problem,) = flow(over).limits
    assert (problem.step, problem.field, problem.code) == ("a", field, code)
    assert problem.blocks


def test_the_schema_is_valid_and_accepts_every_starter() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for starter in STARTERS.values():
        Draft202012Validator(SCHEMA).validate(starter.read().document)


@settings(max_examples=50, deadline=None)
@given(mutated())
def test_the_prepared_schema_finds_what_the_published_one_finds(document: Any) -> None:
    """Reading uses the schema in another form, to be fast."""
    published = Draft202012Validator(SCHEMA).iter_errors(document)
    assert _places(schema_errors(document)) == _places(published)


def _places(errors: Iterable[ValidationError]) -> list[tuple[str, str]]:
    return sorted((str(list(error.absolute_path)), error.message) for error in errors)


def test_the_example_of_the_documentation_has_no_problems() -> None:
    page = (Path(__file__).parents[3] / "docs" / "bots-format.md").read_text(encoding="utf-8")
    example = page.split("```json")[1].split("```")[0]
    assert check_flow(read_flow(example)) == []


def test_settings_have_defaults() -> None:
    plain, set_up = read_flow(SMALL), flow(step("a", "end"), greets=False, silence_seconds=0, continues=True, person_words=[])
    assert (plain.greets, plain.silence_seconds, plain.continues, plain.person_words) == (
        True,
        3,
        False,
        ("atendente", "humano", "human"),
    )
    assert (set_up.greets, set_up.silence_seconds, set_up.continues, set_up.person_words) == (False, 0, True, ())
