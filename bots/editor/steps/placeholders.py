"""What can be inserted into texts: placeholders of the hub, and values that the bot stores."""

from collections.abc import Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bots.editor.steps.outputs import Document

PLACEHOLDERS: dict[str, str | Promise] = {
    "first_name": _("First name of the customer"),
    "name": _("Name of the customer"),
    "phone": _("Phone of the customer"),
    "organization": _("Name of your business"),
    "hours": _("Business hours"),
    "next_opening": _("When you open next"),
    "today": _("Date of today"),
}


def placeholders_of(document: Document) -> list[tuple[str, str]]:
    """Returns what texts of this flow may contain, with explanations: `{{name}}` and words."""
    variables = [(f"{{{{{name}}}}}", name) for name in variables_of(document)]
    return [(f"{{{{{name}}}}}", str(words)) for name, words in PLACEHOLDERS.items()] + variables


def variables_of(document: Document) -> list[str]:
    """Returns the names of the values that steps store, in the order of the steps."""
    return list(dict.fromkeys(name for name in _stored(document) if name))


def _stored(document: Document) -> Iterator[str]:
    for step in document["steps"]:
        if step["type"] == "ask":
            yield step["variable"]
        elif step["type"] == "set" and step["target"] == "variable":
            yield step["name"]
        elif step["type"] == "call":
            yield from (each["variable"] for each in step.get("save", []))
