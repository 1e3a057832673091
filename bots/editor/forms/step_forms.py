"""The form of each type of step, as descriptions of its fields."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bots.editor.forms.condition_forms import condition_fields
from bots.editor.forms.fields import NEW_STEP, OTHER_PURPOSE, Field, Item, ItemList, Option, Part, Section
from bots.editor.forms.message_forms import message_fields
from bots.editor.operations import LISTS
from bots.editor.steps.outputs import Document, Step, choices_of_step
from bots.editor.steps.step_types import STEP_TYPES, invalid_message, name_of, text_message
from bots.files.stored_files import FileDetails
from bots.flows.flow import MAX_AI_ANSWERS
from contacts.consent.purposes import MAX_PURPOSE, PURPOSE_LABELS

ANSWER_KINDS: dict[str, str | Promise] = {
    "text": _("any text"),
    "email": _("e-mail"),
    "phone": _("phone"),
    "number": _("number"),
    "date": _("date"),
    "cpf": "CPF",
    "cnpj": "CNPJ",
    "cep": "CEP",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class FormContext:
    """What forms offer for selection."""

    steps: tuple[Option, ...]
    """The ids and names of all steps."""
    choices: tuple[Option, ...]
    """The ids of all buttons and rows, with their titles and steps."""
    templates: tuple[Option, ...] = ()
    """Approved message templates: `name|language`, and in words."""
    files: Mapping[str, FileDetails] = field(default_factory=dict)
    """Stored files by their keys."""
    ais: Mapping[str, str] = field(default_factory=dict)
    """The names of AIs by their keys."""


def form_context(
    document: Document,
    templates: Sequence[Option] = (),
    files: Mapping[str, FileDetails] | None = None,
    ais: Mapping[str, str] | None = None,
) -> FormContext:
    """Returns what the forms of a draft offer for selection."""
    steps: list[Option] = []
    choices: dict[str, str] = {}
    for number, step in enumerate(document["steps"], 1):
        name = name_of(step)
        steps.append((step["id"], f"{number}. {name}"))
        for choice in choices_of_step(step):
            choices.setdefault(choice["id"], f"{choice['title']} · {number}. {name}")
    return FormContext(tuple(steps), tuple(choices.items()), tuple(templates), files or {}, ais or {})


def form_of(step: Step, context: FormContext) -> tuple[Part, ...]:
    """Returns the form of a step."""
    title = Field("title", gettext("Name of the step"), "line", step.get("title", ""), limit=60, is_optional=True)
    parts = [*FORMS[step["type"]](step, context)]
    return (*parts, Section(gettext("More"), (title,), is_optional=True, is_open=bool(step.get("title"))))


def target_field(path: str, target: str | None, label: str, context: FormContext, *, nothing: str = "") -> Field:
    """Returns the select with the step to which an output leads. `nothing`: what happens without a step."""
    new = tuple((f"{NEW_STEP}{key}", str(each.name)) for key, each in STEP_TYPES.items())
    options = (("", nothing or gettext("Nothing: the path ends here")), *context.steps)
    groups = ((gettext("Add a step"), new),)
    return Field(path, label, "target", target or "", options=options, groups=groups, redraws=True)


def _next(step: Step, context: FormContext, label: str = "") -> Field:
    return target_field("next", step.get("next"), label or gettext("Then go to"), context)


Form = Callable[[Step, FormContext], Iterator[Part]]


def _send(step: Step, context: FormContext) -> Iterator[Part]:
    yield from message_fields(step["message"], "message", templates=context.templates, files=context.files)
    yield _next(step, context)


def _wait(step: Step, context: FormContext) -> Iterator[Part]:
    yield _next(step, context, gettext("When the customer has answered, go to"))
    yield from _timeout(step, context)
    yield from _reminder(step, context)


def _timeout(step: Step, context: FormContext) -> Iterator[Part]:
    timeout = step.get("timeout")
    new = {"minutes": 60, "next": None}
    parts = [Field("has:timeout", gettext("Go on without an answer after some time"), "presence", new, redraws=True)]
    if timeout:
        parts = [_present(parts[0]), _minutes("timeout.minutes", timeout["minutes"]),
                 target_field("timeout.next", timeout.get("next"), gettext("Without an answer, go to"), context)]  # fmt: skip
    yield Section("", tuple(parts))


def _present(field: Field) -> Field:
    """Returns the switch of an object that exists."""
    return Field(field.path, field.label, "presence", True, redraws=True)


def _minutes(path: str, minutes: int) -> Field:
    return Field(path, gettext("After how many minutes"), "integer", minutes, minimum=1, maximum=1380, is_wide=False)


def _reminder(step: Step, context: FormContext) -> Iterator[Part]:
    reminder = step.get("reminder")
    switch = Field(
        "has:reminder",
        gettext("Remind the customer once"),
        "presence",
        {"minutes": 30, "message": text_message(gettext("Are you still there?"))},
        redraws=True,
    )
    if not reminder:
        yield Section("", (switch,))
        return
    message = message_fields(
        reminder["message"], "reminder.message", templates=context.templates, files=context.files, is_simple=True
    )
    yield Section("", (_present(switch), _minutes("reminder.minutes", reminder["minutes"]), *message))


def _branch(step: Step, context: FormContext) -> Iterator[Part]:
    items = tuple(
        Item(index, index + 1, (
            *condition_fields(case["when"], f"cases.{index}.when", context.choices),
            target_field(f"cases.{index}.next", case.get("next"), gettext("Then go to"), context),
        ))
        for index, case in enumerate(step["cases"])
    )  # fmt: skip
    yield _list(
        step["cases"], "cases", gettext("Paths, the first that fits is taken"), items, gettext("Path"), gettext("Add a path")
    )
    yield target_field("otherwise", step.get("otherwise"), gettext("Otherwise go to"), context)


def _list(values: Sequence[Any], path: str, label: str, items: tuple[Item, ...], item: str, add: str) -> ItemList:
    _new, least, most = LISTS[path]
    return ItemList(path, label, items, item, add if len(values) < most else "", may_remove=len(values) > least)


def _ask(step: Step, context: FormContext) -> Iterator[Part]:
    yield from message_fields(step["message"], "message", templates=context.templates, files=context.files)
    answer = step["answer"]
    kinds = tuple((key, str(words)) for key, words in ANSWER_KINDS.items())
    yield Field(
        "answer.kind", gettext("What the answer must be"), "answer_kind", answer["kind"], options=kinds, is_wide=False, redraws=True
    )
    yield Field("variable", gettext("Keep the answer as"), "name", step["variable"], limit=40, list="variables", is_wide=False,
                help=gettext("A short name such as e_mail. Texts show it with {{e_mail}}."))  # fmt: skip
    yield from _answer_range(answer)
    wrong = [
        Field("retries", gettext("How many times to ask again"), "integer", step.get("retries", 2),
              minimum=0, maximum=5, is_wide=False),
        *message_fields(step["invalid"], "invalid", templates=context.templates, files=context.files, is_simple=True),
        target_field("failed", step.get("failed"), gettext("If no answer fits, go to"), context,
                     nothing=gettext("Nothing: a person answers")),
    ]  # fmt: skip
    yield _next(step, context)
    yield Section(gettext("If the answer does not fit"), tuple(wrong), is_optional=True, is_open=_is_changed(step))
    yield from _timeout(step, context)


def _is_changed(step: Step) -> bool:
    return bool(step.get("failed")) or step["invalid"] != invalid_message()


def _answer_range(answer: dict[str, Any]) -> Iterator[Field]:
    names = {
        "text": (gettext("At least so many characters"), gettext("At most so many characters"), "integer"),
        "number": (gettext("Smallest number"), gettext("Largest number"), "number"),
        "date": (gettext("First date"), gettext("Last date"), "date"),
    }
    if words := names.get(answer["kind"]):
        low, high, kind = words
        help_text = gettext("As year-month-day, or the word today") if kind == "date" else ""
        for name, label in (("min", low), ("max", high)):
            yield Field(f"answer.{name}", label, kind, answer.get(name, ""), is_optional=True, is_wide=False, help=help_text)


def _set(step: Step, context: FormContext) -> Iterator[Part]:
    targets = (("variable", gettext("a value of this bot")), ("field", gettext("the name of the contact")))
    yield Field("target", gettext("What to store"), "set_target", step["target"], options=targets, is_wide=False, redraws=True)
    if step["target"] == "variable":
        yield Field("name", gettext("Name of the value"), "name", step["name"], limit=40, list="variables", is_wide=False)
    yield Field("value", gettext("Value"), "line", step["value"], limit=1000, has_placeholders=True)
    yield _next(step, context)


def _call(step: Step, context: FormContext) -> Iterator[Part]:
    methods = tuple((each, each) for each in METHODS)
    yield Field("method", gettext("Method"), "select", step["method"], options=methods, is_wide=False, redraws=True)
    yield Field("url", gettext("Web address"), "line", step["url"], limit=2048, has_placeholders=True,
                help=gettext("Begins with https://"))  # fmt: skip
    headers = "\n".join(f"{name}: {value}" for name, value in step.get("headers", {}).items())
    has_body = step["method"] != "GET" or "body" in step
    body = [_json("body", gettext("Content to send (JSON)"), step.get("body"))] if has_body else []
    more = (Field("headers", gettext("Headers, one in each line"), "headers", headers, help="Authorization: Bearer …"), *body)
    yield Section(gettext("What is sent along"), more, is_optional=True, is_open=bool(headers or body))
    items = tuple(
        Item(index, index + 1, (
            Field(f"save.{index}.path", gettext("Where in the answer"), "line", each["path"], limit=200, help="pedido.status",
                  is_wide=False),
            Field(f"save.{index}.variable", gettext("Keep as"), "name", each["variable"], limit=40, list="variables",
                  is_wide=False),
        ))
        for index, each in enumerate(step.get("save", []))
    )  # fmt: skip
    yield _list(items, "save", gettext("What to keep of the answer"), items, gettext("Value"), gettext("Keep a value"))
    yield _json("example", gettext("Example of an answer (JSON), for trying out"), step.get("example"))
    yield _next(step, context)
    yield target_field(
        "failed", step.get("failed"), gettext("If it fails, go to"), context, nothing=gettext("Nothing: a person answers")
    )


def _json(path: str, label: str, value: Any) -> Field:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, indent=2)
    return Field(path, label, "json", text, is_optional=True)


def _ai_answer(step: Step, context: FormContext) -> Iterator[Part]:
    yield _ai(step, context)
    yield Field("instructions", gettext("What the AI is to do here"), "text", step["instructions"], limit=2000,
                help=gettext("For example: Answer questions about delivery, and find out the day and the address."))  # fmt: skip
    yield Field("until", gettext("Until what is clear"), "line", step["until"], limit=500,
                help=gettext("For example: the customer has said a day and an address"))  # fmt: skip
    yield _next(step, context, gettext("When that is clear, go to"))
    yield Field("max_answers", gettext("How many times it may answer"), "integer", step.get("max_answers", MAX_AI_ANSWERS),
                minimum=1, maximum=20, is_wide=False)  # fmt: skip
    yield target_field("failed", step.get("failed"), gettext("If it cannot answer, or has answered so many times, go to"), context,
                       nothing=gettext("Nothing: a person answers"))  # fmt: skip
    yield Field("example", gettext("Example of an answer, for trying out: one message in each line"), "lines",
                "\n".join(step.get("example", [])))  # fmt: skip
    yield from _timeout(step, context)
    yield from _reminder(step, context)


def _ai(step: Step, context: FormContext) -> Field:
    options = [("", gettext("Choose an AI")), *context.ais.items()]
    if step["ai"] and step["ai"] not in context.ais:
        options.append((step["ai"], step["ai"]))
    hint = "" if context.ais else gettext("Your organization has no AI yet. Add one on the page Bots.")
    return Field("ai", gettext("Which AI"), "select", step["ai"], options=tuple(options), is_wide=False, help=hint)


def _ai_branch(step: Step, context: FormContext) -> Iterator[Part]:
    yield _ai(step, context)
    yield Field("question", gettext("What the AI is to find out"), "text", step["question"], limit=2000,
                help=gettext("For example: What does the customer want?"))  # fmt: skip
    items = tuple(
        Item(index, index + 1, (
            Field(f"branches.{index}.name", gettext("Name of the path"), "line", branch["name"], limit=60, is_wide=False),
            Field(f"branches.{index}.description", gettext("When it is the right one"), "line", branch["description"], limit=500,
                  help=gettext("For example: The customer asks when or where we deliver")),
            target_field(f"branches.{index}.next", branch.get("next"), gettext("Then go to"), context),
        ))
        for index, branch in enumerate(step["branches"])
    )  # fmt: skip
    yield _list(items, "branches", gettext("Paths among which it chooses"), items, gettext("Path"), gettext("Add a path"))
    yield target_field("otherwise", step.get("otherwise"), gettext("If it is unsure or cannot answer, go to"), context,
                       nothing=gettext("Nothing: a person answers"))  # fmt: skip
    names = dict.fromkeys(branch["name"] for branch in step["branches"] if branch["name"])
    options = (("", gettext("None: the AI is unsure")), *((name, name) for name in names))
    yield Field(
        "example", gettext("Which path trying out takes"), "select", step.get("example", ""), options=options, is_wide=False
    )


def _label(step: Step, context: FormContext) -> Iterator[Part]:
    hint = gettext("Separate several with commas.")
    yield Field(
        "add", gettext("Put these labels on the contact"), "words", ", ".join(step.get("add", [])), list="labels", help=hint
    )
    yield Field("remove", gettext("Remove these labels"), "words", ", ".join(step.get("remove", [])), list="labels")
    yield _next(step, context)


def _consent(step: Step, context: FormContext) -> Iterator[Part]:
    decisions = (("granted", gettext("agreed")), ("withdrawn", gettext("withdrew")))
    yield Field("decision", gettext("What the person decided"), "select", step["decision"], options=decisions, is_wide=False)
    purposes = (*((code, str(words)) for code, words in PURPOSE_LABELS.items()), (OTHER_PURPOSE, gettext("Something else")))
    purpose = step["purpose"] if step["purpose"] in PURPOSE_LABELS else OTHER_PURPOSE
    yield Field("purpose.kind", gettext("To what"), "purpose", purpose, options=purposes, is_wide=False, redraws=True)
    if purpose == OTHER_PURPOSE:
        yield Field("purpose", gettext("In your words"), "line", step["purpose"], limit=MAX_PURPOSE)
    yield Field("wording", gettext("What the person was shown"), "text", step.get("wording", ""), limit=2000, is_optional=True,
                help=gettext("As in the question. It is kept as evidence."), has_placeholders=True)  # fmt: skip
    yield _next(step, context)


def _split(step: Step, context: FormContext) -> Iterator[Part]:
    items = tuple(
        Item(index, index + 1, (
            Field(f"shares.{index}.percent", gettext("Percent of the customers"), "integer", share["percent"],
                  minimum=1, maximum=100, is_wide=False),
            target_field(f"shares.{index}.next", share.get("next"), gettext("Then go to"), context),
        ))
        for index, share in enumerate(step["shares"])
    )  # fmt: skip
    yield _list(items, "shares", gettext("Shares, together 100 percent"), items, gettext("Share"), gettext("Add a share"))


def _subflow(step: Step, context: FormContext) -> Iterator[Part]:
    yield target_field("start", step["start"], gettext("Go through the steps from"), context, nothing=gettext("Choose a step"))
    yield _next(step, context, gettext("Afterwards go to"))


def _jump(step: Step, context: FormContext) -> Iterator[Part]:
    yield _next(step, context, gettext("Go to"))


def _hand_over(step: Step, context: FormContext) -> Iterator[Part]:
    yield Field("note", gettext("Note for the person who answers"), "text", step.get("note", ""), limit=1000, has_placeholders=True)
    switch = Field(
        "has:message", gettext("Say something else than the number usually says"), "presence", text_message(), redraws=True
    )
    if not step.get("message"):
        yield Section("", (switch,))
        return
    yield Section(
        "",
        (
            _present(switch),
            *message_fields(step["message"], "message", templates=context.templates, files=context.files, is_simple=True),
        ),
    )


def _end(step: Step, context: FormContext) -> Iterator[Part]:
    return iter(())


FORMS: dict[str, Form] = {
    "send": _send,
    "wait": _wait,
    "branch": _branch,
    "ask": _ask,
    "set": _set,
    "call": _call,
    "ai_answer": _ai_answer,
    "ai_branch": _ai_branch,
    "label": _label,
    "consent": _consent,
    "split": _split,
    "subflow": _subflow,
    "jump": _jump,
    "hand_over": _hand_over,
    "end": _end,
}
