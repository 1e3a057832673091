"""Every reason that the code gives can be shown in every language."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from webhooks.processing.hold_reasons import SENTENCES, Reason, code_of_sentence, translate_reason

ROOT = Path(__file__).resolve().parent.parent.parent.parent
REASONS = tuple(SENTENCES.values())
GIVERS = {"Refused", "InvalidObject", "UnreadableBody", "unreadable", "HoldReason", "bury", "set_dead"}


def reasons_in_code() -> Iterator[str]:
    """Yields the sentences, or the first parts of sentences, in the calls that give reasons."""
    for app in ("cloud_api", "contacts", "chats", "webhooks"):
        for path in (ROOT / app).rglob("*.py"):
            if "tests" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in GIVERS:
                    yield from _sentences(node)


def _sentences(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        text = argument.values[0] if isinstance(argument, ast.JoinedStr) else argument
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value:
            yield text.value


def test_every_reason_in_the_code_has_a_code() -> None:
    found = set(reasons_in_code())
    assert len(found) > 15
    assert [reason for reason in found if code_of_sentence(reason) == reason] == []
    assert set(SENTENCES) == set(Reason)


@pytest.mark.parametrize("language", ["pt-br", "es"])
def test_every_reason_is_translated_and_keeps_its_detail(language) -> None:
    with translation.override(language):
        assert [reason for reason in REASONS if translate_reason(reason) == reason] == []
        assert translate_reason("The body is not JSON: char 7.").endswith(": char 7.")
        assert translate_reason("ValueError: something else") == "ValueError: something else"


@pytest.mark.parametrize("language", ["en", "pt-br", "es"])
@pytest.mark.parametrize("reason", list(Reason))
def test_a_code_is_shown_as_the_sentence_that_was_stored_before_there_were_codes(reason, language) -> None:
    with translation.override(language):
        assert translate_reason(reason) == translate_reason(SENTENCES[reason])
        assert translate_reason(f"{reason}: wamid.7.") == translate_reason(f"{SENTENCES[reason]}: wamid.7.")
