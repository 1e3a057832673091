"""Meta's checks of a new message template, and of its parameters when it is sent (docs/meta-platform.md 8.2, 8.4).

Meta takes hours to refuse a template and gives few reasons, so everything that can be checked beforehand is checked here. The
form for a new template, the form that fills one, the builder and the simulator use the same checks.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any
from urllib.parse import urlsplit

from cloud_api.limits import (
    EMPTY,
    PARAMETER_MISSING,
    TOO_LONG,
    InvalidMessage,
    check_text,
    has_emoji,
    has_formatting,
    has_line_break,
)
from cloud_api.payloads.texts import mapping, objects, text
from cloud_api.template_variables import spans_of, variables_of, without_variables

Content = Mapping[str, Any]

CATEGORIES = ("MARKETING", "UTILITY", "AUTHENTICATION")
MAX_HEADER_LENGTH, MAX_BODY_LENGTH, MAX_FOOTER_LENGTH = 60, 1024, 60
MAX_BUTTON_LENGTH, MAX_URL_LENGTH, MAX_EXAMPLE_LENGTH = 25, 2000, 200
MAX_COUPON_CODE_LENGTH = 15
MAX_VALUE_LENGTH = 1024
"""Of one variable. The whole text may have no more."""
MAX_BUTTONS = 10
MAX_OF_A_KIND = {"URL": 2, "PHONE_NUMBER": 1, "COPY_CODE": 1}
WORDS_PER_VARIABLE = 2
OF_WHATSAPP = ("wa.me", "whatsapp.com")
TOO_LONG_WHEN_FILLED, PARAMETER_FORMAT = 132005, 132018
"""Meta's codes for wrong parameters of a template (docs/meta-platform.md 9.2)."""

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,4})?")
_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_PHONE = re.compile(r"\+?[0-9]{5,20}")
_ADDRESS = re.compile(r"https?://[^\s/]+\.[^\s]+")
_BROKEN_LINE = re.compile(r"[\r\n\t]| {4}")
"""WhatsApp does not accept these in a variable."""
_WITH_TEXT = ("QUICK_REPLY", "URL", "PHONE_NUMBER")
"""Types of buttons with a text of the business. The text of other buttons is Meta's."""


def _(words: str) -> str:
    """Marks a text for translation. It is translated where it is shown."""
    return words


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """Why Meta would refuse a template.

    `words` is a sentence in English, to be translated. `field` is the part: name, language, category, components, header, body,
    footer, or `example_` with the position of the variable. For the button at index `button`, `field` is kind, text or value.
    """

    field: str
    words: str
    button: int | None = None


def structure_problems(definition: Content) -> Iterator[TemplateProblem]:
    """Yields problems of the structure: without these, it is not a template."""
    if not _NAME.fullmatch(text(definition, "name")):
        yield TemplateProblem("name", _("Only small letters without accents, digits and _, such as order_shipped; at most 512."))
    if not _LANGUAGE.fullmatch(text(definition, "language")):
        yield TemplateProblem("language", _("A language code of WhatsApp's, such as pt_BR."))
    category = text(definition, "category").upper()
    if category not in CATEGORIES:
        yield TemplateProblem("category", _("Marketing, utility or authentication."))
    bodies = [each for each in objects(definition, "components") if _type(each) == "BODY"]
    if len(bodies) != 1 or (not text(bodies[0], "text").strip() and category != "AUTHENTICATION"):
        yield TemplateProblem("body", _("Write what the message says."))


def template_problems(definition: Content) -> list[TemplateProblem]:
    """Returns all problems of a new template that can be found without Meta. `definition` has the form in which Graph gets it."""
    components = {_type(each): each for each in reversed(objects(definition, "components"))}
    header, body = components.get("HEADER", {}), components.get("BODY", {})
    written = text(header, "text") if (text(header, "format").upper() or "TEXT") == "TEXT" else ""
    buttons = objects(components.get("BUTTONS", {}), "buttons")
    return [
        *structure_problems(definition),
        *_of_header(written),
        *_of_body(text(body, "text")),
        *_of_variables(written, text(body, "text")),
        *_of_footer(text(components.get("FOOTER", {}), "text")),
        *_of_buttons(buttons),
        *_of_examples("header", written, mapping(header, "example")),
        *_of_examples("body", text(body, "text"), mapping(body, "example")),
        *_of_button_examples(buttons),
    ]


def _type(component: Content) -> str:
    return text(component, "type").upper()


def _of_header(header: str) -> Iterator[TemplateProblem]:
    if len(header) > MAX_HEADER_LENGTH:
        yield TemplateProblem("header", _("At most 60 characters."))
    if has_line_break(header):
        yield TemplateProblem("header", _("The header has one line."))
    if has_emoji(header):
        yield TemplateProblem("header", _("WhatsApp takes no emoji in the header. The text may have some."))
    if has_formatting(without_variables(header)):
        yield TemplateProblem("header", _("The header takes no *bold*, _italic_, ~struck out~ or `typewriter` letters."))
    if len(spans_of(header)) > 1:
        yield TemplateProblem("header", _("The header takes one variable at most."))


def _of_body(body: str) -> Iterator[TemplateProblem]:
    spans = spans_of(body)
    if len(body) > MAX_BODY_LENGTH:
        yield TemplateProblem("body", _("At most 1,024 characters."))
    if spans and (not body[: spans[0][0]].strip() or not body[spans[-1][1] :].strip()):
        yield TemplateProblem("body", _("WhatsApp refuses texts that begin or end with a variable: put words before and after it."))
    if any(not body[one[1] : other[0]].strip() for one, other in pairwise(spans)):
        yield TemplateProblem("body", _("Put words between two variables: WhatsApp refuses those that stand side by side."))
    if len(re.findall(r"\w+", without_variables(body))) < WORDS_PER_VARIABLE * len(spans):
        yield TemplateProblem("body", _("There are too many variables for so few words. Write more around them, or use fewer."))


def _of_variables(header: str, body: str) -> Iterator[TemplateProblem]:
    """Yields problems of variables. A template uses numbers or names: numbers start at 1 in each text, without a gap."""
    numbered = False
    named = False
    for part, written in (("header", header), ("body", body)):
        names = variables_of(written)
        digits = [name for name in names if name.isascii() and name.isdigit()]
        numbered, named = numbered or bool(digits), named or len(digits) < len(names)
        if len(digits) == len(names) and sorted(names, key=int) != [str(number) for number in range(1, len(names) + 1)]:
            yield TemplateProblem(part, _("Number the variables {{1}}, {{2}}, {{3}} … from 1 on, without a gap."))
        if any(not _VARIABLE_NAME.fullmatch(name) for name in names if name not in digits):
            yield TemplateProblem(part, _("Names of variables are small letters, digits and _, such as {{order_id}}."))
        if re.search(r"\{\{|\}\}", without_variables(written)):
            yield TemplateProblem(part, _("There is a brace too many: a variable is written {{1}} or {{order_id}}."))
    if numbered and named:
        yield TemplateProblem("body", _("Use numbers for all variables, or names for all."))


def _of_footer(footer: str) -> Iterator[TemplateProblem]:
    if len(footer) > MAX_FOOTER_LENGTH:
        yield TemplateProblem("footer", _("At most 60 characters."))
    if has_line_break(footer):
        yield TemplateProblem("footer", _("The footer has one line."))
    if has_emoji(footer):
        yield TemplateProblem("footer", _("WhatsApp takes no emoji in the footer. The text may have some."))
    if has_formatting(footer):
        yield TemplateProblem("footer", _("The footer takes no *bold*, _italic_, ~struck out~ or `typewriter` letters."))
    if "{{" in footer:
        yield TemplateProblem("footer", _("The footer takes no variables."))


def _of_buttons(buttons: Sequence[Content]) -> Iterator[TemplateProblem]:
    said: set[str] = set()
    for index, button in enumerate(buttons):
        words = text(button, "text")
        if words or _type(button) in _WITH_TEXT:
            problem = _problem_of_button(words, said)
            yield from [TemplateProblem("text", problem, index)] if problem else []
            said.add(" ".join(words.split()))
        yield from _of_value(index, button)
    yield from _of_all_buttons([_type(button) for button in buttons])


def _problem_of_button(words: str, said: set[str]) -> str:
    """Returns what is wrong with a button's text, empty if nothing is. `said` are the texts of the other buttons."""
    if not 0 < len(words) <= MAX_BUTTON_LENGTH:
        return _("A button says something, in at most 25 characters.")
    if "{{" in words:
        return _("What a button says takes no variables.")
    if has_line_break(words):
        return _("What a button says has one line.")
    if has_emoji(words):
        return _("WhatsApp takes no emoji in a button. The text may have some.")
    if has_formatting(words):
        return _("A button takes no *bold*, _italic_, ~struck out~ or `typewriter` letters.")
    return _("Two buttons must not say the same.") if " ".join(words.split()) in said else ""


def _of_all_buttons(kinds: Sequence[str]) -> Iterator[TemplateProblem]:
    if len(kinds) > MAX_BUTTONS:
        yield TemplateProblem("kind", _("At most ten buttons."), MAX_BUTTONS)
    for kind, words in _TOO_MANY.items():
        for index in [index for index, each in enumerate(kinds) if each == kind][MAX_OF_A_KIND[kind] :]:
            yield TemplateProblem("kind", words, index)
    if [is_reply for is_reply, _group in groupby(kind == "QUICK_REPLY" for kind in kinds)].count(True) > 1:
        last = max(index for index, kind in enumerate(kinds) if kind == "QUICK_REPLY")
        words = _("Put all quick replies side by side, before or after the other buttons.")
        yield TemplateProblem("kind", words, last)


_TOO_MANY = {
    "URL": _("At most two buttons with an address."),
    "PHONE_NUMBER": _("At most one button with a phone number."),
    "COPY_CODE": _("At most one button with a code."),
}


def _of_value(index: int, button: Content) -> Iterator[TemplateProblem]:
    if _type(button) == "PHONE_NUMBER" and not _PHONE.fullmatch(text(button, "phone_number")):
        yield TemplateProblem("value", _("A phone number with its country code, such as +55 61 3321-4400."), index)
    if _type(button) != "URL":
        return
    url = text(button, "url")
    if len(url) > MAX_URL_LENGTH or not _ADDRESS.fullmatch(without_variables(url).strip()):
        yield TemplateProblem("value", _("An address that begins with https://, in at most 2,000 characters."), index)
    elif _leads_to_whatsapp(url):
        yield TemplateProblem("value", _("WhatsApp refuses buttons that lead to WhatsApp itself, such as wa.me."), index)
    spans = spans_of(url)
    if len(spans) > 1 or (spans and (spans[0][1] != len(url) or variables_of(url) != ["1"])):
        yield TemplateProblem("value", _("An address takes one variable, {{1}}, at its end."), index)


def _leads_to_whatsapp(url: str) -> bool:
    try:
        host = urlsplit(url.partition("{{")[0]).hostname or ""
    except ValueError:
        return False
    return any(f".{host}".endswith(f".{known}") for known in OF_WHATSAPP)


def _of_examples(part: str, written: str, given: Content) -> Iterator[TemplateProblem]:
    names = variables_of(written)
    if all(name.isdecimal() for name in names):
        names.sort(key=int)  # the order of Meta's list
    examples = examples_of(given, f"{part}_text", names)
    for name in names:
        yield from _of_example(f"{part}_{name}", examples.get(name, ""))


def _of_button_examples(buttons: Sequence[Content]) -> Iterator[TemplateProblem]:
    for index, button in enumerate(buttons):
        example = first_of(button.get("example"))
        if _type(button) == "URL" and variables_of(text(button, "url")):
            yield from _of_example(f"button_{index}", example.removeprefix(text(button, "url").partition("{{")[0]))
        elif _type(button) == "COPY_CODE":
            yield from _of_example(f"button_{index}", example)
            if len(example) > MAX_COUPON_CODE_LENGTH:
                yield TemplateProblem(f"example_button_{index}", _("A code has at most 15 characters."))


def _of_example(part: str, example: str) -> Iterator[TemplateProblem]:
    if not example:
        yield TemplateProblem(f"example_{part}", _("WhatsApp wants an example of every variable."))
    elif len(example) > MAX_EXAMPLE_LENGTH or re.search(r"[\r\n\t{}]| {4}", example):
        yield TemplateProblem(f"example_{part}", _("A short example in one line, as a customer would read it."))


def examples_of(given: Content, key: str, names: Sequence[str]) -> dict[str, str]:
    """Returns the example of each variable. Meta has a list, a list in a list, or for named variables a list of objects."""
    named = {text(each, "param_name"): text(each, "example") for each in objects(given, f"{key}_named_params")}
    listed = given.get(key)
    if isinstance(listed, list) and listed and isinstance(listed[0], list):
        listed = listed[0]
    plain = map(str, listed) if isinstance(listed, list) else []
    return named or dict(zip(names, plain, strict=False))


def first_of(example: Any) -> str:
    """Returns the example of a button, which Meta has as a string or as a list with one string."""
    if isinstance(example, list):
        example = example[0] if example else ""
    return example if isinstance(example, str) else ""


# Parameters of a message that sends a template


def check_parameters(components: Sequence[Content]) -> None:
    """Checks the components of a message that sends a template. Raises InvalidMessage."""
    for component in components:
        for parameter in objects(component, "parameters"):
            if text(parameter, "type") == "text":
                check_value(parameter.get("text"))
                if text(component, "type").lower() == "button":
                    check_address_end(text(parameter, "text"))
            elif text(parameter, "type") == "coupon_code":
                check_coupon_code(parameter.get("coupon_code"))


def check_value(value: object) -> None:
    """Checks the value of a variable. Raises InvalidMessage."""
    if _BROKEN_LINE.search(check_text("parameters", value, MAX_VALUE_LENGTH, code=PARAMETER_FORMAT)):
        words = _("WhatsApp takes no line breaks, tabs or runs of spaces here. Write it in one line.")
        raise InvalidMessage("parameters", words, code=PARAMETER_FORMAT)


def check_coupon_code(code: object) -> None:
    """Checks the code of a copy-code button. Raises InvalidMessage."""
    check_address_end(check_text("coupon_code", code, MAX_COUPON_CODE_LENGTH, code=PARAMETER_FORMAT))


def check_address_end(value: str) -> None:
    """Checks the end of a button's URL, or its code. Raises InvalidMessage."""
    if not value:
        raise InvalidMessage("parameters", EMPTY, code=PARAMETER_MISSING)
    if re.search(r"\s", value):
        raise InvalidMessage("parameters", _("There must be no spaces in it."), code=PARAMETER_FORMAT)


def check_filled(header: str, body: str) -> None:
    """Checks the texts with all variables filled in. Raises InvalidMessage."""
    for field, written, most in (("header", header, MAX_HEADER_LENGTH), ("body", body, MAX_BODY_LENGTH)):
        if len(written) > most:
            raise InvalidMessage(field, TOO_LONG, limit=most, code=TOO_LONG_WHEN_FILLED)
