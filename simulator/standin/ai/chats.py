"""A request for an answer: its messages and the tools that it offers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloud_api.payloads.texts import mapping, text

Content = dict[str, Any]


class InvalidChat(Exception):
    """The request is not valid. `param` names the field."""

    def __init__(self, explanation: str, param: str | None = None) -> None:
        super().__init__(explanation)
        self.param = param


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. `schema` is that of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the client returned for a call of a tool."""

    name: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A request. `question` is what the user wrote since the last answer. `results` are those of the tools that were called since
    then."""

    system: str
    question: str
    results: Sequence[ToolResult]
    tools: Mapping[str, Tool]
    forced: str = ""
    """The tool that must be called, `*` for any. Empty: none must."""
    stream: bool = False
    wants_usage: bool = False
    """Whether a stream ends with the usage."""
    earlier: Sequence[str] = field(default=())
    """What the user wrote before the last answer."""


def read_chat(content: Mapping[str, Any]) -> Chat:
    """Reads a request. Raises InvalidChat."""
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InvalidChat("Missing required parameter: 'messages'.", "messages")
    if not all(isinstance(each, dict) and isinstance(each.get("role"), str) for each in messages):
        raise InvalidChat("Invalid type for 'messages[0]': expected an object with a role.", "messages")
    tools = content.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(each, dict) for each in tools):
        raise InvalidChat("Invalid type for 'tools': expected an array of objects.", "tools")
    asked = _begin_of_question(messages)
    offered = [_read_tool(each) for each in tools]
    return Chat(
        system="\n\n".join(_text_of(each) for each in messages if each["role"] in ("system", "developer")),
        question="\n".join(_text_of(each) for each in messages[asked:] if each["role"] == "user"),
        earlier=[_text_of(each) for each in messages[:asked] if each["role"] == "user"],
        results=_results(messages[asked:]),
        tools={tool.name: tool for tool in offered},
        forced=_forced(content.get("tool_choice")),
        stream=content.get("stream") is True,
        wants_usage=mapping(content, "stream_options").get("include_usage") is True,
    )


def _begin_of_question(messages: Sequence[Content]) -> int:
    """Returns the index after the last answer to the user. Calls of tools are no answer."""
    answers = [index for index, each in enumerate(messages) if each["role"] == "assistant" and not each.get("tool_calls")]
    return answers[-1] + 1 if answers else 0


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(text(part, "text") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _read_tool(content: Mapping[str, Any]) -> Tool:
    function = mapping(content, "function")
    if not text(function, "name"):
        raise InvalidChat("Missing required parameter: 'tools[0].function.name'.", "tools")
    return Tool(text(function, "name"), text(function, "description"), mapping(function, "parameters"))


def _results(messages: Sequence[Content]) -> list[ToolResult]:
    calls = [call for each in messages for call in each.get("tool_calls") or () if isinstance(call, dict)]
    names = {text(call, "id"): text(mapping(call, "function"), "name") for call in calls}
    answers = [each for each in messages if each["role"] == "tool"]
    return [ToolResult(names.get(text(each, "tool_call_id"), ""), _text_of(each)) for each in answers]


def _forced(choice: Any) -> str:
    if isinstance(choice, dict):
        return text(mapping(choice, "function"), "name")
    return "*" if choice == "required" else ""
