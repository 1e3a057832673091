"""Asks a model until it has answered: the model may call tools in between."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bots.ai.completions import CalledTool, Completion, CompletionRequest, ModelFailed, is_json, read_written_call
from bots.ai.languages import is_in_other_language
from bots.ai.leaks import has_leak
from bots.ai.openai_client import complete
from bots.ai.prompts import build_messages, language_rule
from bots.ai.questions import Dialogue, StepTask
from bots.ai.tools import DONE, TAKEN, Toolset
from bots.ai.whatsapp_texts import as_whatsapp
from bots.remote.answers import RemoteAnswer, RemoteMessage
from bots.remote.exchanges import Exchange, Problem, failed
from cloud_api import messages
from cloud_api.limits import InvalidMessage
from cloud_api.payloads.texts import is_visible

__all__ = ["Dialogue", "StepTask", "ask_model", "prompt_tokens"]

TOTAL_SECONDS = 120.0
"""For all calls of the model and its tools. Shorter than anybody waits, and than a request is too old."""


def prompt_tokens(dialogue: Dialogue) -> int:
    """Returns about how many input tokens the first call of the model has."""
    return _first_request(dialogue, Toolset(dialogue)).input_tokens()


def ask_model(dialogue: Dialogue) -> Exchange:
    """Asks the model and returns its answer, or why there is none. Makes no use of the database, and raises nothing."""
    return _Asking(dialogue).run()


def _first_request(dialogue: Dialogue, tools: Toolset) -> CompletionRequest:
    settings = dialogue.settings
    return CompletionRequest(
        model=settings.model,
        messages=build_messages(dialogue),
        tools=tools.definitions(),
        temperature=settings.temperature,
        max_tokens=settings.answer_tokens,
    )


class _Unusable(Exception):
    """The model has answered, but not so that it can be sent."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class _Asking:
    """One dialogue while it is under way."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._tools = Toolset(dialogue)
        self._request = _first_request(dialogue, self._tools)
        self._began = time.monotonic()
        self._last: Completion | None = None
        self._input_tokens = self._output_tokens = 0
        self._most_tokens = dialogue.max_rounds * (self._request.input_tokens() + self._request.max_tokens)

    def run(self) -> Exchange:
        try:
            answer = self._ask()
        except ModelFailed as failure:
            return failure.exchange(**{**self._columns(), "status": failure.status, "response": failure.body})
        except _Unusable as unusable:
            return failed(unusable.problem, **self._columns())
        return Exchange(answer=answer, branch=self._tools.parts.branch or "", **self._columns())

    def _columns(self) -> dict[str, Any]:
        last = self._last
        return {
            "seconds": time.monotonic() - self._began,
            "status": last.status if last else 0,
            "response": last.body if last else "",
            "model": last.model if last else self._dialogue.settings.model,
            "tools": tuple(self._tools.log),
            "input_tokens": self._input_tokens,
            "output_tokens": self._output_tokens,
        }

    @property
    def _seconds_left(self) -> float:
        return TOTAL_SECONDS - (time.monotonic() - self._began)

    def _ask(self) -> RemoteAnswer:
        """Calls the model until its answer is complete. Raises ModelFailed and _Unusable."""
        parts, is_corrected = self._tools.parts, False
        for left in range(self._dialogue.max_rounds - 1, -1, -1):
            waits = self._follow(self._complete(is_last=left == 0), is_last=left == 0)
            if not parts.is_complete or (waits and parts.hand_over is None):
                continue
            if any(len(each) > 2 * messages.MAX_TEXT for each in parts.messages or ()):
                raise _Unusable(Problem.TOO_LONG)
            if has_leak(parts.messages or (), self._dialogue):
                raise _Unusable(Problem.LEAK)
            if not is_in_other_language(parts.messages or (), self._dialogue.settings.languages):
                return self._answer()
            if is_corrected or left == 0:
                raise _Unusable(Problem.LANGUAGE)
            parts.messages, is_corrected = None, True
            self._tell({"role": "user", "content": f"[The customer cannot read this language. {language_rule(self._dialogue)}]"})
        raise _Unusable(Problem.TOOLS)

    def _complete(self, *, is_last: bool) -> Completion:
        """Calls the model. In the last round it cannot make web calls, since it could not tell what came of them."""
        request = replace(self._request, tools=self._tools.definitions(with_web_calls=False)) if is_last else self._request
        if self._used and self._used + request.input_tokens() + request.max_tokens > self._most_tokens:
            raise _Unusable(Problem.TOOLS)
        endpoint = self._dialogue.endpoint
        completion = self._last = complete(endpoint, request, min(endpoint.timeout_seconds, self._seconds_left))
        self._input_tokens += completion.input_tokens
        self._output_tokens += completion.output_tokens
        if completion.is_refused:
            raise _Unusable(Problem.REFUSED)
        if completion.is_cut:
            raise _Unusable(Problem.TOO_LONG)
        return completion

    @property
    def _used(self) -> int:
        return self._input_tokens + self._output_tokens

    def _follow(self, completion: Completion, *, is_last: bool) -> bool:
        """Does what the model says or calls. Returns whether it waits for the result of a web call. Raises _Unusable."""
        calls = completion.calls
        if not calls and (written := read_written_call(completion.content)):
            calls = [written]
        if not calls:
            self._take_content(completion.content)
            return False
        waits = any(self._tools.is_web_call(each.name) for each in calls)
        if waits and is_last:
            raise _Unusable(Problem.TOOLS)
        self._tell({"role": "assistant", "content": None, "tool_calls": list(map(_as_sent, calls))})
        results = [self._tools.call(each, self._seconds_left) for each in calls]
        for each, result in zip(calls, results, strict=True):
            self._tell({"role": "tool", "tool_call_id": each.id, "content": result})
        parts = self._tools.parts
        has_answer = parts.messages is not None or parts.hand_over is not None or parts.branch not in (None, DONE)
        if completion.calls and completion.content and not (waits or has_answer) and set(results) == {TAKEN}:
            self._take_content(completion.content)
        return waits

    def _take_content(self, content: str) -> None:
        """Takes a plain text as the answer. Raises _Unusable."""
        if self._tools.parts.is_complete and not content:
            return
        if not is_visible(content) or is_json(content):
            raise _Unusable(Problem.NO_MESSAGE)
        self._tools.take_text(content)
        self._tell({"role": "assistant", "content": content})

    def _tell(self, message: Mapping[str, Any]) -> None:
        """Adds a message to the next call of the model."""
        self._request = replace(self._request, messages=[*self._request.messages, message])

    def _answer(self) -> RemoteAnswer:
        """Returns the answer. Raises _Unusable if it cannot be sent."""
        parts = self._tools.parts
        texts = [body for each in parts.messages or () if is_visible(body := as_whatsapp(each))]
        if parts.messages and not texts and not parts.hand_over:
            raise _Unusable(Problem.NO_MESSAGE)
        if len(texts) > self._dialogue.messages_per_answer:
            raise _Unusable(Problem.MESSAGES)
        return RemoteAnswer(
            messages=tuple(map(_message, texts)),
            hand_over=parts.hand_over,
            labels_to_add=frozenset(parts.labels),
            name=parts.name,
        )


def _as_sent(called: CalledTool) -> dict[str, Any]:
    return {"id": called.id, "type": "function", "function": {"name": called.name, "arguments": called.arguments}}


def _message(body: str) -> RemoteMessage:
    try:
        return RemoteMessage(messages.text(body))
    except InvalidMessage:
        raise _Unusable(Problem.TOO_LONG if len(body) > messages.MAX_TEXT else Problem.MESSAGE) from None
