"""Problems of one step, without its paths."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bots.flows.calls import has_path
from bots.flows.checks.branch_checks import range_problems
from bots.flows.checks.url_checks import url_problem
from bots.flows.flow import Flow, Step, messages_in, variables_set_by
from bots.flows.messages import build, choices_of
from bots.flows.problems import Problem
from bots.flows.schema import SCHEMA
from bots.flows.texts import PLACEHOLDERS, names_in, plain, readable, without_placeholders
from cloud_api.limits import InvalidMessage

Message = Mapping[str, Any]
IsAllowed = Callable[[str], bool]

CONTACT_FIELDS = ("name",)
RESERVED_BRANCHES = ("unsure", "done")
"""Names by which an AI says something else than a branch."""
OWN_HEADERS = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that belong to the connection. The hub sets them."""
MESSAGE_FIELDS = {
    "body": "text",
    "display_text": "title",
    "parameters": "values",
}
"""Where the builders' names for a part of a message differ from those of a flow."""

_VARIABLE = re.compile(SCHEMA["$defs"]["variable"]["pattern"])
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def step_problems(flow: Flow, step: Step, is_allowed_url: IsAllowed) -> Iterator[Problem]:
    """Yields the problems of a step. `is_allowed_url` returns whether the operator allows a URL that is not public."""
    for field, message in messages_in(step):
        yield from _message_problems(flow, step, field, message)
    for field, name in variables_set_by(step):
        yield from _variable_problems(step, field, name)
    for field, text in texts_in(step):
        yield from _text_problems(flow, step, field, text)
    if step["type"] == "call":
        yield from _call_problems(step, is_allowed_url)
    elif step["type"] in CHECKS:
        yield from CHECKS[step["type"]](step)


# Messages


def _message_problems(flow: Flow, step: Step, field: str, message: Message) -> Iterator[Problem]:
    problems = [
        *_choice_problems(step, field, message),
        *(Problem("no_placeholder_here", step["id"], place) for place, text in _plain_texts(field, message) if names_in(text)),
        *_link_problems(step, field, message),
    ]
    yield from problems
    is_over_limit = any(problem.step == step["id"] and problem.field.startswith(f"{field}.") for problem in flow.limits)
    if not any(problem.blocks for problem in problems) and not is_over_limit:
        yield from _refusals(step, field, message)


def _refusals(step: Step, field: str, message: Message) -> Iterator[Problem]:
    """Yields what WhatsApp would refuse in the message with short values."""
    try:
        is_sent = build(message, lambda name: "x") is not None
    except InvalidMessage as refusal:
        part = MESSAGE_FIELDS.get(refusal.field, refusal.field)
        yield Problem("refused", step["id"], f"{field}.{part}", {"limit": refusal.limit}, words=refusal.words)
    else:
        if not is_sent:
            yield Problem("empty", step["id"], f"{field}.text")


def _choice_problems(step: Step, field: str, message: Message) -> Iterator[Problem]:
    """Yields ids and titles that occur twice in a message. Titles that differ in case or accents are the same when typed."""
    choices_field = "buttons" if message["type"] == "buttons" else "rows"
    ids, titles, typed = set(), set(), set()
    for index, choice in enumerate(choices_of(message)):
        title = " ".join(choice["title"].split())
        values = {"name": choice["title"]}
        if choice["id"] in ids:
            yield Problem("repeated_choice", step["id"], f"{field}.{choices_field}.{index}.id", {"name": choice["id"]})
        if title in titles:
            yield Problem("repeated_title", step["id"], f"{field}.{choices_field}.{index}.title", values)
        elif plain(title) in typed:
            yield Problem("similar_title", step["id"], f"{field}.{choices_field}.{index}.title", values, blocks=False)
        ids.add(choice["id"])
        titles.add(title)
        typed.add(plain(title))


def _plain_texts(field: str, message: Message) -> Iterator[tuple[str, str]]:
    """Yields the texts of a message in which placeholders are not filled."""
    for name in ("button", "title", "url", "link", "filename", "name", "language"):
        if name in message:
            yield f"{field}.{name}", message[name]
    choices_field = "buttons" if message["type"] == "buttons" else "rows"
    for index, choice in enumerate(choices_of(message)):
        for name in ("id", "title", "description"):
            yield f"{field}.{choices_field}.{index}.{name}", choice.get(name, "")


def _link_problems(step: Step, field: str, message: Message) -> Iterator[Problem]:
    for name in ("url", "link"):
        if message.get(name) and (code := url_problem(message[name])):
            yield Problem(code, step["id"], f"{field}.{name}")


# Texts and variables


def texts_in(step: Step) -> Iterator[tuple[str, str]]:
    """Yields the texts of a step in which placeholders are filled, each with its field."""
    for field, message in messages_in(step):
        yield from ((f"{field}.{name}", message[name]) for name in ("text", "caption") if name in message)
        yield from ((f"{field}.values.{index}", value) for index, value in enumerate(message.get("values", ())))
    yield from ((name, step[name]) for name in ("value", "note", "url", "wording") if name in step)
    yield from ((f"headers.{name}", value) for name, value in step.get("headers", {}).items())
    yield from _strings_in(step.get("body"), "body")
    for index, case in enumerate(step.get("cases", ())):
        if "is" in case["when"]:
            yield f"cases.{index}.when.is", case["when"]["is"]


def _strings_in(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _strings_in(each, f"{field}.{key}")
    elif isinstance(value, Sequence):
        for index, each in enumerate(value):
            yield from _strings_in(each, f"{field}.{index}")


def _text_problems(flow: Flow, step: Step, field: str, text: str) -> Iterator[Problem]:
    for name in names_in(text):
        if name not in PLACEHOLDERS and name not in flow.variables:
            yield Problem("unknown_placeholder", step["id"], field, {"name": name[:60]})
    rest = without_placeholders(text)
    if "{{" in rest or ("}}" in rest and not field.startswith("body")):  # JSON in a string ends with braces
        yield Problem("brace", step["id"], field, blocks=False)


def _variable_problems(step: Step, field: str, name: str) -> Iterator[Problem]:
    if name in PLACEHOLDERS:
        yield Problem("reserved_variable", step["id"], field, {"name": name})
    elif step["type"] == "set" and not _VARIABLE.fullmatch(name):
        yield Problem("wrong_variable", step["id"], field)


# Single types of steps


def _set_problems(step: Step) -> Iterator[Problem]:
    if step["target"] == "field" and step["name"] not in CONTACT_FIELDS:
        yield Problem("wrong_value", step["id"], "name", {"value": step["name"]})


def _wait_problems(step: Step) -> Iterator[Problem]:
    reminder, timeout = step.get("reminder"), step.get("timeout")
    if reminder and timeout and reminder["minutes"] >= timeout["minutes"]:
        yield Problem("reminder_too_late", step["id"], "reminder.minutes")


def _ask_problems(step: Step) -> Iterator[Problem]:
    answer = step["answer"]
    kind = answer["kind"]
    if kind in ("text", "number", "date"):
        yield from range_problems(kind, answer, ("min", "max"), step["id"], "answer")
        return
    for name in ("min", "max"):
        if answer.get(name) is not None:
            yield Problem("no_limit_here", step["id"], f"answer.{name}")


def _split_problems(step: Step) -> Iterator[Problem]:
    percent = sum(share["percent"] for share in step["shares"])
    if percent != 100:
        yield Problem("percent_sum", step["id"], "shares", {"percent": percent})


def _label_problems(step: Step) -> Iterator[Problem]:
    if not step.get("add") and not step.get("remove"):
        yield Problem("no_label", step["id"], "add")


def _consent_problems(step: Step) -> Iterator[Problem]:
    if not readable(step["purpose"]):
        yield Problem("empty", step["id"], "purpose")
    elif names_in(step["purpose"]):
        yield Problem("no_placeholder_here", step["id"], "purpose")


def _call_problems(step: Step, is_allowed_url: IsAllowed) -> Iterator[Problem]:
    code = url_problem(step["url"], is_called=True)
    if code and (code == "invalid_url" or not is_allowed_url(step["url"])):
        yield Problem(code, step["id"], "url")
    yield from _header_problems(step)
    if step["method"] == "GET" and step.get("body") is not None:
        yield Problem("body_of_get", step["id"], "body")
    for index, saved in enumerate(step.get("save", ())):
        if not all(saved["path"].split(".")):
            yield Problem("wrong_path", step["id"], f"save.{index}.path")
        elif step.get("example") is not None and not has_path(step["example"], saved["path"]):
            yield Problem("not_in_example", step["id"], f"save.{index}.path", blocks=False)


def _header_problems(step: Step) -> Iterator[Problem]:
    for name, value in step.get("headers", {}).items():
        if not _HEADER.fullmatch(name) or name.lower() in OWN_HEADERS:
            yield Problem("wrong_header", step["id"], f"headers.{name}", {"name": name[:60]})
        elif not without_placeholders(value).isprintable():
            yield Problem("wrong_header_value", step["id"], f"headers.{name}")


def _ai_answer_problems(step: Step) -> Iterator[Problem]:
    yield from _wait_problems(step)
    yield from _instruction_problems(step, ("instructions", "until"))


def _ai_branch_problems(step: Step) -> Iterator[Problem]:
    yield from _instruction_problems(step, ("question",))
    names: set[str] = set()
    for index, branch in enumerate(step["branches"]):
        name, field = plain(branch["name"]), f"branches.{index}.name"
        if name in RESERVED_BRANCHES:
            yield Problem("reserved_variable", step["id"], field, {"name": branch["name"]})
        elif name and name in names:
            yield Problem("repeated_branch", step["id"], field, {"name": branch["name"]})
        names.add(name)
        yield from _placeholder_problems(step, f"branches.{index}.description", branch["description"])
    if step.get("example") and all(branch["name"] != step["example"] for branch in step["branches"]):
        yield Problem("no_such_branch", step["id"], "example", {"name": step["example"]}, blocks=False)


def _instruction_problems(step: Step, fields: Sequence[str]) -> Iterator[Problem]:
    for field in fields:
        yield from _placeholder_problems(step, field, step[field])


def _placeholder_problems(step: Step, field: str, text: str) -> Iterator[Problem]:
    """Instructions have no values of customers in them: an AI would take what a customer wrote for an instruction."""
    if names_in(text):
        yield Problem("no_placeholder_here", step["id"], field)


CHECKS: Mapping[str, Callable[[Step], Iterator[Problem]]] = {
    "set": _set_problems,
    "wait": _wait_problems,
    "ask": _ask_problems,
    "split": _split_problems,
    "label": _label_problems,
    "consent": _consent_problems,
    "ai_answer": _ai_answer_problems,
    "ai_branch": _ai_branch_problems,
}
