"""Responses of any form: a completion, or a problem in words."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bots.ai.completions import CompletionRequest, ModelFailed, is_json, read_completion, read_written_call
from bots.ai.whatsapp_texts import as_whatsapp

REQUEST = CompletionRequest(model="m", messages=[{"role": "user", "content": "oi"}], max_tokens=10)
NAMES = st.sampled_from(
    [
        *("choices", "message", "content", "tool_calls", "function", "name", "arguments", "finish_reason", "refusal", "usage"),
        *("prompt_tokens", "completion_tokens", "error", "code", "param", "id", "model", "type", "text", "messages"),
    ]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["reply", "length", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


def read(status: int, body: bytes) -> None:
    """Reads a response, which must be a completion or an exchange with a problem."""
    try:
        completion = read_completion(status, body, REQUEST, "sk-secret")
    except ModelFailed as problem:
        problem.exchange()  # raises without a problem
        return
    assert completion.input_tokens >= 0 <= completion.output_tokens
    assert isinstance(completion.content, str)


@given(document=VALUES, status=st.sampled_from([200, 201, 302, 400, 401, 404, 429, 500, 999]))
@settings(max_examples=300, deadline=None)
def test_any_json_is_a_completion_or_a_problem(document: Any, status: int) -> None:
    for body in (document, {"choices": [{"message": document}]}, {"choices": [document], "usage": document}, {"error": document}):
        read(status, json.dumps(body).encode())


@given(body=st.binary(max_size=200), status=st.integers(200, 599))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_completion_or_a_problem(body: bytes, status: int) -> None:
    read(status, body)


@given(content=st.text(max_size=300) | VALUES.map(json.dumps))
@settings(max_examples=200, deadline=None)
def test_any_content_is_a_call_or_not(content: str) -> None:
    call = read_written_call(content)
    assert call is None or is_json(content)
    as_whatsapp(content)
