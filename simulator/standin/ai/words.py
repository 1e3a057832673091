"""Languages, and the sentences of a text that fit a question: they share most words with it."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

Language = Literal["pt", "es", "en"]

STEM = 4
"""Letters of a word that count, so that “abre” fits “abrem”."""
MAX_SENTENCES = 3
FEW_WORDS = 2
"""Of a question with at most so many words one is enough to find a sentence. Of a longer one it takes two."""


def plain_words(text: str) -> list[str]:
    """Returns the words of a text in small letters without accents."""
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return re.findall(r"\w+", "".join(each for each in decomposed if not unicodedata.combining(each)))


MARKS: dict[Language, frozenset[str]] = {
    "pt": frozenset(
        plain_words(
            "voce voces qual quais quanto quantos quando onde nao sim obrigado obrigada oi oii ola bom boa dia tarde noite quero "
            "queria posso tem sao uma um com meu minha eu pra vcs os as e o na em ao fica"
        )
    ),
    "es": frozenset(
        plain_words(
            "usted ustedes cual cuales cuanto cuantos cuando donde no si gracias hola buenos buenas quiero quisiera puedo tienen "
            "hay son una un con mi yo los las el es y en al la"
        )
    ),
    "en": frozenset(
        plain_words(
            "the you your what which how much many when where is are do does yes thanks thank hello hi want would can have a an "
            "with my i we good morning to of and"
        )
    ),
}
"""Short words of each language, without accents."""
COMMON = frozenset(
    plain_words(
        "que como por para pelo pela isso isto este esta esse essa dos das nos nas mais mas ele ela quem tudo bem favor "
        "del por porque esto eso muy mas tengo puede the and for this that they there please would could tell about"
    )
).union(*MARKS.values())
"""Words that say nothing about the subject of a question."""

_TAG = re.compile(r"</?[A-Za-z][^>]*>")
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^a-z\s])")
_BULLET = re.compile(r"^[\s#*•–-]+")
_QUESTION = re.compile(r"[^?!.\n]+\?")
_KNOWLEDGE = re.compile(r"<knowledge>((?:(?!<knowledge>).)*?)</knowledge>", re.DOTALL | re.IGNORECASE)
"""The innermost: instructions may mention the tag."""


def stems(text: str) -> frozenset[str]:
    """Returns what counts of the words of a text."""
    return frozenset(word[:STEM] for word in plain_words(text) if word not in COMMON and (len(word) > 2 or word.isdigit()))


def language_of(text: str) -> Language:
    """Returns the language of a text, Portuguese in doubt."""
    words = plain_words(text)
    return max(MARKS, key=lambda language: sum(word in MARKS[language] for word in words))


def knowledge_of(system: str) -> str:
    """Returns the part of a system prompt that is marked as knowledge, or all of it."""
    return "\n".join(found[1] for found in _KNOWLEDGE.finditer(system)) or system


def fitting_sentences(text: str, question: str) -> list[str]:
    """Returns the sentences that share most words with the question, at most three, in their order. Empty if none fits. Of several
    questions each has its sentences."""
    questions = [each for each in _QUESTION.findall(question) if stems(each)]
    wanted = questions if len(questions) > 1 else [question]
    sentences = _sentences(text)
    return list(dict.fromkeys(each for asked in wanted for each in _fitting(sentences, stems(asked))))


def _fitting(sentences: Sequence[str], wanted: frozenset[str]) -> list[str]:
    found = [(len(wanted & stems(each)), each) for each in sentences]
    best = max((count for count, _ in found), default=0)
    if best < (1 if len(wanted) <= FEW_WORDS else 2):
        return []
    return [each for count, each in found if count == best][:MAX_SENTENCES]


def _sentences(text: str) -> list[str]:
    """Returns the sentences of a text. A line that ends with a colon belongs to the next one."""
    sentences: list[str] = []
    heading = ""
    for line in (_BULLET.sub("", each).strip() for each in _TAG.sub("", text).splitlines()):
        if line.endswith(":"):
            heading = f"{line} "
        elif line:
            sentences += _END_OF_SENTENCE.split(heading + line)
            heading = ""
    return sentences
