"""Folded text, by which search compares: without case, accents and punctuation."""

import unicodedata

LETTERS = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
"""Letters that Unicode does not decompose, with what people type for them."""


class _Folding(dict[int, str]):
    """The folded text of each letter, computed when the letter is first met."""

    # Letter by letter: `unicodedata.normalize` takes quadratic time to order many accents on one letter.

    def __missing__(self, code: int) -> str:
        plain = "".join(
            "" if unicodedata.combining(letter) else LETTERS.get(letter, letter) if letter.isalnum() else " "
            for each in unicodedata.normalize("NFKD", chr(code))
            for letter in each.casefold()
        )
        self[code] = plain
        return plain


_FOLDING = _Folding()


def fold_text(text: str) -> str:
    """Returns the text's words in lower case, without accents, separated by one space: “José  DA-Silva” is “jose da silva”."""
    return " ".join(text.translate(_FOLDING).split())


def fold_letter(letter: str) -> str:
    """Returns the folded text of one letter: empty for an accent, a space for what is no letter."""
    return _FOLDING[ord(letter)]
