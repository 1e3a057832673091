"""Changes of a draft, so that undo stores what changed and not whole drafts."""

from typing import Any

from bots.editor.steps.outputs import Document

Change = dict[str, Any]
"""What is different after the change. `rest`: the document without its steps. `order`: the ids of all steps. `steps`: changed and
added steps. `document`: everything, if ids of steps are not unique."""


def change_between(before: Document, after: Document) -> Change:
    """Returns the change that leads from `before` to `after`, empty if they are equal."""
    change: Change = {}
    old, new = _by_id(before), _by_id(after)
    if len(old) < len(before["steps"]) or len(new) < len(after["steps"]):
        return {"document": after}
    if _rest(before) != _rest(after):
        change["rest"] = _rest(after)
    if list(old) != list(new):
        change["order"] = list(new)
    if steps := [step for step_id, step in new.items() if step != old.get(step_id)]:
        change["steps"] = steps
    return change


def apply_change(document: Document, change: Change) -> Document:
    """Returns the document after a change."""
    if whole := change.get("document"):
        return dict(whole)
    steps = _by_id(document) | {step["id"]: step for step in change.get("steps", [])}
    order = change.get("order", list(steps))
    rest: Document = change.get("rest", _rest(document))
    return rest | {"steps": [steps[step_id] for step_id in order]}


def _rest(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != "steps"}


def _by_id(document: Document) -> dict[str, Any]:
    return {step["id"]: step for step in document["steps"]}
