"""The fields of a condition in the form of a branch."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext

from bots.editor.forms.fields import Field, Option
from bots.editor.steps.conditions import CONDITIONS, FIELDS, KINDS


def condition_fields(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    """Yields the fields of a condition at `path` of its step. `choices` are the buttons and rows of the flow."""
    types = tuple((key, str(words)) for key, words in CONDITIONS.items())
    yield Field(
        f"{path}.type", gettext("Take this path when"), "condition_type", when["type"], options=types, redraws=True, is_wide=False
    )
    yield from FORMS[when["type"]](when, path, choices)


def _choice(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    options = (("", gettext("Choose a button or row")), *choices)
    if when["id"] not in dict(options):
        options = (*options, (when["id"], when["id"]))
    yield Field(f"{path}.id", gettext("Which one"), "select", when["id"], options=options, is_wide=False)


def _keyword(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    words = ", ".join(when["words"])
    yield Field(
        f"{path}.words",
        gettext("Words"),
        "words",
        words,
        help=gettext("Separate several with commas. Capitals and accents do not matter."),
    )
    yield Field(f"{path}.whole", gettext("The message must be nothing else"), "switch", when.get("whole", False))
    yield _variable_of(when, path)


def _variable_of(when: dict[str, Any], path: str) -> Field:
    help_text = gettext("Empty: look at the last answer")
    return Field(f"{path}.variable", gettext("Look at this stored value"), "name", when.get("variable", ""), is_optional=True,
                 list="variables", is_wide=False, help=help_text)  # fmt: skip


def _number(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    yield Field(f"{path}.min", gettext("From"), "number", when.get("min", ""), is_wide=False)
    yield Field(f"{path}.max", gettext("To"), "number", when.get("max", ""), is_wide=False)
    yield _variable_of(when, path)


def _date(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    help_text = gettext("As year-month-day, or the word today")
    for name, label in (("from", gettext("From")), ("to", gettext("To"))):
        yield Field(f"{path}.{name}", label, "date", when.get(name, ""), is_optional=True, is_wide=False, help=help_text)
    yield _variable_of(when, path)


def _kind(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    options = tuple((key, str(words)) for key, words in KINDS.items())
    others = tuple((each, each) for each in when["kinds"] if each not in KINDS)
    yield Field(f"{path}.kinds", gettext("What was sent"), "kinds", tuple(when["kinds"]), options=options + others)


def _hours(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    options = (("yes", gettext("business open")), ("no", gettext("business closed")))
    yield Field(f"{path}.open", gettext("When"), "boolean", "yes" if when["open"] else "no", options=options, is_wide=False)


def _variable(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    yield Field(f"{path}.name", gettext("Which value"), "name", when["name"], limit=40, list="variables", is_wide=False)
    yield from _comparison(when, path)


def _field(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    options = tuple((key, str(words)) for key, words in FIELDS.items())
    yield Field(f"{path}.name", gettext("Of the contact"), "select", when["name"], options=options, is_wide=False)
    yield from _comparison(when, path)


def _comparison(when: dict[str, Any], path: str) -> Iterator[Field]:
    options = (("is", gettext("is")), ("empty", gettext("is empty")), ("filled", gettext("is filled")))
    chosen = "is" if "is" in when else "empty" if when.get("empty", True) else "filled"
    yield Field(f"{path}.comparison", gettext("Compare"), "comparison", chosen, options=options, is_wide=False, redraws=True)
    if "is" in when:
        yield Field(f"{path}.is", gettext("Text"), "line", when["is"], limit=1024, has_placeholders=True)


def _label(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    options = (("yes", gettext("the contact has it")), ("no", gettext("the contact does not have it")))
    yield Field(f"{path}.label", gettext("Label"), "line", when["label"], limit=40, list="labels", is_wide=False)
    yield Field(f"{path}.has", gettext("If"), "boolean", "yes" if when.get("has", True) else "no", options=options, is_wide=False)


def _pattern(when: dict[str, Any], path: str, choices: Sequence[Option]) -> Iterator[Field]:
    yield Field(f"{path}.pattern", gettext("Pattern"), "line", when["pattern"], limit=500)
    yield _variable_of(when, path)


FORMS = {
    "choice": _choice,
    "keyword": _keyword,
    "number": _number,
    "date": _date,
    "kind": _kind,
    "hours": _hours,
    "variable": _variable,
    "field": _field,
    "label": _label,
    "pattern": _pattern,
}
