"""Answers in the form of OpenAI's: whole, or as a stream of server-sent events."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Content = dict[str, Any]

CHARACTERS_PER_TOKEN = 4
WORDS_PER_CHUNK = 3
END_OF_STREAM = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool. `arguments` is JSON, unless the model is broken."""

    name: str
    arguments: str


def call_of(name: str, arguments: Content) -> Call:
    return Call(name, json.dumps(arguments, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answers: text, calls of tools, or a refusal."""

    content: str | None = None
    calls: tuple[Call, ...] = ()
    refusal: str | None = None
    finish_reason: Literal["stop", "tool_calls", "content_filter"] = "stop"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is around an answer. `request` are the bytes that were received: equal requests get equal ids."""

    model: str
    request: bytes
    at: int

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.request).hexdigest()[:29]

    def _fields(self, kind: str) -> Content:
        return {"id": f"chatcmpl-{self.fingerprint}", "object": kind, "created": self.at, "model": self.model}

    def whole(self, completion: Completion) -> Content:
        """Returns an object `chat.completion`."""
        message: Content = {"role": "assistant", "content": completion.content, "refusal": completion.refusal}
        if completion.calls:
            message["tool_calls"] = self._calls(completion)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completion.finish_reason}
        return self._fields("chat.completion") | {"choices": [choice], "usage": self.usage(completion)}

    def chunk(self, delta: Content, finish_reason: str | None = None) -> bytes:
        """Returns one event of a stream."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event(self._fields("chat.completion.chunk") | {"choices": [choice]})

    def stream(self, completion: Completion, *, with_usage: bool) -> Iterator[bytes]:
        """Yields the events of a stream."""
        yield self.chunk({"role": "assistant", "content": "", "refusal": None})
        words = (completion.content or "").split(" ")
        for start in range(0, len(words), WORDS_PER_CHUNK):
            part = " ".join(words[start : start + WORDS_PER_CHUNK])
            yield self.chunk({"content": f" {part}" if start else part})
        if completion.refusal:
            yield self.chunk({"refusal": completion.refusal})
        if completion.calls:
            yield self.chunk({"tool_calls": [{"index": index, **call} for index, call in enumerate(self._calls(completion))]})
        yield self.chunk({}, completion.finish_reason)
        if with_usage:
            yield _event(self._fields("chat.completion.chunk") | {"choices": [], "usage": self.usage(completion)})
        yield END_OF_STREAM

    def _calls(self, completion: Completion) -> list[Content]:
        return [
            {
                "id": f"call_{self.fingerprint[:20]}{index}",
                "type": "function",
                "function": {"name": each.name, "arguments": each.arguments},
            }
            for index, each in enumerate(completion.calls)
        ]

    def usage(self, completion: Completion) -> Content:
        said = "".join(
            [completion.content or "", completion.refusal or "", *(f"{each.name}{each.arguments}" for each in completion.calls)]
        )
        prompt, answer = -(-len(self.request) // CHARACTERS_PER_TOKEN), -(-len(said) // CHARACTERS_PER_TOKEN)
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _event(content: Content) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"
