"""The ways on from a step: where each is in the step's JSON, what people call it, and where it leads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from bots.editor.steps.conditions import condition_words

Document = dict[str, Any]
Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Output:
    """A way on from a step. `path` is its place in the step, such as `cases.0.next`."""

    path: str
    label: str
    target: str | None
    is_call: bool = False
    """The start of a sub-flow, from which the flow comes back."""
    hands_over: bool = False
    """Without a target, a person gets the conversation."""


def outputs_of(step: Step, choices: dict[str, str] | None = None) -> list[Output]:
    """Returns the ways on from a step in the order of its form. `choices` are the titles of buttons and rows by id."""
    return list(_outputs(step, choices or {}))


def _outputs(step: Step, choices: dict[str, str]) -> Iterator[Output]:
    kind = step["type"]
    if kind == "subflow":
        yield Output("start", gettext("sub-flow"), step["start"] or None, is_call=True)
    yield from _alternatives(step, choices)
    if kind in WITH_NEXT:
        yield Output("next", _next_words(step), step.get("next"))
    if kind == "branch":
        yield Output("otherwise", gettext("otherwise"), step.get("otherwise"))
    if kind == "ai_branch":
        yield Output("otherwise", gettext("if it is unsure"), step.get("otherwise"), hands_over=True)
    if kind in WITH_FAILURE:
        yield Output("failed", gettext("if it fails"), step.get("failed"), hands_over=True)
    if timeout := step.get("timeout"):
        yield Output("timeout.next", gettext("no answer in %(minutes)s min") % timeout, timeout.get("next"))


def _alternatives(step: Step, choices: dict[str, str]) -> Iterator[Output]:
    """Yields the ways on of which the step takes one."""
    for index, case in enumerate(step.get("cases", [])):
        yield Output(f"cases.{index}.next", case.get("label") or condition_words(case["when"], choices), case.get("next"))
    for index, branch in enumerate(step.get("branches", [])):
        yield Output(f"branches.{index}.next", branch["name"] or gettext("name?"), branch.get("next"))
    for index, share in enumerate(step.get("shares", [])):
        yield Output(f"shares.{index}.next", f"{share['percent']} %", share.get("next"))


def _next_words(step: Step) -> str:
    """Returns the label of the main way on, which needs one only beside others."""
    if step["type"] == "wait" and step.get("timeout"):
        return gettext("answered")
    return gettext("then") if step["type"] in WITH_FAILURE or step["type"] == "subflow" else ""


WITH_NEXT = frozenset({"send", "wait", "ask", "set", "call", "ai_answer", "label", "consent", "subflow", "jump"})
"""Types of steps with one main way on, `next`."""
WITH_FAILURE = frozenset({"ask", "call", "ai_answer"})
"""Types of steps with another way on, `failed`, without which a person is called."""


def get_at(value: Any, path: str) -> Any:
    """Returns what is at a path such as `cases.0.next`. Returns None where nothing is."""
    for part in path.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def set_at(value: Any, path: str, new: Any) -> None:
    """Changes what is at a path. Raises KeyError, IndexError or TypeError if the objects around it do not exist."""
    *parents, last = path.split(".")
    for part in parents:
        value = value[int(part) if isinstance(value, list) else part]
    value[int(last) if isinstance(value, list) else last] = new


def remove_at(value: Any, path: str) -> None:
    """Removes a key of an object, if it exists."""
    *parents, last = path.split(".")
    owner = get_at(value, ".".join(parents)) if parents else value
    if isinstance(owner, dict):
        owner.pop(last, None)


def set_target(step: Step, path: str, target: str | None) -> None:
    """Sets the target of an output. The start of a sub-flow is a text, which is empty without a target."""
    set_at(step, path, (target or "") if path == "start" else target)


def replace_targets(document: Document, targets: dict[str, str | None]) -> None:
    """Replaces references to the steps that are keys of `targets`, everywhere in the document."""
    for step in document["steps"]:
        for output in outputs_of(step):
            if output.target in targets:
                set_target(step, output.path, targets[output.target])


def choices_of(document: Document) -> dict[str, str]:
    """Returns the titles of all buttons and rows of a flow by id. Of several with one id, the first."""
    found: dict[str, str] = {}
    for step in document["steps"]:
        for choice in choices_of_step(step):
            found.setdefault(choice["id"], choice["title"])
    return found


def choices_of_step(step: Step) -> list[dict[str, str]]:
    """Returns the buttons or rows of the message that a step sends."""
    message = step.get("message") or {}
    return list(message.get("buttons") or message.get("rows") or [])
