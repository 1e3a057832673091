"""Reading posts of forms as operations."""

from typing import Any

import pytest

from bots.editor.edits import read_edit
from bots.editor.operations import InvalidOperation, add_step, empty_flow, step_of
from bots.editor.steps.outputs import Document


def flow_with(kind: str, **fields: Any) -> Document:
    document, _ = add_step(empty_flow("Bot"), kind)
    document, _ = add_step(document, "end", after=document["steps"][-1]["id"])
    document["steps"][0] |= fields
    return document


def post(document: Document, **values: str | list[str]) -> Document:
    posted = {name.replace("__", "."): [value] if isinstance(value, str) else value for name, value in values.items()}
    return read_edit(document, {"step_id": ["s1"], "has_fields": ["1"], **posted}).document


def changed(kind: str, fields: Any = None, **values: str | list[str]) -> dict[str, Any]:
    return step_of(post(flow_with(kind, **fields or {}), **values), "s1")


def test_lines_of_a_text_are_kept_as_they_are_typed() -> None:
    assert changed("send", message__text="Hi\r\n  there ")["message"]["text"] == "Hi\n  there "


def test_the_type_of_a_message_changes_with_its_text_and_its_choices() -> None:
    buttons = changed("send", message__text="Hi", message__type="buttons")
    rows = changed("send", {"message": buttons["message"]}, **{"message.type": "list", "message.buttons.0.title": "Prices"})

    assert buttons["message"] | {"buttons": []} == {"type": "buttons", "text": "Hi", "buttons": []}
    assert [button["id"] for button in buttons["message"]["buttons"]] == ["b1"]
    assert rows["message"]["rows"] == [{"id": "b1", "title": "Prices"}]


def test_a_reminder_comes_and_goes_by_a_switch() -> None:
    on = changed("wait", **{"has:reminder": "1"})
    off = changed("wait", {"reminder": on["reminder"]}, **{"reminder.minutes": "5"})

    assert on["reminder"]["minutes"] == 30
    assert "reminder" not in off


def test_a_variable_is_written_as_a_name() -> None:
    assert changed("ask", variable=" {{E mail}} ")["variable"] == "e_mail"


@pytest.mark.parametrize(("typed", "stored"), [("1,5", 1.5), ("2", 2), ("", None), ("abc", 7), ("NaN", 7), ("1e999", 7)])
def test_numbers_have_decimal_commas_and_what_is_no_number_changes_nothing(typed: str, stored: float | None) -> None:
    cases = [{"when": {"type": "number", "min": 7}, "next": None}]
    found = changed("branch", {"cases": cases}, **{"cases.0.when.min": typed})

    assert found["cases"][0]["when"].get("min") == stored


def test_words_are_separated_by_commas_and_lines() -> None:
    found = changed("branch", **{"cases.0.when.words": "preço,  tabela de preços\nvalor,preço,"})

    assert found["cases"][0]["when"]["words"] == ["preço", "tabela de preços", "valor"]


def test_the_type_of_a_condition_changes() -> None:
    found = changed("branch", **{"cases.0.when.type": "hours", "cases.0.when.words": "x"})

    assert found["cases"][0]["when"] == {"type": "hours", "open": True}


def test_a_consent_is_to_a_purpose_of_the_hub_or_in_own_words() -> None:
    other = changed("consent", decision="withdrawn", **{"purpose.kind": "other"})
    own = changed("consent", other, **{"purpose.kind": "other", "purpose": " Lembretes  de consulta "})
    service = changed("consent", own, **{"purpose.kind": "service", "purpose": "Lembretes"})

    assert (other["decision"], other["purpose"]) == ("withdrawn", "")
    assert own["purpose"] == "Lembretes de consulta"
    assert service["purpose"] == "service"


def test_a_comparison_is_with_a_text_or_with_emptiness() -> None:
    cases = [{"when": {"type": "variable", "name": "x", "is": "a"}, "next": None}]
    found = changed("branch", {"cases": cases}, **{"cases.0.when.comparison": "filled", "cases.0.when.is": "b"})

    assert found["cases"][0]["when"] == {"type": "variable", "name": "x", "empty": False}


def test_json_is_stored_as_its_value_and_other_text_as_it_is() -> None:
    assert changed("call", method="POST", body='{"a": [1]}')["method"] == "POST"
    call = {"method": "POST"}
    assert changed("call", call, body='{"a": [1]}')["body"] == {"a": [1]}
    assert changed("call", call, body='{"a": NaN}')["body"] == '{"a": NaN}'
    assert changed("call", call, body='{"a"')["body"] == '{"a"'
    assert "body" not in changed("call", call | {"body": 1}, body="  ")


def test_headers_are_lines() -> None:
    assert changed("call", headers="Accept: text/plain\n\nX-Key:  a:b ")["headers"] == {"Accept": "text/plain", "X-Key": "a:b"}


def test_the_name_of_the_contact_is_the_only_field_that_can_be_set() -> None:
    field = changed("set", {"name": "x"}, target="field")
    assert (field["target"], field["name"]) == ("field", "name")
    assert changed("set", {"target": "field", "name": "name"}, target="variable")["name"] == ""


def test_a_target_that_is_no_step_changes_nothing() -> None:
    assert changed("send", next="gone")["next"] == "s2"
    assert changed("send", next="")["next"] is None


def test_a_new_step_as_target_is_added_after_the_step() -> None:
    document = post(flow_with("send"), message__text="Hi", next="new:ask")

    assert [step["type"] for step in document["steps"]] == ["send", "ask", "end"]
    assert step_of(document, "s1")["next"] == "s3"
    assert step_of(document, "s1")["message"]["text"] == "Hi"


def test_a_button_of_a_form_keeps_its_fields() -> None:
    document = post(flow_with("split"), **{"shares.0.percent": "30", "do": "add_item:shares"})

    assert [share["percent"] for share in step_of(document, "s1")["shares"]] == [30, 50, 20]


@pytest.mark.parametrize(
    "do", ["nothing", "move:sideways", "add_item:steps", "remove_item:cases", "remove_item:cases:9", "move_item:cases:x:up", "add"]
)
def test_what_no_button_of_the_page_posts_is_refused(do: str) -> None:
    with pytest.raises(InvalidOperation):
        post(flow_with("branch"), do=do)


def test_settings_are_within_their_limits() -> None:
    document = post(
        flow_with("send"), do="settings", has_fields=[], step_id="", name=" ", silence_seconds="99", person_words="gente, gente"
    )

    assert document["name"] == "Bot"
    assert document["settings"] == {"greets": False, "silence_seconds": 15, "continues": False, "person_words": ["gente"]}
