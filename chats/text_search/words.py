"""Words of texts, as search compares them: without case and accents, and found by their beginning.

Chinese, Japanese, Thai and Lao are written without spaces. There any two letters that stand together are a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from contacts.lists.text_folding import fold_letter, fold_text

MAX_WORD_LENGTH = 40
"""Letters of a word that are looked at."""
MAX_WORDS = 12
"""Words of a search that are looked for."""
SPACELESS = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def index_words(text: str) -> set[str]:
    """The words by which the text is found."""
    plain = fold_text(text)
    if plain.isascii() or not SPACELESS.search(plain):
        return {word[:MAX_WORD_LENGTH] for word in plain.split()}
    words = {word[:MAX_WORD_LENGTH] for word in SPACELESS.sub(" ", plain).split()}
    for run in SPACELESS.findall(plain):
        words |= set(_pairs(run))
        words.add(run[-1])
    return words


def _pairs(run: str) -> Iterator[str]:
    return (run[start : start + 2] for start in range(len(run) - 1))


@dataclass(frozen=True)
class SearchQuery:
    """What somebody searches for. `words` are beginnings of words that a text must have, to look them up. `parts` say the same as
    pieces of `searchable` text. A text without any word, such as an emoji, has `literal` alone: texts must have it as it is."""

    words: tuple[str, ...]
    parts: tuple[str, ...]
    literal: str

    @classmethod
    def read(cls, typed: str) -> Self:
        plain = fold_text(typed)
        ordinary = [word[:MAX_WORD_LENGTH] for word in SPACELESS.sub(" ", plain).split()]
        runs = [run[:MAX_WORD_LENGTH] for run in SPACELESS.findall(plain)]
        words = [*ordinary, *(word for run in runs for word in (_pairs(run) if len(run) > 1 else run))]
        parts = [*(f" {word}" for word in ordinary[:MAX_WORDS]), *runs[:MAX_WORDS]]
        return cls(tuple(dict.fromkeys(words))[:MAX_WORDS], tuple(dict.fromkeys(parts)), typed.strip())

    @property
    def is_enough(self) -> bool:
        """Whether it says enough to search for it. A letter of Chinese or an emoji does."""
        return len(self.literal) > 1 or not self.literal.isascii()

    def is_in(self, text: str) -> bool:
        """Whether the text says it."""
        if not self.parts:
            return bool(self.literal) and self.literal in text
        plain = searchable(text)
        return all(part in plain for part in self.parts)


def searchable(text: str) -> str:
    """The text folded, with a space before each word."""
    plain = " " + fold_text(text)
    return plain if plain.isascii() else SPACELESS.sub(r" \g<0> ", plain)


def find_match(text: str, wanted: SearchQuery) -> tuple[int, int] | None:
    """Where the text says the first of what is wanted: from and to which letter. None if it does not."""
    if not wanted.parts:
        start = text.find(wanted.literal) if wanted.literal else -1
        return (start, start + len(wanted.literal)) if start >= 0 else None
    plain, origins = _with_origins(text)
    for part in wanted.parts:
        start = plain.find(part)
        if start >= 0:
            letters = origins[start + part.startswith(" ") : start + len(part)]
            end = letters[-1] + 1
            while end < len(text) and not fold_letter(text[end]):  # the accents of the last letter
                end += 1
            return letters[0], end
    return None


def _with_origins(text: str) -> tuple[str, list[int]]:
    """The text as `searchable` has it, but for doubled spaces; and for each of its letters the place in the text it came from."""
    plain, origins = [" "], [0]
    was_spaceless = False
    for place, letter in enumerate(text):
        piece = fold_letter(letter)
        is_spaceless = bool(SPACELESS.match(piece))
        if piece and is_spaceless != was_spaceless:
            plain.append(" ")
            origins.append(place)
        for each in piece:
            plain.append(each)
            origins.append(place)
        was_spaceless = is_spaceless if piece else was_spaceless
    return "".join(plain), origins
