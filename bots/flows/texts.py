"""Texts of a flow: placeholders such as {{first_name}}, and comparison of what people write."""

import re
import unicodedata
from collections.abc import Callable, Iterable

from cloud_api.payloads.json_values import clean
from cloud_api.payloads.texts import is_visible

PLACEHOLDERS = frozenset({"first_name", "name", "phone", "organization", "hours", "next_opening", "today"})
"""Names that every text may contain. Variables of the flow have other names."""
MAX_ANSWER = 4096
"""Characters of an answer that are read: WhatsApp's limit of a text."""

_PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
_WITH_JOINT = re.compile(r"^\{\{([^{}]*)\}\}(?:,? )?|(?:,? )?\{\{([^{}]*)\}\}", re.MULTILINE)
"""A placeholder with what joins it to the words beside it."""
_JOINS = re.compile("[\u200c\u200d\U000e0020-\U000e007f]")
"""Joiners of letters and emoji, and the letters of flags."""
_LETTERS = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
"""Letters that Unicode does not decompose, with what people type for them."""


def names_in(text: str) -> list[str]:
    """Returns the names of the placeholders in the text, each once."""
    return list(dict.fromkeys(found.strip() for found in _PLACEHOLDER.findall(text)))


def without_placeholders(text: str) -> str:
    return _PLACEHOLDER.sub("", text)


def fill(text: str, value_of: Callable[[str], str], most: int | None = None) -> str:
    """Returns the text with values for its placeholders. If it would have more than `most` characters, the longest values are cut,
    so that only a text that is too long without them stays too long. A placeholder without a value goes with the comma and space
    before it (at the beginning of a line, after it), so that “Hello, {{first_name}}!” becomes “Hello!”."""
    text = _WITH_JOINT.sub(lambda found: found[0] if value_of((found[1] or found[2] or "").strip()) else "", text)
    values = [value_of(found.strip()) for found in _PLACEHOLDER.findall(text)]
    if most is not None:
        values = _cut_all(values, most - len(without_placeholders(text)))
    each = iter(values)
    return _PLACEHOLDER.sub(lambda _found: next(each), text)


def _cut_all(values: list[str], room: int) -> list[str]:
    """Returns the values with together at most `room` characters: each keeps up to the same length."""
    longest, waiting = room, sorted(map(len, values))
    if sum(waiting) <= room:
        return values
    for index, length in enumerate(waiting):
        longest = max(room, 0) // (len(waiting) - index)
        if length > longest:
            break
        room -= length
    return [cut(value, longest) for value in values]


def cut(text: str, most: int) -> str:
    """Returns at most `most` characters of the text, with an ellipsis if something is missing."""
    return text if len(text) <= most else f"{text[: most - 1]}…" if most > 0 else ""


def storable(text: str) -> str:
    """Returns a customer's text as every database can store it, in at most `MAX_ANSWER` characters."""
    return str(clean(text[:MAX_ANSWER]))


def visible(text: str) -> str:
    """Returns the text without marks that show nothing, such as those of direction, and without spaces around it."""
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf").strip()


def readable(text: str) -> str:
    """Returns the text to store and show: without the marks that show nothing, except those that join letters and emoji. Empty if
    nothing of it can be seen."""
    kept = "".join(letter for letter in text if unicodedata.category(letter) != "Cf" or _JOINS.fullmatch(letter)).strip()
    return kept if is_visible(kept) else ""


class _Folding(dict[int, str]):
    """The folded text of each letter, computed when the letter is first met."""

    # Letter by letter: `unicodedata.normalize` takes quadratic time to order many accents on one letter.

    def __missing__(self, code: int) -> str:
        plain = "".join(_folded_letter(letter) for each in unicodedata.normalize("NFKD", chr(code)) for letter in each.casefold())
        self[code] = plain
        return plain


def _folded_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Cf", "Mn", "Me", "Sk"):
        return ""
    if category in ("So", "Sm"):  # customers answer with emoji, and A+ is not A-
        return f" {letter} "
    return _LETTERS.get(letter, letter) if letter.isalnum() else " "


_FOLDING = _Folding()


def fold(text: str) -> str:
    """Returns the words of the text in lower case, without accents, punctuation and invisible marks, separated by one space."""
    return " ".join(text.translate(_FOLDING).split())


def plain(text: str) -> str:
    """Returns the text for an exact comparison: without case, accents and marks, but with its punctuation, except at its ends."""
    letters = (letter for each in text for part in unicodedata.normalize("NFKD", each) for letter in part.casefold())
    kept = " ".join("".join(letter for letter in letters if unicodedata.category(letter) not in ("Cf", "Mn", "Me")).split())
    return kept.strip(" .,;:!?…") or kept


def has_words(folded: str, words: str) -> bool:
    """Returns whether the folded text contains the folded words, as whole words."""
    return bool(words) and f" {words} " in f" {folded} "


def first_word_in(text: str, words: Iterable[str], *, whole: bool = False) -> str:
    """Returns the first of the words that the text contains, or with `whole` consists of. Empty if there is none."""
    folded = fold(text)
    found = (word for word in words if (fold(word) == folded != "" if whole else has_words(folded, fold(word))))
    return next(found, "")
