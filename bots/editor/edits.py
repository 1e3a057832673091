"""Reads a post of the editor's page as an operation on the draft."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bots.editor import operations
from bots.editor.drafts import Edit
from bots.editor.forms.fields import Option, Part, Posted, fields_in, read_fields, read_number, split_words
from bots.editor.forms.step_forms import FormContext, form_context, form_of
from bots.editor.operations import InvalidOperation, step_of
from bots.editor.steps.outputs import Document, get_at, outputs_of
from bots.files.stored_files import FileDetails

MAX_SILENCE = 15
DEFAULT_SILENCE = 3


def read_edit(
    document: Document,
    posted: Posted,
    templates: Sequence[Option] = (),
    files: Mapping[str, FileDetails] | None = None,
    ais: Mapping[str, str] | None = None,
) -> Edit:
    """Applies what was posted to a draft: the fields of a step, and after them what the button says. Raises InvalidOperation."""
    name, *arguments = (_value(posted, "do") or "save").split(":")
    step_id = _value(posted, "step_id")
    if name not in OPERATIONS:
        raise InvalidOperation(name)
    edit = Edit(document)
    if _value(posted, "has_fields"):
        edit = _with_fields(document, step_id, posted, form_context(document, templates, files, ais))
    operation = OPERATIONS[name]
    return operation(edit, step_id, posted, arguments) if operation else edit


def _value(posted: Posted, name: str) -> str:
    return posted[name][-1] if posted.get(name) else ""


def _with_fields(document: Document, step_id: str, posted: Posted, context: FormContext) -> Edit:
    step = step_of(document, step_id)
    parts = form_of(step, context)
    read = read_fields(step, parts, posted)
    _name_choices(document, read.step)
    document = operations.change_step(document, read.step)
    focus = ""
    for path, kind in read.new_targets:
        document, focus = operations.connect_new(document, step_id, path, kind)
    return Edit(document, focus, "" if focus else f"{step_id}:{_changed(step, read.step, parts)}")


def file_paths(document: Document, step_id: str) -> list[str]:
    """Returns the fields of a step's form that take a file."""
    parts = form_of(step_of(document, step_id), form_context(document))
    return [field.path for field in fields_in(parts) if field.kind == "file"]


def _changed(before: Any, after: Any, parts: Sequence[Part]) -> str:
    paths = (field.path for field in fields_in(parts))
    return ",".join(path for path in paths if get_at(before, path) != get_at(after, path))


def _name_choices(document: Document, step: dict[str, Any]) -> None:
    """Gives new buttons and rows ids that no other has."""
    for path in ("message.buttons", "message.rows"):
        for choice in get_at(step, path) or []:
            if not choice["id"]:
                choice["id"] = operations.free_choice_ids(document, 1)[0]


# ---- What buttons do. `edit` is the draft with the fields of the form.

Operation = Callable[[Edit, str, Posted, Sequence[str]], Edit]


def _add(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    document, new = operations.add_step(edit.document, _value(posted, "kind"), after=_value(posted, "after"))
    return Edit(document, new)


def _delete(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    position = operations.index_of(edit.document, step_id)
    document = operations.delete_step(edit.document, step_id)
    steps = document["steps"]
    return Edit(document, f"heading-{steps[min(position, len(steps) - 1)]['id']}" if steps else "add-first")


def _duplicate(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    document, new = operations.duplicate_step(edit.document, step_id)
    return Edit(document, new)


def _move(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    offset = _offset(arguments)
    name = "up" if offset < 0 else "down"
    return Edit(operations.move_step(edit.document, step_id, offset), f"{name}-{step_id}")


def _start(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    return Edit(operations.start_at(edit.document, step_id), f"heading-{step_id}")


def _add_item(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    path = arguments[0] if arguments else ""
    document = operations.add_item(edit.document, step_id, path)
    count = len(get_at(step_of(document, step_id), path))
    return Edit(document, item_id(step_id, path, count - 1))


def _remove_item(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    path, index = _item(arguments)
    document = operations.remove_item(edit.document, step_id, path, index)
    return Edit(document, item_id(step_id, path, max(0, index - 1)))


def _move_item(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    path, index = _item(arguments)
    offset = _offset(arguments[2:])
    document = operations.move_item(edit.document, step_id, path, index, offset)
    last = len(get_at(step_of(document, step_id), path)) - 1
    return Edit(document, item_id(step_id, path, min(last, max(0, index + offset))))


def item_id(step_id: str, path: str, index: int) -> str:
    """Returns the id of the element of an item in a form."""
    return f"item-{step_id}-{path.replace('.', '-')}-{index}"


def _item(arguments: Sequence[str]) -> tuple[str, int]:
    if len(arguments) < 2 or not arguments[1].isdecimal():
        raise InvalidOperation
    return arguments[0], int(arguments[1])


def _offset(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in ("up", "down"):
        raise InvalidOperation
    return -1 if arguments[0] == "up" else 1


def _settings(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    silence = read_number(_value(posted, "silence_seconds"))
    settings = {
        "greets": "greets" in posted,
        "silence_seconds": int(min(MAX_SILENCE, max(0, DEFAULT_SILENCE if silence is None else silence))),
        "continues": "continues" in posted,
        "person_words": split_words(_value(posted, "person_words"))[: operations.MAX_PERSON_WORDS],
    }
    name = " ".join(_value(posted, "name").replace("\0", "").split())
    document = operations.change_settings(edit.document, name=name, settings=settings)
    return Edit(document, fields="settings")


def _connect(edit: Edit, step_id: str, posted: Posted, arguments: Sequence[str]) -> Edit:
    path, target = _value(posted, "path"), _value(posted, "target")
    if path not in {output.path for output in outputs_of(step_of(edit.document, step_id))}:
        raise InvalidOperation(path)
    return Edit(operations.connect(edit.document, step_id, path, target or None), f"heading-{step_id}")


OPERATIONS: dict[str, Operation | None] = {
    "save": None,
    "add": _add,
    "delete": _delete,
    "duplicate": _duplicate,
    "move": _move,
    "start": _start,
    "connect": _connect,
    "add_item": _add_item,
    "remove_item": _remove_item,
    "move_item": _move_item,
    "settings": _settings,
}
"""The value of `do`, before a colon."""
