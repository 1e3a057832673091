"""What an AI must know and may do, as its draft and its versions have it. The connection and the limits are rows of their own
(`bots.models.AiConnection`)."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

KIND = "ai"
MAX_KNOWLEDGE_TOKENS = 8_000
"""Of the pasted knowledge, estimated."""
MAX_TOOLS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A value that the model fills in. It stands in `{{name}}` of the tool's URL, headers and body."""

    name: str
    description: str = ""
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A web call that the model may make, like a call step of a flow: GET or POST with placeholders in double braces. `example` is
    the response that proofs use, as text: a proof makes no web call."""

    name: str
    description: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str]
    body: Any = None
    parameters: tuple[Parameter, ...] = ()
    example: str = ""

    @property
    def address(self) -> str:
        """The URL without its query, which may contain a key."""
        return re.split(r"[?#]", self.url, maxsplit=1)[0]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        parameters = tuple(Parameter(**each) for each in document.get("parameters", ()))
        return cls(**{**document, "parameters": parameters, "headers": dict(document.get("headers", {}))})


@dataclass(frozen=True, slots=True, kw_only=True)
class AiSettings:
    """Who the AI is, what it knows, and how it answers.

    `languages` are the languages in which it may answer (`pt`, `es`, `en`), the first where the customer's is none of them.
    `history_messages` and `history_tokens` limit the earlier messages of the session that it reads. `answer_tokens` limits one
    answer of the model. `may_set_name` lets it set the contact's name, `labels` are the labels that it may give.
    """

    name: str = ""
    model: str = ""
    temperature: float = 0.3
    who: str = ""
    organization: str = ""
    tone: str = ""
    never: str = ""
    knowledge: str = ""
    languages: tuple[str, ...] = ("pt",)
    history_messages: int = 20
    history_tokens: int = 2_000
    answer_tokens: int = 600
    labels: tuple[str, ...] = ()
    may_set_name: bool = False
    tools: tuple[Tool, ...] = ()
    silence_seconds: int = 3
    person_words: tuple[str, ...] = ()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Reads the draft or version of a bot. What is missing has its default."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        for name in ("languages", "labels", "person_words"):
            if name in known:
                known[name] = tuple(known[name])
        known["tools"] = tuple(Tool.read(each) for each in known.get("tools", ()))
        return cls(**known)

    def document(self) -> dict[str, Any]:
        """Returns the settings as JSON."""
        columns = asdict(self)
        for name in ("languages", "labels", "person_words", "tools"):
            columns[name] = list(columns[name])
        for tool in columns["tools"]:
            tool["parameters"] = list(tool["parameters"])
        return {"kind": KIND, **columns}
