"""The types of steps: what people call them, and what a new step of each type contains."""

import copy
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.flows.flow import MAX_AI_ANSWERS

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StepType:
    """A type of step. `tint` is the colour of its icon."""

    key: str
    name: str | Promise
    help: str | Promise
    icon: str
    tint: str


MENU = "menu"
"""Not a type of step: three steps that together are a menu of buttons."""
STEP_TYPES = {
    each.key: each
    for each in (
        StepType(MENU, _("Menu of buttons"), _("A question with buttons, and a path for each button"), "list-checks", "violet"),
        StepType("send", _("Send a message"), _("Text, picture, buttons or a list"), "message-square-text", "green"),
        StepType("ask", _("Ask for something"), _("A question whose answer is checked and kept"), "circle-help", "green"),
        StepType("wait", _("Wait for an answer"), _("The bot goes on when the customer writes"), "hourglass", "amber"),
        StepType("branch", _("Choose a path"), _("By button, word, number, business hours…"), "split", "violet"),
        StepType("hand_over", _("Hand over to a person"), _("The bot stops and the team answers"), "user", "blue"),
        StepType("set", _("Store a value"), _("Keep something for later, or correct the name"), "pencil", "grey"),
        StepType("label", _("Labels"), _("Put labels on the contact, or remove them"), "tag", "grey"),
        StepType("consent", _("Record a consent"), _("The customer agreed to something, or withdrew"), "shield-check", "grey"),
        StepType("call", _("Ask a web address"), _("Get something from your own system"), "webhook", "blue"),
        StepType("ai_answer", _("Let an AI answer"), _("It answers freely until something is clear"), "sparkles", "blue"),
        StepType("ai_branch", _("Let an AI choose a path"), _("It reads what the customer means"), "sparkles", "violet"),
        StepType("split", _("Draw lots"), _("Part of the customers takes another path"), "shuffle", "violet"),
        StepType("subflow", _("Sub-flow"), _("Go through some steps and come back"), "corner-up-left", "grey"),
        StepType("jump", _("Go to"), _("Go on at another step"), "arrow-right", "grey"),
        StepType("end", _("End"), _("The next message starts the bot again"), "circle-stop", "red"),
    )
}
"""In the order of the menu."""


def text_message(text: str = "") -> dict[str, Any]:
    """Returns a message of text."""
    return {"type": "text", "text": text}


def invalid_message() -> dict[str, Any]:
    """Returns what a new question says about an answer of the wrong kind."""
    return text_message(gettext("I did not understand. Could you write it again?"))


CONTENTS: dict[str, dict[str, Any]] = {
    "send": {"message": text_message(), "next": None},
    "wait": {"next": None},
    "branch": {"cases": [{"when": {"type": "keyword", "words": []}, "next": None}], "otherwise": None},
    "ask": {"message": text_message(), "variable": "", "answer": {"kind": "text"}, "retries": 2, "next": None},
    "set": {"target": "variable", "name": "", "value": "", "next": None},
    "call": {"method": "GET", "url": "", "save": [], "next": None},
    "ai_answer": {"ai": "", "instructions": "", "until": "", "max_answers": MAX_AI_ANSWERS, "example": [], "next": None},
    "ai_branch": {"ai": "", "question": "", "branches": [{"name": "", "description": "", "next": None} for _branch in range(2)]},
    "label": {"add": [], "remove": [], "next": None},
    "consent": {"decision": "granted", "purpose": "marketing", "next": None},
    "split": {"shares": [{"percent": 50, "next": None}, {"percent": 50, "next": None}]},
    "subflow": {"start": "", "next": None},
    "jump": {"next": None},
    "hand_over": {"note": "", "message": None},
    "end": {},
}


def new_step(kind: str, step_id: str) -> Step:
    """Returns a step of this type that is not connected to others. Raises KeyError for an unknown type."""
    step = {"id": step_id, "type": kind, **copy.deepcopy(CONTENTS[kind])}
    if kind == "ask":
        step["invalid"] = invalid_message()
    return step


def name_of(step: Step) -> str:
    """Returns the title of a step or, without one, the name of its type with the beginning of its text."""
    if title := step.get("title"):
        return str(title)
    text = excerpt_of(step)
    name = str(STEP_TYPES[step["type"]].name)
    return f"{name}: {text}" if text else name


def excerpt_of(step: Step, length: int = 40) -> str:
    """Returns the beginning of what the step says, or asks an AI, in one line."""
    message = step.get("message") or {}
    words = message.get("text") or message.get("caption") or step.get("question") or step.get("instructions") or ""
    text = " ".join(str(words).split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
