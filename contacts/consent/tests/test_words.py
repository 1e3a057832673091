"""Which messages stop and resume marketing messages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.consent.words import (
    MAX_MESSAGE,
    MAX_VERSIONS,
    USUAL_WORDS,
    MarketingWords,
    decision_of_text,
    with_words,
    words_of,
)

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWN = MarketingWords(("chega", "não quero mais"), ("quero de novo",))


@pytest.mark.parametrize(
    "text",
    [
        *("PARAR", "parar", "Parar.", "PARAR!", "  parar \n", "Parar 🙏", "🛑 PARAR 🛑", "Parár", "ＰＡＲＡＲ", "*PARAR*"),
        *("\u200bPARAR\u200b", "PA\u200bRAR", "PARA\u00adR", "\u202ePARAR", "P\u0301ARAR", "PARAR\ufe0f"),
        *("sair", "Cancelar", "STOP", "Baja", "descadastrar"),
    ],
)
def test_a_message_that_is_only_the_word_stops(text: str) -> None:
    assert decision_of_text(text, USUAL_WORDS) is True


@pytest.mark.parametrize(
    "text",
    [
        *("não quero parar", "parar?não", "parar agora", "pararam", "par ar", "", " ", "🙏", "\u200b", "stop stop"),
        *("PARAR" * 13_000, "PARAR" + " " * 65_000, "PARAR" + "🙏" * 20_000, "P" + "\u0301" * 65_000 + "ARAR"),
    ],
    ids=lambda text: text[:20].encode("unicode_escape").decode(),
)
def test_any_other_message_decides_nothing(text: str) -> None:
    assert decision_of_text(text, USUAL_WORDS) is None


@pytest.mark.parametrize("text", ["VOLTAR", "start", "Voltar!"])
def test_the_other_words_resume(text: str) -> None:
    assert decision_of_text(text, USUAL_WORDS) is False


def test_a_number_s_own_words_replace_the_usual_ones() -> None:
    assert decision_of_text("Nao quero mais!", OWN) is True
    assert decision_of_text("Quero de novo", OWN) is False
    assert decision_of_text("PARAR", OWN) is None


def test_a_message_counts_by_the_words_of_its_own_time() -> None:
    stored = with_words(None, OWN, MONDAY)

    assert words_of(stored, MONDAY - timedelta(seconds=1)) == USUAL_WORDS
    assert words_of(stored, MONDAY) == OWN
    again = with_words(stored, USUAL_WORDS, MONDAY + timedelta(days=1))
    assert words_of(again, MONDAY + timedelta(hours=23)) == OWN
    assert words_of(again, MONDAY + timedelta(days=1)) == USUAL_WORDS


def test_saving_the_same_words_changes_nothing() -> None:
    assert with_words(None, USUAL_WORDS, MONDAY) is None
    stored = with_words(None, OWN, MONDAY)
    assert with_words(stored, OWN, MONDAY + timedelta(days=1)) == stored


def test_only_the_latest_changes_are_kept() -> None:
    stored: Any = None
    for day in range(MAX_VERSIONS + 5):
        stored = with_words(stored, MarketingWords((f"palavra {day}",), ()), MONDAY + timedelta(days=day))

    assert len(stored) == MAX_VERSIONS
    assert words_of(stored, MONDAY + timedelta(days=400)).stop == (f"palavra {MAX_VERSIONS + 4}",)


def test_a_number_may_have_no_words() -> None:
    assert decision_of_text("PARAR", words_of(with_words(None, MarketingWords((), ()), MONDAY), MONDAY)) is None


@given(st.text(max_size=MAX_MESSAGE + 10))
def test_no_text_breaks_it(text: str) -> None:
    assert decision_of_text(text, USUAL_WORDS) in (True, False, None)
    if text.strip() and decision_of_text(text, MarketingWords((text,), ())) is None:
        assert len(text) > MAX_MESSAGE or not any(letter.isalnum() for letter in text)
