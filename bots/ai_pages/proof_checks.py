"""What is wrong with an answer of an AI to the question of a proof."""

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.flows.texts import fold
from bots.models import AiProof

Fault = tuple[str, str]
"""A code, and the text that was looked for."""
FAULT_WORDS: Mapping[str, Promise] = {
    "missing": _("does not contain “%(text)s”"),
    "forbidden": _("contains “%(text)s”"),
    "no_person": _("did not call a person"),
}


def faults_of(proof: AiProof, messages: Sequence[str], *, hands_over: bool) -> list[Fault]:
    """Returns what is wrong with an answer. Empty: the proof is passed."""
    answer = fold("\n".join(messages))
    faults = [("missing", text) for text in proof.must if not contains(answer, text)]
    faults += [("forbidden", text) for text in proof.must_not if contains(answer, text)]
    return [*faults, ("no_person", "")] if proof.must_hand_over and not hands_over else faults


def contains(folded_answer: str, text: str) -> bool:
    """Returns whether the folded answer contains the text, from the beginning of a word: “sábado” is also in “sábados”, but “10” is
    not in “R$ 110”. Case, accents, punctuation and spaces do not matter."""
    return f" {fold(text)}" in f" {folded_answer}"


def fault_text(code: str, text: str) -> str:
    """Returns what is wrong, in words."""
    return gettext(str(FAULT_WORDS[code])) % {"text": text} if code in FAULT_WORDS else code
