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
    # Steps and paths
    "repeated_step": _("Two steps have the ID “%(name)s”."),
    "unknown_step": _("There is no step “%(name)s”."),
    "unreachable": _("No path leads to this step."),
    "dead_end": _("The path ends here. If that is meant, let it lead to an end step."),
    "silent_loop": _("These steps go round without waiting for an answer: %(steps)s."),
    "recursion": _("This sub-flow calls itself: %(steps)s."),
    "subflows_too_deep": _("At most %(limit)s sub-flows inside each other."),
    "too_many_messages": _("Up to %(count)s messages follow each other without an answer, at most %(limit)s."),
    "path_too_long": _("Up to %(count)s steps follow each other without an answer, at most %(limit)s."),
    # Texts and variables
    "unknown_placeholder": _("There is no variable “%(name)s”."),
    "unknown_variable": _("No step sets the variable “%(name)s”."),
    "reserved_variable": _("“%(name)s” is taken. Choose another name."),
    "too_many_variables": _("A flow has at most %(limit)s variables."),
    "no_placeholder_here": _("Placeholders are not filled in here."),
    "brace": _("There is a brace too many: a variable is written {{name}}."),
    # Messages
    "refused": "",
    "unknown_file": _("The hub does not have this file, or it is of another kind. Choose it again."),
    "repeated_choice": _("Two of these have the ID “%(name)s”."),
    "repeated_title": _("Two of these say “%(name)s”."),
    "similar_title": _("A customer who types “%(name)s” may mean two of these."),
    # Branches
    "choice_never_offered": _("This never matches: no message offers the choice “%(name)s”."),
    "case_never_matches": _("This never matches: case %(number)s matches first."),
    "no_time_to_choose": _(
        "This looks at the customer's choice before there was time to choose. Put a step before it that waits for an answer."
    ),
    "condition_incomplete": _("Choose either a text to compare with, or whether it is empty."),
    "invalid_pattern": _("This pattern cannot be read: %(reason)s."),
    "word_without_letters": _("This word has no letter, digit or emoji."),
    "empty_range": _("The first limit is greater than the second, so nothing fits."),
    "not_a_number": _("This must be a number."),
    # Single types of steps
    "no_limit_here": _("An answer of this kind has no limits."),
    "reminder_too_late": _("The reminder must come before the time-out."),
    "percent_sum": _("The shares must be 100 percent together, not %(percent)s."),
    "no_label": _("Choose a label to add or to remove."),
    "consent_after_silence": _("A path leads here after a time-out, without an answer. Silence decides nothing."),
    "consent_unasked": _("A path leads here before the customer has answered anything. Ask first."),
    "invalid_url": _("This is not a web address."),
    "not_https": _("The address must begin with https://."),
    "url_with_user": _("The address must not contain a user name or a password."),
    "url_host_variable": _("The name of the server must not contain placeholders."),
    "private_url": _("This address belongs to a private network."),
    "wrong_header": _("The header “%(name)s” cannot be set."),
    "wrong_header_value": _("A header has one line."),
    "body_of_get": _("A GET request has no body."),
    "wrong_path": _("Write the path with points, such as orders.0.status."),
    "not_in_example": _("The example has no such value."),
    "unknown_ai": _("Your organization has no AI “%(name)s”. Choose another one."),
    "repeated_branch": _("Two paths have the name “%(name)s”."),
    "no_such_branch": _("No path has the name “%(name)s”."),
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
