"""Answers of webhook bots: what they may contain, and what is said about the others."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.remote.answers import RemoteAnswer, RemoteMessage
from bots.remote.exchanges import Problem
from bots.webhook_bots.answers import InvalidAnswer, read_answer
from cloud_api import messages
from cloud_api.message_checks import check_message

BUTTON = {"id": "a", "title": "A"}


def read(answer: Any, **options: bool) -> RemoteAnswer:
    return read_answer(json.dumps(answer).encode(), **options)


def refusal(answer: Any) -> tuple[Problem, str]:
    with pytest.raises(InvalidAnswer) as refused:
        read_answer(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    return refused.value.problem, refused.value.detail


def test_a_text_alone_is_a_text_message() -> None:
    assert read({"messages": ["Olá!"]}) == RemoteAnswer(messages=(RemoteMessage(messages.text("Olá!")),))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "text", "text": "Olá!"}, "text"),
        ({"type": "media", "kind": "image", "link": "https://shop.example/a.png", "caption": "A"}, "image"),
        ({"type": "buttons", "text": "Qual?", "buttons": [BUTTON]}, "interactive"),
        ({"type": "list", "text": "Qual?", "button": "Ver", "rows": [{**BUTTON, "description": "B"}]}, "interactive"),
        ({"type": "link", "text": "Veja", "title": "Abrir", "url": "https://shop.example"}, "interactive"),
        ({"type": "location_request", "text": "Onde?"}, "interactive"),
        ({"type": "template", "name": "oi", "language": "pt_BR", "values": ["Ana"]}, "template"),
    ],
)
def test_every_message_of_flows_may_be_answered(message, kind) -> None:
    ((found),) = read({"messages": [message]}).messages
    assert found.message["type"] == kind
    assert found.file == ""


def test_a_stored_file_is_named_by_its_key() -> None:
    (found,) = read({"messages": [{"type": "media", "kind": "document", "file": "key-1"}]}).messages
    assert found.file == "key-1"


@pytest.mark.parametrize("text", ["Use {{first_name}}.", "{{x}}", "a { b }} c {{", "{{}}, olá", "{{first_name}}"])
def test_placeholders_stay_as_they_are(text) -> None:
    assert read({"messages": [text]}).messages[0].message["text"]["body"] == text


def test_all_fields_are_read() -> None:
    answer = read(
        {
            "messages": [],
            "hand_over": " Quer trocar. ",
            "labels": {"add": ["VIP", " VIP "], "remove": ["Novo"]},
            "fields": {"name": "Ana"},
            "later": False,
        }
    )
    assert answer == RemoteAnswer(
        hand_over="Quer trocar.", labels_to_add=frozenset({"VIP"}), labels_to_remove=frozenset({"Novo"}), name="Ana"
    )


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"messages": None, "hand_over": None, "labels": None, "fields": None, "later": None},
        {"hand_over": False, "labels": {}, "fields": {"name": ""}, "messages": []},
        {"labels": {"add": None, "remove": []}},
    ],
)
def test_null_and_empty_are_as_if_absent(answer) -> None:
    assert read(answer) == RemoteAnswer()


@pytest.mark.parametrize("body", [b"", b" \n ", b"{}", "\ufeff{}".encode()])
def test_an_empty_body_is_an_answer(body) -> None:
    assert read_answer(body) == RemoteAnswer()


def test_a_hand_over_needs_no_note() -> None:
    assert read({"hand_over": True}).hand_over == ""


def test_an_answer_may_be_announced_in_a_response_only() -> None:
    assert read({"later": True}).is_later
    with pytest.raises(InvalidAnswer):
        read({"later": True}, is_callback=True)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ([], "The answer: This must be an object."),
        (None, "The answer: This must be an object."),
        ("Olá", "The answer: This must be an object."),
        ({"text": "Olá"}, "text: There is no such field. Known are: messages, hand_over, labels, fields, later."),
        ({"messages": "Olá"}, "messages: This must be a list."),
        ({"messages": ["a"] * 11}, "messages: At most 10 of these."),
        ({"messages": [7]}, "messages.0: This has the wrong form."),
        ({"messages": ["a", "b", {"type": "text"}]}, "messages.2: “text” is missing."),
        ({"messages": ["a", {"type": "text", "text": 5}]}, "messages.1.text: This has the wrong form."),
        ({"messages": ["a" * 4097]}, "messages.0.text: At most 4096 characters."),
        ({"messages": [""]}, "messages.0.text: This must not be empty."),
        ({"messages": [{"type": "sms", "text": "a"}]}, "messages.0.type: “sms” is not possible here."),
        ({"messages": [{"type": "text", "text": "a", "x": 1}]}, "messages.0: “x” does not belong here."),
        (
            {"messages": [{"type": "buttons", "text": "a", "buttons": [{"id": "a", "title": "b" * 21}]}]},
            "messages.0.buttons.0.title: At most 20 characters.",
        ),
        (
            {"messages": [{"type": "buttons", "text": "a", "buttons": [BUTTON] * 4}]},
            "messages.0.buttons: At most 3 of these.",
        ),
        ({"hand_over": 1}, "hand_over: This must be a text."),
        ({"hand_over": ""}, "hand_over: This must not be empty. Write true to hand over without a note."),
        ({"hand_over": "a" * 1001}, "hand_over: At most 1000 characters."),
        ({"labels": ["VIP"]}, "labels: This must be an object."),
        ({"labels": {"set": []}}, "labels.set: There is no such field. Known are: add, remove."),
        ({"labels": {"add": "VIP"}}, "labels.add: This must be a list."),
        ({"labels": {"add": ["a", {}]}}, "labels.add.1: This must be a text."),
        ({"labels": {"remove": ["a" * 41]}}, "labels.remove.0: At most 40 characters."),
        ({"fields": {"email": "a@b"}}, "fields.email: There is no such field. Known are: name."),
        ({"fields": {"name": "a" * 151}}, "fields.name: At most 150 characters."),
        ({"later": "yes"}, "later: This must be true or false."),
        ({"later": True, "messages": ["a"]}, "later: An answer that is announced has no other field."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(answer, detail) -> None:
    assert refusal(answer) == (Problem.FORMAT, detail)


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("\u200b", "messages.0.text"),
        ({"type": "buttons", "text": "a", "buttons": [BUTTON, BUTTON]}, "messages.0.buttons"),
        ({"type": "media", "kind": "image"}, "messages.0.file"),
        ({"type": "media", "kind": "audio", "link": "https://a.example/a", "caption": "a"}, "messages.0.caption"),
        ({"type": "media", "kind": "image", "link": "ftp://a.example/a"}, "messages.0.link"),
    ],
)
def test_a_message_that_whatsapp_would_refuse_is_refused(message, place) -> None:
    problem, detail = refusal({"messages": [message]})
    assert problem is Problem.MESSAGE
    assert re.fullmatch(rf"{re.escape(place)}\S*: [A-Z].+\.", detail), detail


@pytest.mark.parametrize(
    ("body", "problem", "detail"),
    [
        (b"<!doctype html>", Problem.NOT_JSON, "Line 1, column 1 is not JSON."),
        (b'{"messages": [}', Problem.NOT_JSON, "Line 1, column 15 is not JSON."),
        (b"\xff", Problem.NOT_JSON, "The answer is not text in UTF-8."),
        (b'{"messages": [NaN]}', Problem.FORMAT, "The answer contains a number that cannot be stored."),
        (b'{"messages": [1e999]}', Problem.FORMAT, "The answer contains a number that cannot be stored."),
        (b'{"messages": [' + b"9" * 5000 + b"]}", Problem.FORMAT, "The answer contains a number that cannot be stored."),
        (b'{"later": false, "later": true}', Problem.FORMAT, "“later” occurs twice in one object."),
        (b'{"messages": ["\\ud83d"]}', Problem.FORMAT, "The answer contains a character that cannot be stored."),
        (b'{"messages": ["a\\u0000"]}', Problem.FORMAT, "The answer contains a character that cannot be stored."),
        (b'{"a\\u0000": 1}', Problem.FORMAT, "The answer contains a character that cannot be stored."),
        (b"[" * 10_000 + b"]" * 10_000, Problem.FORMAT, "The answer is nested too deep: at most 12 levels."),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, Problem.FORMAT, "The answer is nested too deep: at most 12 levels."),
        (b" " * (64 * 2**10) + b"{}", Problem.TOO_LARGE, "At most 64 KiB."),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body, problem, detail) -> None:
    assert refusal(body) == (problem, detail)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "media", "buttons", "list", "link", "location_request", "template"])},
    optional={
        **{name: st.text(max_size=30) | VALUES for name in ("text", "title", "url", "link", "file", "caption", "button", "name")},
        **{name: VALUES | st.lists(st.just(BUTTON), max_size=4) for name in ("buttons", "rows", "values")},
        "kind": st.sampled_from(["image", "audio", "document"]),
        "language": st.just("pt_BR"),
    },
)


@given(st.binary())
def test_any_bytes_are_an_answer_or_refused(body) -> None:
    with suppress(InvalidAnswer):
        read_answer(body)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "messages": st.lists(MESSAGES | st.text(max_size=20), max_size=4) | VALUES,
            "hand_over": VALUES,
            "labels": VALUES,
            "fields": VALUES,
            "later": VALUES,
        },
    )
)
def test_an_answer_that_is_read_can_be_sent(answer) -> None:
    with suppress(InvalidAnswer):
        for each in read(answer).messages:
            check_message(each.message)
