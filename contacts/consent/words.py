"""Words by which customers stop and resume marketing messages, such as PARAR.

A message counts only if it is nothing but the word. Case, accents, punctuation, emoji and invisible marks make no difference.

The words of a number have the time since which they count. A message is compared with the words of its own time, so a late or
repeated message, and a rebuild, lead to the same decisions as before.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from contacts.lists.text_folding import fold_text

WORD_KINDS = ("text", "button", "interactive")
"""Kinds of messages whose content may be one of the words."""
MAX_WORDS = 30
MAX_WORD = 40
"""Characters."""
MAX_VERSIONS = 20
"""Changes of a number's words that are kept. Messages from before count with the oldest of them."""
MAX_MESSAGE = 200
"""Characters. A longer message is never one of the words."""


@dataclass(frozen=True, slots=True)
class MarketingWords:
    """Words, or groups of words, that stop marketing messages, and those that resume them."""

    stop: tuple[str, ...] = ("PARAR", "SAIR", "CANCELAR", "DESCADASTRAR", "STOP", "BAJA")
    resume: tuple[str, ...] = ("VOLTAR", "START")


USUAL_WORDS = MarketingWords()
"""Of numbers that have no words of their own."""


def decision_of_text(text: str, words: MarketingWords) -> bool | None:
    """Returns True if the text stops marketing messages, False if it resumes them, None if it is neither."""
    if len(text) > MAX_MESSAGE:
        return None
    folded = fold_message(text)
    if not folded:
        return None
    if folded in _folded(words.stop):
        return True
    return False if folded in _folded(words.resume) else None


def words_of(stored: Any, at: datetime) -> MarketingWords:
    """Returns the words of a number (`PhoneNumber.marketing_words`) that counted at that time."""
    versions: Sequence[Mapping[str, Any]] = stored or ()
    counting = next((each for each in reversed(versions) if datetime.fromisoformat(each["since"]) <= at), None)
    if counting is None:
        return USUAL_WORDS
    return MarketingWords(tuple(counting["stop"]), tuple(counting["resume"]))


def with_words(stored: Any, words: MarketingWords, now: datetime) -> Any:
    """Returns the words of a number with these from now on, as they are stored. They stay as they are if nothing changes."""
    if words_of(stored, now) == words:
        return stored
    version = {"since": now.isoformat(), "stop": list(words.stop), "resume": list(words.resume)}
    return [*(stored or ()), version][-MAX_VERSIONS:]


def fold_message(text: str) -> str:
    """Returns the words of a text as they are compared. Invisible marks do not separate words."""
    return fold_text(text if text.isascii() else "".join(each for each in text if unicodedata.category(each) != "Cf"))


@lru_cache(maxsize=1024)
def _folded(words: tuple[str, ...]) -> Collection[str]:
    return frozenset(filter(None, map(fold_message, words)))
