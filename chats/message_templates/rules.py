"""Meta's rules for new templates, checked before Meta is asked: a refusal of Meta's takes hours and says little."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from django.utils.translation import gettext_lazy as _

from chats.message_templates.components import blanks_of
from chats.message_templates.variables import spans_of, tidy, variables_of, without_variables
from chats.models import MessageTemplate

NAME = re.compile(r"[a-z0-9_]{1,512}")
VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
PHONE = re.compile(r"\+?[0-9]{5,20}")
ADDRESS = re.compile(r"https?://[^\s/]+\.[^\s]+")
LONGEST_HEADER, LONGEST_BODY, LONGEST_FOOTER = 60, 1024, 60
LONGEST_BUTTON, LONGEST_URL, LONGEST_EXAMPLE = 25, 2000, 200
MOST_BUTTONS = 10
MOST_OF_A_KIND = {"URL": 2, "PHONE_NUMBER": 1, "QUICK_REPLY": 10}
WORDS_PER_VARIABLE = 2


@dataclass(frozen=True, slots=True)
class DraftButton:
    """A button to be; `row` is its line in the form, `value` its address or phone number."""

    row: int
    kind: str
    text: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A template to be. `examples` are by the keys of the variables' blanks (see `chats.message_templates.components`)."""

    name: str
    language: str
    category: str
    body: str
    header: str = ""
    footer: str = ""
    buttons: Sequence[DraftButton] = ()
    examples: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why Meta would refuse it: the form's field, and a sentence."""

    field: str
    words: Any


def problems(draft: Draft) -> list[Problem]:
    """All that can be told without asking Meta."""
    if not NAME.fullmatch(draft.name):
        name = [Problem("name", _("Only small letters without accents, digits and _, such as order_shipped; at most 512."))]
    else:
        name = []
    return [
        *name,
        *_of_header(draft.header),
        *_of_body(draft.body),
        *_of_variables(draft),
        *_of_footer(draft.footer),
        *_of_buttons(draft.buttons),
        *_of_examples(draft),
    ]


def _of_header(header: str) -> Iterator[Problem]:
    if len(header) > LONGEST_HEADER:
        yield Problem("header", _("At most 60 characters."))
    if "\n" in header:
        yield Problem("header", _("The header has one line."))
    if len(spans_of(header)) > 1:
        yield Problem("header", _("The header takes one variable at most."))


def _of_body(body: str) -> Iterator[Problem]:
    spans = spans_of(body)
    if not body.strip():
        yield Problem("body", _("Write what the message says."))
        return
    if len(body) > LONGEST_BODY:
        yield Problem("body", _("At most 1,024 characters."))
    if spans and (not body[: spans[0][0]].strip() or not body[spans[-1][1] :].strip()):
        yield Problem("body", _("WhatsApp refuses texts that begin or end with a variable: put words before and after it."))
    if any(not body[one[1] : other[0]].strip() for one, other in pairwise(spans)):
        yield Problem("body", _("Put words between two variables: WhatsApp refuses those that stand side by side."))
    if len(re.findall(r"\w+", without_variables(body))) < WORDS_PER_VARIABLE * len(spans):
        yield Problem("body", _("There are too many variables for so few words. Write more around them, or use fewer."))


def _of_variables(draft: Draft) -> Iterator[Problem]:
    """Of one kind in the whole template: 1, 2, 3 without a gap in each text, or names."""
    numbered = False
    named = False
    for place, written in (("header", draft.header), ("body", draft.body)):
        names = variables_of(written)
        digits = [name for name in names if name.isascii() and name.isdigit()]
        numbered, named = numbered or bool(digits), named or len(digits) < len(names)
        if len(digits) == len(names) and sorted(names, key=int) != [str(number) for number in range(1, len(names) + 1)]:
            yield Problem(place, _("Number the variables {{1}}, {{2}}, {{3}} … from 1 on, without a gap."))
        if any(not VARIABLE_NAME.fullmatch(name) for name in names if name not in digits):
            yield Problem(place, _("Names of variables are small letters, digits and _, such as {{order_id}}."))
        if re.search(r"\{\{|\}\}", without_variables(written)):
            yield Problem(place, _("There is a brace too many: a variable is written {{1}} or {{order_id}}."))
    if numbered and named:
        yield Problem("body", _("Use numbers for all variables, or names for all."))


def _of_footer(footer: str) -> Iterator[Problem]:
    if len(footer) > LONGEST_FOOTER:
        yield Problem("footer", _("At most 60 characters."))
    if "{{" in footer:
        yield Problem("footer", _("The footer takes no variables."))


def _of_buttons(buttons: Sequence[DraftButton]) -> Iterator[Problem]:
    texts: set[str] = set()
    for button in buttons:
        place = f"button_{button.row}_text"
        if not 0 < len(button.text) <= LONGEST_BUTTON:
            yield Problem(place, _("A button says something, in at most 25 characters."))
        elif "{{" in button.text:
            yield Problem(place, _("What a button says takes no variables."))
        elif button.text in texts:
            yield Problem(place, _("Two buttons must not say the same."))
        texts.add(button.text)
        yield from _of_value(button)
    yield from _of_all_buttons(buttons)


def _of_all_buttons(buttons: Sequence[DraftButton]) -> Iterator[Problem]:
    kinds = [button.kind for button in buttons]
    for kind, words in TOO_MANY.items():
        for button in [button for button in buttons if button.kind == kind][MOST_OF_A_KIND[kind] :]:
            yield Problem(f"button_{button.row}_kind", words)
    if [is_reply for is_reply, _group in groupby(kind == "QUICK_REPLY" for kind in kinds)].count(True) > 1:
        last = next(button for button in reversed(buttons) if button.kind == "QUICK_REPLY")
        yield Problem(f"button_{last.row}_kind", _("Put all quick replies side by side, before or after the other buttons."))


TOO_MANY = {"URL": _("At most two buttons with an address."), "PHONE_NUMBER": _("At most one button with a phone number.")}


def _of_value(button: DraftButton) -> Iterator[Problem]:
    place = f"button_{button.row}_value"
    if button.kind == "PHONE_NUMBER" and not PHONE.fullmatch(re.sub(r"[\s().-]", "", button.value)):
        yield Problem(place, _("A phone number with its country code, such as +55 61 3321-4400."))
    if button.kind != "URL":
        return
    if len(button.value) > LONGEST_URL or not ADDRESS.fullmatch(without_variables(button.value).strip()):
        yield Problem(place, _("An address that begins with https://, in at most 2,000 characters."))
    spans = spans_of(button.value)
    if len(spans) > 1 or (spans and (spans[0][1] != len(button.value) or variables_of(button.value) != ["1"])):
        yield Problem(place, _("An address takes one variable, {{1}}, at its end."))


def _of_examples(draft: Draft) -> Iterator[Problem]:
    for blank in blanks_of(template_of(draft)):
        example = draft.examples.get(blank.key, "")
        if not example:
            yield Problem(f"example_{blank.key}", _("WhatsApp wants an example of every variable."))
        elif len(example) > LONGEST_EXAMPLE or re.search(r"[\n\t{}]| {4}", example):
            yield Problem(f"example_{blank.key}", _("A short example in one line, as a customer would read it."))


def template_of(draft: Draft) -> MessageTemplate:
    """The template as it would be, not stored."""
    made = definition(draft)
    columns = ("name", "language", "category", "parameter_format", "components")
    return MessageTemplate(status=MessageTemplate.Status.PENDING, **{column: made[column] for column in columns})


def definition(draft: Draft) -> dict[str, Any]:
    """What Graph is asked to create (reference 8.2, 8.4)."""
    names = [*variables_of(draft.header), *variables_of(draft.body)]
    is_named = any(not name.isdecimal() for name in names)
    header: dict[str, Any] = {"type": "HEADER", "format": "TEXT", "text": tidy(draft.header)}
    body: dict[str, Any] = {"type": "BODY", "text": tidy(draft.body)}
    footer: dict[str, Any] = {"type": "FOOTER", "text": draft.footer}
    buttons: dict[str, Any] = {
        "type": "BUTTONS",
        "buttons": [_button(place, each, draft) for place, each in enumerate(draft.buttons)],
    }
    header |= _example("header", draft.header, draft, is_named)
    body |= _example("body", draft.body, draft, is_named)
    given = [(draft.header, header), (True, body), (draft.footer, footer), (draft.buttons, buttons)]
    return {
        "name": draft.name,
        "language": draft.language,
        "category": draft.category,
        "parameter_format": "NAMED" if is_named else "POSITIONAL",
        "components": [component for is_there, component in given if is_there],
    }


def _example(place: str, written: str, draft: Draft, is_named: bool) -> dict[str, Any]:
    names = variables_of(written)
    if not names:
        return {}
    given = {name: draft.examples.get(f"{place}_{name}", "") for name in names}
    if is_named:
        params = [{"param_name": name, "example": example} for name, example in given.items()]
        return {"example": {f"{place}_text_named_params": params}}
    listed = [given[name] for name in sorted(names, key=int)]
    return {"example": {f"{place}_text": [listed] if place == "body" else listed}}


def _button(place: int, button: DraftButton, draft: Draft) -> dict[str, Any]:
    made: dict[str, Any] = {"type": button.kind, "text": button.text}
    if button.kind == "PHONE_NUMBER":
        return made | {"phone_number": re.sub(r"[\s().-]", "", button.value)}
    if button.kind == "URL":
        made["url"] = tidy(button.value)
        if variables_of(button.value):
            made["example"] = [made["url"].partition("{{")[0] + draft.examples.get(f"button_{place}", "")]
    return made
