"""What a model may call, and what the calls mean.

`reply` and `hand_over` end the answer, and so do `choose_branch` and `done` in a step of a flow. Labels, the name and the web calls
of an administrator do not. A call that is not possible is answered with a sentence about it, so that the model may do better.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator

from bots.ai.completions import CalledTool, without_thoughts
from bots.ai.prompts import is_choice
from bots.ai.questions import Dialogue
from bots.ai.settings import Tool
from bots.ai.web_tools import call_web_tool
from bots.flows.texts import fold
from bots.remote.exchanges import ToolCall
from cloud_api.payloads import UnreadableBody
from cloud_api.payloads.json_values import decode

UNSURE = "unsure"
DONE = "done"
BUILT_IN = frozenset({"reply", "hand_over", "set_label", "set_field", "choose_branch", "done"})
"""Names that no web call of an administrator may have."""
MAX_WEB_CALLS = 5
"""Of one dialogue. A customer may write instructions that make a model call again and again."""
MAX_LOGGED = 2000
MAX_NOTE = 1000
MAX_NAME = 150
TAKEN = "OK."

Schema = Mapping[str, Any]


@dataclass
class Parts:
    """What the calls of a model have come to so far. `messages` is None until it has called `reply`."""

    messages: list[str] | None = None
    hand_over: str | None = None
    labels: set[str] = field(default_factory=set)
    name: str = ""
    branch: str | None = None

    @property
    def is_complete(self) -> bool:
        return self.messages is not None or self.hand_over is not None or self.branch is not None


@dataclass(frozen=True, slots=True)
class _Builtin:
    """A tool of the hub: its parameters, and what a call with valid arguments does."""

    description: str
    schema: Schema
    apply: Callable[[Parts, Mapping[str, Any]], None]


class Toolset:
    """The tools of one dialogue, and what came of their calls."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._builtin = _builtin_tools(dialogue)
        self._web = (
            {} if is_choice(dialogue) else {tool.name: tool for tool in dialogue.settings.tools if tool.name not in self._builtin}
        )
        self._web_calls = 0
        self.parts = Parts()
        self.log: list[ToolCall] = []

    def definitions(self, *, with_web_calls: bool = True) -> list[dict[str, Any]]:
        """Returns the tools as the interface has them."""
        found = [_definition(name, tool.description, tool.schema) for name, tool in self._builtin.items()]
        web = self._web.values() if with_web_calls else ()
        return found + [_definition(tool.name, tool.description, _schema_of(tool)) for tool in web]

    def is_web_call(self, name: str) -> bool:
        return name in self._web

    def call(self, called: CalledTool, seconds: float) -> str:
        """Does what was called, for so many seconds at most. Returns what the model gets."""
        result = self._call(called, seconds)
        if called.name != "reply":
            self.log.append(ToolCall(called.name[:64], called.arguments[:MAX_LOGGED], result[:MAX_LOGGED]))
        return result

    def take_text(self, content: str) -> None:
        """Takes a plain text as a further message of the answer. In a choice it may be the name of a branch."""
        step = self._dialogue.step
        if step and step.branches:
            chosen = fold(content)
            self.parts.branch = next((name for name, _description in step.branches if fold(name) == chosen), "")
        else:
            self.parts.messages = [*(self.parts.messages or []), content]

    def _call(self, called: CalledTool, seconds: float) -> str:
        builtin, web = self._builtin.get(called.name), self._web.get(called.name)
        if builtin is None and web is None:
            return f"Error: there is no such tool. There are: {', '.join([*self._builtin, *self._web])}."
        arguments = _read_arguments(called.arguments)
        if arguments is None:
            return "Error: the arguments are not a JSON object."
        if web:
            arguments = {name: _as_text(value) for name, value in arguments.items()}
        if problem := _problem_in(arguments, _schema_of(web) if web else builtin.schema if builtin else {}):
            return f"Error: {problem}"
        if web and self._web_calls >= MAX_WEB_CALLS:
            return "Error: no more web calls are possible. Answer with what you know."
        if web:
            self._web_calls += 1
            return call_web_tool(web, arguments, self._dialogue, position=self._web_calls, seconds=seconds)
        if builtin:
            builtin.apply(self.parts, arguments)
        return TAKEN


def _builtin_tools(dialogue: Dialogue) -> dict[str, _Builtin]:
    """Returns the hub's tools that this dialogue offers."""
    step, settings = dialogue.step, dialogue.settings
    if step and step.branches:
        names = [*(name for name, _description in step.branches), UNSURE]
        schema = _object(branch={"type": "string", "enum": names})
        return {"choose_branch": _Builtin("Chooses the branch that is meant.", schema, _choose_branch)}
    texts = {"type": "array", "items": {"type": "string"}, "description": f"At most {dialogue.messages_per_answer} messages."}
    reason = {"type": "string", "description": "Why a person is needed, in a few words."}
    summary = {"type": "string", "description": "What the customer wants and what is known so far, for the person."}
    tools = {
        "reply": _Builtin("Sends messages to the customer. An empty list: nothing is to be said.", _object(messages=texts), _reply),
        "hand_over": _Builtin("Hands the conversation over to a person.", _object(reason=reason, summary=summary), _hand_over),
    }
    if settings.labels:
        label = {"type": "string", "enum": list(settings.labels)}
        tools["set_label"] = _Builtin("Gives the customer a label, for the team.", _object(name=label), _set_label)
    if settings.may_set_name:
        tools["set_field"] = _Builtin("Stores the name that the customer gave.", _object(name={"type": "string"}), _set_name)
    if step:
        tools["done"] = _Builtin("Says that the task is done.", _object(), _finish)
    return tools


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _definition(name: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _schema_of(tool: Tool) -> Schema:
    return {
        "type": "object",
        "properties": {each.name: {"type": "string", "description": each.description} for each in tool.parameters},
        "required": [each.name for each in tool.parameters if each.is_required],
        "additionalProperties": False,
    }


def _read_arguments(written: str) -> dict[str, Any] | None:
    """Returns the arguments of a call. None for arguments that cannot be read. Nothing counts as no arguments."""
    try:
        arguments = decode(written.encode(errors="replace")) if written.strip() else {}
    except UnreadableBody:
        return None
    return {} if arguments is None else arguments if isinstance(arguments, dict) else None


def _as_text(value: Any) -> Any:
    """Returns a number as text, which models mix up."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _problem_in(arguments: Mapping[str, Any], schema: Schema) -> str:
    """Returns what is wrong with arguments. Empty: nothing."""
    error = next(iter(Draft202012Validator(schema).iter_errors(arguments)), None)
    return error.message[:MAX_NOTE] if error else ""


def _reply(parts: Parts, arguments: Mapping[str, Any]) -> None:
    parts.messages = [*(parts.messages or []), *map(without_thoughts, arguments["messages"])]


def _hand_over(parts: Parts, arguments: Mapping[str, Any]) -> None:
    reason, summary = arguments["reason"].strip(), arguments["summary"].strip()
    parts.hand_over = "\n".join(part for part in (summary, reason) if part)[:MAX_NOTE]


def _set_label(parts: Parts, arguments: Mapping[str, Any]) -> None:
    parts.labels.add(arguments["name"])


def _set_name(parts: Parts, arguments: Mapping[str, Any]) -> None:
    parts.name = " ".join(arguments["name"].split())[:MAX_NAME]


def _choose_branch(parts: Parts, arguments: Mapping[str, Any]) -> None:
    parts.branch = "" if arguments["branch"] == UNSURE else arguments["branch"]


def _finish(parts: Parts, _arguments: Mapping[str, Any]) -> None:
    parts.branch = DONE
