"""Operations on a draft. Each takes a flow's JSON object and returns a new one. References always stay valid.

A draft may have problems, such as an empty text, but its structure is always that of the schema.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.translation import gettext

from bots.editor.steps.conditions import new_condition
from bots.editor.steps.outputs import (
    WITH_NEXT,
    Document,
    Step,
    choices_of_step,
    get_at,
    outputs_of,
    replace_targets,
    set_target,
)
from bots.editor.steps.step_types import MENU, STEP_TYPES, new_step

MAX_STEPS = 300
MAX_NAME = 60
MAX_PERSON_WORDS = 30


class InvalidOperation(ValueError):
    """The operation does not fit the draft, for example because its step has been deleted."""


def empty_flow(name: str) -> Document:
    """Returns a flow without steps."""
    return {"format": 1, "name": name, "start": "", "steps": []}


def index_of(document: Document, step_id: str) -> int:
    """Returns the position of a step, starting with 0. Raises InvalidOperation."""
    for index, step in enumerate(document["steps"]):
        if step["id"] == step_id:
            return index
    raise InvalidOperation(step_id)


def step_of(document: Document, step_id: str) -> Step:
    """Returns a step. Raises InvalidOperation."""
    found: Step = document["steps"][index_of(document, step_id)]
    return found


def free_ids(document: Document, count: int) -> list[str]:
    """Returns ids that no step has."""
    taken = {step["id"] for step in document["steps"]}
    numbers = range(1, len(taken) + count + 1)
    return [name for name in (f"s{number}" for number in numbers) if name not in taken][:count]


# ---- Steps


def add_step(document: Document, kind: str, *, after: str = "") -> tuple[Document, str]:
    """Adds a step of a type, or a menu, after a step, or at the beginning. Returns the new draft and the id of the new step.

    The path that led on from `after` leads through the new step.
    """
    document, steps = _copy(document), _new_steps(document, kind)
    first, last = steps[0], steps[-1] if kind != MENU else {}
    position = index_of(document, after) + 1 if after else 0
    if after:
        previous = step_of(document, after)
        if previous["type"] in WITH_NEXT and previous["type"] != "jump":
            _lead_on(last, previous.get("next"))
            previous["next"] = first["id"]
    else:
        _lead_on(last, document["start"] or None)
        document["start"] = first["id"]
    document["steps"][position:position] = steps
    return _checked(document), first["id"]


def _new_steps(document: Document, kind: str) -> list[Step]:
    if kind not in STEP_TYPES:
        raise InvalidOperation(kind)
    if kind != MENU:
        return [new_step(kind, free_ids(document, 1)[0])]
    return _menu(document)


def _menu(document: Document) -> list[Step]:
    """Returns a message with buttons, a wait, and a branch with a path for each button. Any other answer repeats the message."""
    send, wait, branch = (new_step(kind, step_id) for kind, step_id in zip(MENU_STEPS, free_ids(document, 3), strict=True))
    buttons = [{"id": name, "title": gettext("Option %(number)s") % {"number": number}}
               for number, name in enumerate(free_choice_ids(document, 2), 1)]  # fmt: skip
    send |= {"title": gettext("Menu"), "next": wait["id"]}
    send["message"] = {"type": "buttons", "text": gettext("How can we help you?"), "buttons": buttons}
    wait["next"] = branch["id"]
    branch["cases"] = [{"when": {"type": "choice", "id": each["id"]}, "next": None} for each in buttons]
    branch["otherwise"] = send["id"]
    return [send, wait, branch]


MENU_STEPS = ("send", "wait", "branch")


def _lead_on(step: Step, target: str | None) -> None:
    if step.get("type") in WITH_NEXT:
        step["next"] = target


def delete_step(document: Document, step_id: str) -> Document:
    """Deletes a step. What led to it leads to what followed it, if that is one step, and nowhere otherwise."""
    document = _copy(document)
    step = document["steps"].pop(index_of(document, step_id))
    following = step.get("next") if step["type"] in WITH_NEXT and step.get("next") != step_id else None
    replace_targets(document, {step_id: following})
    if document["start"] == step_id:
        first = document["steps"][0]["id"] if document["steps"] else ""
        document["start"] = following or first
    return document


def move_step(document: Document, step_id: str, offset: int) -> Document:
    """Moves a step up (-1) or down (1) in the list. No path changes."""
    document = _copy(document)
    _move(document["steps"], index_of(document, step_id), offset)
    return document


def duplicate_step(document: Document, step_id: str) -> tuple[Document, str]:
    """Adds a copy of a step after it, which leads to the same steps. Returns the new draft and the id of the copy."""
    document = _copy(document)
    position = index_of(document, step_id)
    step = copy.deepcopy(document["steps"][position])
    step["id"] = free_ids(document, 1)[0]
    if step.get("title"):
        step["title"] = gettext("%(title)s (copy)") % {"title": step["title"][:45]}
    choices = choices_of_step(step)
    for choice, name in zip(choices, free_choice_ids(document, len(choices)), strict=True):
        choice["id"] = name
    document["steps"].insert(position + 1, step)
    return _checked(document), step["id"]


def change_step(document: Document, step: Step) -> Document:
    """Replaces the step that has the id of `step`. Its references must be ids of steps. Its type stays."""
    document = _copy(document)
    position = index_of(document, step["id"])
    ids = {each["id"] for each in document["steps"]}
    if step["type"] != document["steps"][position]["type"] or any(
        output.target is not None and output.target not in ids for output in outputs_of(step)
    ):
        raise InvalidOperation(step["id"])
    document["steps"][position] = copy.deepcopy(step)
    return document


def change_settings(document: Document, *, name: str, settings: dict[str, Any]) -> Document:
    """Changes the name and the settings of the flow. An empty name changes nothing of it."""
    return _copy(document) | {"name": name.strip()[:MAX_NAME] or document["name"], "settings": copy.deepcopy(settings)}


def start_at(document: Document, step_id: str) -> Document:
    """Makes a step the first one of conversations."""
    step_of(document, step_id)
    return _copy(document) | {"start": step_id}


# ---- Paths


def connect(document: Document, step_id: str, path: str, target: str | None) -> Document:
    """Lets an output of a step lead to another step, or nowhere."""
    document = _copy(document)
    step = step_of(document, step_id)
    if path not in {output.path for output in outputs_of(step)}:
        raise InvalidOperation(path)
    if target is not None:
        step_of(document, target)
    set_target(step, path, target)
    return document


def connect_new(document: Document, step_id: str, path: str, kind: str) -> tuple[Document, str]:
    """Adds a step or a menu, and lets an output of a step lead to it. Returns the new draft and the id of the new step."""
    steps = _new_steps(document, kind)
    document = _copy(document)
    position = _position_of_target(document, step_id, path)
    document["steps"][position:position] = steps
    return connect(_checked(document), step_id, path, steps[0]["id"]), steps[0]["id"]


def _position_of_target(document: Document, step_id: str, path: str) -> int:
    """Returns where a new target of an output stands: after the step, and after the targets of its earlier outputs."""
    position = index_of(document, step_id)
    for output in outputs_of(document["steps"][position]):
        if output.path == path:
            break
        if output.target:
            position = max(position, index_of(document, output.target))
    return position + 1


# ---- Buttons, rows, cases, shares, values


def _new_choice(document: Document, items: Sequence[Any]) -> dict[str, Any]:
    return {"id": free_choice_ids(document, 1)[0], "title": gettext("Option %(number)s") % {"number": len(items) + 1}}


def _new_case(document: Document, items: Sequence[Any]) -> dict[str, Any]:
    return {"when": new_condition("keyword"), "next": None}


def _new_share(document: Document, items: Sequence[Any]) -> dict[str, Any]:
    return {"percent": max(1, 100 - sum(each["percent"] for each in items)), "next": None}


def _new_branch(document: Document, items: Sequence[Any]) -> dict[str, Any]:
    return {"name": "", "description": "", "next": None}


def _new_value(document: Document, items: Sequence[Any]) -> dict[str, Any]:
    return {"path": "", "variable": ""}


NewItem = Callable[[Document, Sequence[Any]], dict[str, Any]]
LISTS: dict[str, tuple[NewItem, int, int]] = {
    "message.buttons": (_new_choice, 1, 3),
    "message.rows": (_new_choice, 1, 10),
    "cases": (_new_case, 1, 20),
    "shares": (_new_share, 2, 6),
    "branches": (_new_branch, 2, 10),
    "save": (_new_value, 0, 20),
}
"""Lists in a step: what makes a new item, and how many items there are at least and at most."""


def add_item(document: Document, step_id: str, path: str) -> Document:
    """Adds an item to a list of a step, such as `message.buttons`. A new button gets its path in the branch that follows."""
    document = _copy(document)
    step = step_of(document, step_id)
    new, _, limit = _list_rules(path)
    items = _items(step, path)
    if len(items) >= limit:
        raise InvalidOperation(path)
    siblings = {each.get("id") for each in items}
    items.append(new(document, items))
    branch = _branch_on(document, step, siblings - {None})
    if branch and len(branch["cases"]) < LISTS["cases"][2]:
        branch["cases"].append({"when": {"type": "choice", "id": items[-1]["id"]}, "next": None})
    return document


def remove_item(document: Document, step_id: str, path: str, index: int) -> Document:
    """Removes an item of a list of a step. With a button goes its path in the branch that follows."""
    document = _copy(document)
    step = step_of(document, step_id)
    _, least, _ = _list_rules(path)
    items = _items(step, path)
    if not 0 <= index < len(items) or len(items) <= least:
        raise InvalidOperation(path)
    removed = items.pop(index)
    if branch := _branch_on(document, step, {removed.get("id")} - {None}):
        branch["cases"] = [each for each in branch["cases"] if not _is_choice(each, removed["id"])] or branch["cases"]
    return document


def move_item(document: Document, step_id: str, path: str, index: int, offset: int) -> Document:
    """Moves an item of a list up (-1) or down (1)."""
    document = _copy(document)
    _list_rules(path)
    items = _items(step_of(document, step_id), path)
    if not 0 <= index < len(items):
        raise InvalidOperation(path)
    _move(items, index, offset)
    return document


def _list_rules(path: str) -> tuple[NewItem, int, int]:
    if path not in LISTS:
        raise InvalidOperation(path)
    return LISTS[path]


def _items(step: Step, path: str) -> list[Any]:
    if path == "save" and step["type"] == "call":
        step.setdefault("save", [])
    items = get_at(step, path)
    if not isinstance(items, list):
        raise InvalidOperation(path)
    return items


def _branch_on(document: Document, step: Step, choice_ids: set[Any]) -> Step | None:
    """Returns the branch that follows a message with choices, directly or after a wait, if it has a path for one of them."""
    following = {each["id"]: each for each in document["steps"]}
    for _ in range(2):
        step = following.get(step.get("next") or "", {})
        if step.get("type") == "branch":
            return step if any(_is_choice(case, each) for case in step["cases"] for each in choice_ids) else None
        if step.get("type") != "wait":
            return None
    return None


def _is_choice(case: dict[str, Any], choice_id: str) -> bool:
    return bool(case["when"] == {"type": "choice", "id": choice_id})


def free_choice_ids(document: Document, count: int) -> list[str]:
    """Returns ids that no button, no row and no condition has."""
    taken = {choice["id"] for step in document["steps"] for choice in choices_of_step(step)}
    taken |= {
        case["when"]["id"] for step in document["steps"] for case in step.get("cases", []) if case["when"]["type"] == "choice"
    }
    numbers = range(1, len(taken) + count + 1)
    return [name for name in (f"b{number}" for number in numbers) if name not in taken][:count]


# ---- Common


def _copy(document: Document) -> Document:
    return copy.deepcopy(document)


def _move(items: list[Any], index: int, offset: int) -> None:
    target = min(len(items) - 1, max(0, index + offset))
    items.insert(target, items.pop(index))


def _checked(document: Document) -> Document:
    if len(document["steps"]) > MAX_STEPS:
        raise InvalidOperation(gettext("A bot has at most %(limit)s steps.") % {"limit": MAX_STEPS})
    return document
