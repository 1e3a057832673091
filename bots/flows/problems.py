"""What is wrong with a flow, in words that the person who builds it understands.

A problem that blocks keeps a flow from being published. Other problems are warnings.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


WORDS = {
    # The document
    "not_text": _("The file is not text in UTF-8."),
    "not_json": _("The file is not JSON: line %(line)s, column %(column)s."),
    "not_a_flow": _("This is not a flow."),
    "too_large": _("A flow has at most %(limit)s KB."),
    "too_deep": _("The flow is nested too deep: at most %(limit)s levels."),
    "repeated_key": _("“%(key)s” occurs twice in one object."),
    "bad_number": _("The flow contains a number that cannot be stored."),
    "bad_character": _("The flow contains a character that cannot be stored."),
    "other_format": _("This flow has format %(value)s. The hub reads format %(limit)s."),
    # The schema
    "missing": _("“%(name)s” is missing."),
    "unknown_field": _("“%(name)s” does not belong here."),
    "wrong_type": _("This has the wrong form."),
    "wrong_value": _("“%(value)s” is not possible here."),
    "wrong_id": _("Only small letters without accents, digits, - and _; at most 40 characters."),
    "wrong_variable": _("A variable's name has small letters without accents, digits and _, and begins with a letter."),
    "wrong_date": _("Write the date as year-month-day, such as 2026-12-31, or the word today."),
    "empty": _("This must not be empty."),
    "too_long": _("At most %(limit)s characters."),
    "too_few": _("At least %(limit)s of these."),
    "too_many": _("At most %(limit)s of these."),
    "too_small": _("At least %(limit)s."),
    "too_big": _("At most %(limit)s."),
}
"""The sentence of each code, to be translated."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a step. `step` is its id, empty if the problem is about the whole flow. `field` is the place in the
    step, such as `message.buttons.0.title`, empty if the problem is about the whole step."""

    code: str
    step: str = ""
    field: str = ""
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)
    blocks: bool = True
    words: str = ""
    """The sentence, where the code alone does not determine it."""

    @property
    def text(self) -> str:
        """The sentence in the current language."""
        return gettext(self.words or WORDS[self.code]) % self.values
