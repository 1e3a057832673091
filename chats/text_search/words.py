"""Words of texts and of searches: folded, and matched by their beginning.

Chinese, Japanese, Thai and Lao are written without spaces. In these scripts, each pair of neighbouring letters is a word.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from contacts.lists.text_folding import fold_letter, fold_text

MAX_WORD_LENGTH = 40
"""Letters of a word that are indexed."""
MAX_WORDS = 12
"""Words of a search."""
SPACELESS = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def index_words(text: str) -> set[str]:
    """Returns the words under which the text is indexed."""
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
    """What a user searches for. `words` are beginnings of indexed words that a text must have. `parts` are the same conditions as
    parts of a `searchable` text. A search without any word, such as an emoji, has only `literal`, which texts must contain
    unchanged."""

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
        """Whether the search is long enough. A Chinese letter or an emoji is, a single Latin letter is not."""
        return len(self.literal) > 1 or not self.literal.isascii()

    def matches(self, text: str) -> bool:
        """Returns whether the text contains what is searched for."""
        if not self.parts:
            return bool(self.literal) and self.literal in text
        plain = searchable(text)
        return all(part in plain for part in self.parts)


def searchable(text: str) -> str:
    """Returns the folded text with a space before each word."""
    plain = " " + fold_text(text)
    return plain if plain.isascii() else SPACELESS.sub(r" \g<0> ", plain)


def find_match(text: str, query: SearchQuery) -> tuple[int, int] | None:
    """Returns the start and the end of the first match in the text. None if there is no match."""
    if not query.parts:
        start = text.find(query.literal) if query.literal else -1
        return (start, start + len(query.literal)) if start >= 0 else None
    plain, origins = _with_origins(text)
    for part in query.parts:
        start = plain.find(part)
        if start >= 0:
            letters = origins[start + part.startswith(" ") : start + len(part)]
            end = letters[-1] + 1
            while end < len(text) and not fold_letter(text[end]):  # combining accents of the last letter
                end += 1
            return letters[0], end
    return None


def _with_origins(text: str) -> tuple[str, list[int]]:
    """Returns the `searchable` text, with doubled spaces, and the index in the original text of each of its letters."""
    plain, origins = [" "], [0]
    was_spaceless = False
    for index, letter in enumerate(text):
        folded = fold_letter(letter)
        is_spaceless = bool(SPACELESS.match(folded))
        if folded and is_spaceless != was_spaceless:
            plain.append(" ")
            origins.append(index)
        for each in folded:
            plain.append(each)
            origins.append(index)
        was_spaceless = is_spaceless if folded else was_spaceless
    return "".join(plain), origins
