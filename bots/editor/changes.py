"""Changes of a draft, so that undo stores what changed and not whole drafts."""

from typing import Any

from bots.editor.outputs import Document

Change = dict[str, Any]
"""`document`: the whole document, if ids of steps are not unique. Otherwise `rest`: the document without its steps, if that changed. `order`: the ids of all steps, if that changed. `steps`: changed or
deleted steps by id."""


def change_between(before: Document, after: Document) -> Change:
    """Returns the change that makes `before` of `after`."""
    change: Change = {}
    old, new = _by_id(before), _by_id(after)
    if len(old) < len(before["steps"]) or len(new) < len(after["steps"]):
        return {"document": before}
    if _rest(before) != _rest(after):
        change["rest"] = _rest(before)
    if list(old) != list(new):
        change["order"] = list(old)
    if steps := [step for step_id, step in old.items() if step != new.get(step_id)]:
        change["steps"] = steps
    return change


def apply_change(document: Document, change: Change) -> Document:
    """Returns the document after a change."""
    if whole := change.get("document"):
        return dict(whole)
    steps = _by_id(document) | {step["id"]: step for step in change.get("steps", [])}
    order = change.get("order", list(steps))
    return change.get("rest", _rest(document)) | {"steps": [steps[step_id] for step_id in order]}


def changed_steps(change: Change) -> set[str]:
    """Returns the ids of the steps that a change replaces."""
    return {step["id"] for step in change.get("steps", [])}


def _rest(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "steps"}


def _by_id(document: Document) -> dict[str, Any]:
    return {step["id"]: step for step in document["steps"]}
