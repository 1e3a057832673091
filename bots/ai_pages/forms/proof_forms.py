"""A question with which an AI is proven, and what its answer must contain."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.ai_pages.forms.fields import LinesField, TextField
from bots.flows.texts import fold
from bots.models import AiProof

MAX_QUESTION = 1_000
MIN_LETTERS = 2
"""Letters or digits of a text that is looked for. A single one would be found in nearly every answer."""


class PhrasesField(LinesField):
    """Texts that are looked for in an answer, one a line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_lines=10, max_line=200, rows=3, **options)

    def clean(self, value: Any) -> list[str]:
        found = super().clean(value)
        for text in found:
            if len(fold(text)) < MIN_LETTERS:
                raise ValidationError(gettext("“%(text)s” is too short: write at least two letters or digits.") % {"text": text})
        return found


class QuestionForm(forms.Form):
    """A question to the AI."""

    question = TextField(label=_("Question of a customer"), max_length=MAX_QUESTION, rows=2)


class ProofForm(QuestionForm):
    """A question, and what must and must not be in the answer."""

    must = PhrasesField(
        label=_("The answer must contain"),
        help_text=_("One text a line. Capital letters, accents and punctuation make no difference."),
    )
    must_not = PhrasesField(label=_("The answer must not contain"), help_text=_("One text a line."))
    must_hand_over = forms.BooleanField(label=_("It must call a person"), required=False)

    @staticmethod
    def initial_of(proof: AiProof) -> dict[str, Any]:
        """Returns the values with which the page shows a proof."""
        lines = {"must": "\n".join(proof.must), "must_not": "\n".join(proof.must_not)}
        return {"question": proof.question, "must_hand_over": proof.must_hand_over, **lines}

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not self.errors and not (values["must"] or values["must_not"] or values["must_hand_over"]):
            raise ValidationError(_("Say what the answer must or must not contain, or that it must call a person."))
        return values
