"""Fields of the forms of steps. A form is made of one description per field, which says how to show it and how to read it.

The name of a field is its place in the step's JSON, such as `message.buttons.0.title`.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bots.editor.steps.conditions import new_condition
from bots.editor.steps.messages import choose_file, choose_source, convert_message
from bots.editor.steps.outputs import get_at, remove_at, set_at, set_target
from bots.files.stored_files import FileDetails

Posted = Mapping[str, Sequence[str]]
"""The values of each posted name."""
Option = tuple[str, str]
NEW_STEP = "new:"
"""Before the type, in the value of a target that is a step to be added."""
OTHER_PURPOSE = "other"
"""The value of a purpose that follows in the organization's own words."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. `kind` is a key of `READERS`."""

    path: str
    label: str
    kind: str
    value: Any = ""
    limit: int = 0
    """Most characters, which a counter shows. 0: no counter."""
    options: tuple[Option, ...] = ()
    groups: tuple[tuple[str, tuple[Option, ...]], ...] = ()
    """Further options of a select under headings."""
    help: str = ""
    has_placeholders: bool = False
    is_optional: bool = False
    """An empty field is removed from the step."""
    list: str = ""
    """The id of the datalist with proposals."""
    is_wide: bool = True
    minimum: int | None = None
    maximum: int | None = None
    file: FileDetails | None = None
    """The stored file that is chosen."""
    redraws: bool = False
    """The form has other fields after this field has changed."""

    @property
    def key(self) -> str:
        """The path as a part of ids."""
        return key_of(self.path)


def key_of(path: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", path)


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list in a form."""

    index: int
    number: int
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ItemList:
    """A list in a form, such as the buttons of a message. Items are added, removed and moved by buttons of the form."""

    path: str
    label: str
    items: tuple[Item, ...]
    item_label: str
    add_label: str = ""
    """Empty: nothing can be added now."""
    may_remove: bool = False
    help: str = ""

    @property
    def key(self) -> str:
        """The path as a part of ids."""
        return key_of(self.path)


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under a heading."""

    label: str
    parts: tuple["Field | ItemList", ...]
    is_optional: bool = False
    """Shown only after a click: most steps need it never."""
    is_open: bool = True


Part = Field | ItemList | Section


def fields_in(parts: Sequence[Part]) -> Iterator[Field]:
    """Yields all fields of a form."""
    for part in parts:
        if isinstance(part, Field):
            yield part
        elif isinstance(part, Section):
            yield from fields_in(part.parts)
        else:
            for item in part.items:
                yield from item.fields


@dataclass(slots=True)
class ReadStep:
    """What a posted form says. `new_targets` are the outputs whose targets are to be added, with the type of each new step."""

    step: dict[str, Any]
    new_targets: list[tuple[str, str]] = field(default_factory=list)


def read_fields(step: dict[str, Any], parts: Sequence[Part], posted: Posted) -> ReadStep:
    """Returns a copy of the step with the posted values. A value that a field cannot have changes nothing."""
    read = ReadStep(json.loads(json.dumps(step)))
    # A change of a type replaces the fields around it, so it comes after them.
    for each in sorted(fields_in(parts), key=lambda each: each.kind in CONVERSIONS):
        if each.path in posted or each.kind in WITHOUT_VALUE:
            READERS[each.kind](read, each, [_clean(value) for value in posted.get(each.path, [])])
    return read


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\0", "")


# ---- Readers: each changes the step of `read`


def _read_text(read: ReadStep, of: Field, values: list[str]) -> None:
    if of.is_optional and not values[-1].strip():
        remove_at(read.step, of.path)
    else:
        set_at(read.step, of.path, values[-1])


def _read_line(read: ReadStep, of: Field, values: list[str]) -> None:
    _read_text(read, of, [" ".join(values[-1].split())])


def _read_name(read: ReadStep, of: Field, values: list[str]) -> None:
    """Reads the name of a variable, which people write with spaces, capitals or braces."""
    _read_text(read, of, [re.sub(r"[^\w]+", "_", values[-1].strip().strip("{}").strip().lower())])


def _read_integer(read: ReadStep, of: Field, values: list[str]) -> None:
    number = read_number(values[-1])
    if number is not None and number == int(number):
        set_at(read.step, of.path, int(number))
    elif of.is_optional and not values[-1].strip():
        remove_at(read.step, of.path)


def _read_number(read: ReadStep, of: Field, values: list[str]) -> None:
    number = read_number(values[-1])
    if number is not None:
        set_at(read.step, of.path, number)
    elif not values[-1].strip():
        remove_at(read.step, of.path)


def read_number(text: str) -> int | float | None:
    """Returns the number in a text, also with a decimal comma. Returns None for anything else."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(number) or abs(number) >= 10**15:
        return None
    return int(number) if number == int(number) else number


def _read_select(read: ReadStep, of: Field, values: list[str]) -> None:
    if values[-1] in {value for value, _ in of.options}.union(*({value for value, _ in options} for _, options in of.groups)):
        set_at(read.step, of.path, values[-1])


def _read_boolean(read: ReadStep, of: Field, values: list[str]) -> None:
    if values[-1] in ("yes", "no"):
        set_at(read.step, of.path, values[-1] == "yes")


def _read_switch(read: ReadStep, of: Field, values: list[str]) -> None:
    set_at(read.step, of.path, bool(values))


def _read_words(read: ReadStep, of: Field, values: list[str]) -> None:
    set_at(read.step, of.path, split_words(values[-1]))


def split_words(text: str) -> list[str]:
    """Returns words that were written with commas or in lines, each once."""
    words = (" ".join(word.split()) for word in re.split(r"[,;\n]", text))
    return list(dict.fromkeys(word for word in words if word))


def _read_lines(read: ReadStep, of: Field, values: list[str]) -> None:
    set_at(read.step, of.path, [line.strip() for line in values[-1].split("\n") if line.strip()])


def _read_headers(read: ReadStep, of: Field, values: list[str]) -> None:
    lines = [line.partition(":") for line in values[-1].split("\n") if line.strip()]
    if lines:
        set_at(read.step, of.path, {name.strip(): value.strip() for name, _, value in lines})
    else:
        remove_at(read.step, of.path)


def _read_json(read: ReadStep, of: Field, values: list[str]) -> None:
    """Reads JSON. A text that is none is kept as a text, so that nothing that was typed is lost."""
    if values[-1].strip():
        set_at(read.step, of.path, json_or_text(values[-1]))
    else:
        remove_at(read.step, of.path)


def json_or_text(text: str) -> Any:
    """Returns the value of a JSON text without NaN, or else the text."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, str) else value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _read_kinds(read: ReadStep, of: Field, values: list[str]) -> None:
    known = [value for value, _ in of.options]
    set_at(read.step, of.path, [value for value in known if value in values])


def _read_comparison(read: ReadStep, of: Field, values: list[str]) -> None:
    """Reads whether a value is compared, empty or filled."""
    when = get_at(read.step, of.path.rpartition(".")[0])
    if values[-1] == "is":
        when.pop("empty", None)
        when.setdefault("is", "")
    elif values[-1] in ("empty", "filled"):
        when.pop("is", None)
        when["empty"] = values[-1] == "empty"


def _read_template(read: ReadStep, of: Field, values: list[str]) -> None:
    name, separator, language = values[-1].partition("|")
    if separator:
        message = get_at(read.step, of.path.rpartition(".")[0])
        message |= {"name": name, "language": language}


def _read_target(read: ReadStep, of: Field, values: list[str]) -> None:
    value = values[-1]
    if value.startswith(NEW_STEP):
        read.new_targets.append((of.path, value.removeprefix(NEW_STEP)))
    elif not value or value in {option for option, _ in of.options}:
        set_target(read.step, of.path, value or None)


def _read_presence(read: ReadStep, of: Field, values: list[str]) -> None:
    """Reads a switch by which an object is added or removed. `value` of the field is the new object."""
    name = of.path.removeprefix("has:")
    if not values:
        remove_at(read.step, name)
    elif get_at(read.step, name) is None:
        set_at(read.step, name, of.value)


def _read_message_type(read: ReadStep, of: Field, values: list[str]) -> None:
    path = of.path.rpartition(".")[0]
    message = get_at(read.step, path)
    if message and values[-1] != message["type"] and values[-1] in dict(of.options):
        set_at(read.step, path, convert_message(message, values[-1]))


def _read_media_source(read: ReadStep, of: Field, values: list[str]) -> None:
    message = get_at(read.step, of.path.rpartition(".")[0])
    if message and values[-1] in dict(of.options):
        choose_source(message, values[-1])


def _read_file(read: ReadStep, of: Field, values: list[str]) -> None:
    """Reads the key of a stored file. `options` of the field are all keys, with the kinds of their files."""
    message, kind = get_at(read.step, of.path.rpartition(".")[0]), dict(of.options).get(values[-1])
    if message and kind:
        choose_file(message, values[-1], kind)


def _read_condition_type(read: ReadStep, of: Field, values: list[str]) -> None:
    path = of.path.rpartition(".")[0]
    if values[-1] in dict(of.options) and values[-1] != get_at(read.step, of.path):
        set_at(read.step, path, new_condition(values[-1]))


def _read_answer_kind(read: ReadStep, of: Field, values: list[str]) -> None:
    if values[-1] in dict(of.options) and values[-1] != get_at(read.step, of.path):
        set_at(read.step, of.path.rpartition(".")[0], {"kind": values[-1]})


def _read_set_target(read: ReadStep, of: Field, values: list[str]) -> None:
    if values[-1] in dict(of.options) and values[-1] != read.step["target"]:
        read.step |= {"target": values[-1], "name": "name" if values[-1] == "field" else ""}


def _read_purpose(read: ReadStep, of: Field, values: list[str]) -> None:
    """Reads a purpose of the hub, or that the organization's own words follow."""
    if values[-1] in dict(of.options) and values[-1] != of.value:
        read.step["purpose"] = "" if values[-1] == OTHER_PURPOSE else values[-1]


READERS: dict[str, Callable[[ReadStep, Field, list[str]], None]] = {
    "text": _read_text,
    "line": _read_line,
    "name": _read_name,
    "integer": _read_integer,
    "number": _read_number,
    "date": _read_line,
    "select": _read_select,
    "boolean": _read_boolean,
    "switch": _read_switch,
    "words": _read_words,
    "lines": _read_lines,
    "headers": _read_headers,
    "json": _read_json,
    "kinds": _read_kinds,
    "comparison": _read_comparison,
    "template": _read_template,
    "target": _read_target,
    "presence": _read_presence,
    "media_source": _read_media_source,
    "file": _read_file,
    "message_type": _read_message_type,
    "condition_type": _read_condition_type,
    "answer_kind": _read_answer_kind,
    "set_target": _read_set_target,
    "purpose": _read_purpose,
}
WITHOUT_VALUE = frozenset({"switch", "presence", "kinds"})
"""Kinds of fields of which browsers send nothing if they are off."""
CONVERSIONS = frozenset({
    *("presence", "comparison", "media_source", "file", "message_type", "condition_type", "answer_kind", "set_target", "purpose"),
})  # fmt: skip
