"""The names of an AI's settings, in words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SETTING_NAMES: Mapping[str, Promise] = {
    "name": _("Name"),
    "who": _("Who is it?"),
    "organization": _("What does your organization do?"),
    "tone": _("How does it talk?"),
    "never": _("What may it never say or promise?"),
    "knowledge": _("What it knows"),
    "languages": _("Languages in which it may answer"),
    "labels": _("Labels that it may give to a contact"),
    "may_set_name": _("May store the name that the customer tells it"),
    "person_words": _("Words with which customers ask for a person"),
    "silence_seconds": _("Seconds of silence before it answers"),
    "history_messages": _("Earlier messages that it reads"),
    "history_tokens": _("Tokens of earlier messages at most"),
    "answer_tokens": _("Tokens of one answer at most"),
    "model": _("Model"),
    "temperature": _("Temperature"),
    "tools": _("Web calls"),
}
"""By the name of the column of `AiSettings`, in the order of the pages."""
