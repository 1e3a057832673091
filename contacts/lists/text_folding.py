"""Text as search compares it: without case, accents and punctuation."""

import unicodedata

LETTERS = {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
"""Letters that Unicode takes for letters of their own, and people type as these."""


class _Folding(dict[int, str]):
    """What each letter becomes, worked out when it is first met. Letter by letter, because to order many accents on one letter, as
    `unicodedata.normalize` does, takes the square of their number."""

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
    """The text's words in lower case, without accents, apart by one space: “José  DA-Silva” is “jose da silva”."""
    return " ".join(text.translate(_FOLDING).split())


def fold_letter(letter: str) -> str:
    """What one letter becomes: nothing if it is an accent, a space if it is no letter."""
    return _FOLDING[ord(letter)]
