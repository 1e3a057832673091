"""Whether an answer contains what customers must not read: the key, or a part of the instructions word for word.

The key is in no prompt. It is looked for all the same, since an administrator may have pasted it somewhere.
"""

from collections.abc import Iterable

from bots.ai.prompts import confidential_part
from bots.ai.questions import Dialogue
from bots.flows.texts import fold

MIN_KEY = 8
"""Shorter keys are no secrets but words such as `none`."""
RUN = 60
"""Letters of the instructions, without accents and punctuation, that an answer may not have."""
LONG_RUN = 200
"""The same of the sentences about who the AI is: it may introduce itself."""


def has_leak(texts: Iterable[str], dialogue: Dialogue) -> bool:
    """Returns whether the texts of an answer contain the key or a part of the instructions."""
    text, key = " ".join(texts), dialogue.endpoint.api_key
    if len(key) >= MIN_KEY and key in "".join(text.split()):
        return True
    folded, who = fold(text), fold(dialogue.settings.who)
    if _have_common_run(folded, fold(confidential_part(dialogue, with_who=False)), RUN):
        return True
    return _have_common_run(folded, who, LONG_RUN)


def _have_common_run(text: str, secret: str, length: int) -> bool:
    runs = {secret[start : start + length] for start in range(len(secret) - length + 1)}
    return any(text[start : start + length] in runs for start in range(len(text) - length + 1))
