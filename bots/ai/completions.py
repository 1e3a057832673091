"""Requests for completions as OpenAI's interface has them, and what their responses mean, whoever sends them.

Endpoints differ: some leave out `usage`, some answer an error with status 200, some put what the model thinks into its answer. What
does not have the expected form is a problem in words, never an exception of another kind than `ModelFailed`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Self

from bots.ai.tokens import estimate_tokens
from bots.remote.exchanges import MAX_STORED_RESPONSE, Exchange, Problem, failed
from bots.remote.failures import PROBLEMS, TEMPORARY
from bots.web_requests.errors import Failure, RefusedAddress, RequestFailed
from cloud_api.payloads import UnreadableBody
from cloud_api.payloads.json_values import decode
from cloud_api.payloads.texts import mapping, objects, text

MAX_DETAIL = 300
MAX_CALLS = 16
"""Tools that one response may call. Further ones are left out."""
MAX_TOKENS = 10_000_000
"""Tokens that a response may say it has used."""
MESSAGE_TOKENS = 4
"""What models add to each message."""

_THOUGHTS = re.compile(r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
"""Up to the last end of thoughts, since some models do not write where they begin, and thoughts that do not end."""
_NO_SUCH_MODEL = re.compile(r"not.?found|does not exist|not a valid|unknown|invalid model|no such", re.IGNORECASE)
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """What a model is asked. `messages` and `tools` are as the interface has them. `omitted` are parameters that this model does
    not take."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    temperature: float | None = None
    max_tokens: int
    omitted: frozenset[str] = frozenset()

    def body(self) -> dict[str, Any]:
        """Returns the request as JSON."""
        limit = "max_completion_tokens" if "max_tokens" in self.omitted else "max_tokens"
        body: dict[str, Any] = {"model": self.model, "messages": list(self.messages), limit: self.max_tokens}
        if self.tools:
            body["tools"] = list(self.tools)
        if self.temperature is not None and "temperature" not in self.omitted:
            body["temperature"] = self.temperature
        return body

    def input_tokens(self) -> int:
        """Returns about how many input tokens it has."""
        written = json.dumps([self.messages, self.tools], ensure_ascii=False)
        return estimate_tokens(written) + MESSAGE_TOKENS * len(self.messages)


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool that a model calls. `arguments` is what should be a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A response of a model. `is_cut` says that it would have been longer than allowed. `body` is the response as it came, without
    the key."""

    content: str
    calls: Sequence[CalledTool]
    is_refused: bool
    is_cut: bool
    model: str
    input_tokens: int
    output_tokens: int
    status: int
    body: str


class ModelFailed(Exception):
    """The model gave no completion. `detail` is what the server says about it, without the key."""

    def __init__(
        self, problem: Problem, *, detail: str = "", may_retry: bool = False, status: int = 0, body: str = "", parameter: str = ""
    ) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.detail = detail
        self.may_retry = may_retry
        self.status = status
        self.body = body
        self.parameter = parameter
        """The parameter of the request that the model does not take."""

    @classmethod
    def without_response(cls, error: RefusedAddress | RequestFailed) -> Self:
        """Returns the failure of a request to which there is no response."""
        if isinstance(error, RefusedAddress):
            return cls(Problem.ADDRESS, detail=str(error.text))
        # A model that was too slow may have used tokens, which nobody has counted.
        may_retry = error.code in TEMPORARY and error.code != Failure.TIMEOUT
        return cls(PROBLEMS[error.code], detail=str(error.text), may_retry=may_retry)

    def exchange(self, **columns: Any) -> Exchange:
        """Returns the exchange that ended so."""
        found = {"detail": self.detail, "may_retry": self.may_retry, "status": self.status, "response": self.body}
        return failed(self.problem, **{**found, **columns})


def adapted(request: CompletionRequest, failure: ModelFailed) -> CompletionRequest | None:
    """Returns the request without a parameter that the model does not take. None if that is not why it failed."""
    if failure.parameter not in ("max_tokens", "temperature") or failure.parameter in request.omitted:
        return None
    return replace(request, omitted=request.omitted | {failure.parameter})


def read_completion(status: int, body: bytes, request: CompletionRequest, api_key: str) -> Completion:
    """Returns the completion in a response. Raises ModelFailed."""
    shown = _without_key(body.decode(errors="replace").replace("\x00", ""), api_key)[:MAX_STORED_RESPONSE]
    try:
        document = decode(body)
    except UnreadableBody:
        document = None
    if status >= HTTPStatus.BAD_REQUEST:
        raise _failure_of(status, document, shown, api_key)
    if document is None:
        raise ModelFailed(Problem.NOT_JSON, detail=_detail(shown), status=status, body=shown)
    choices = objects(document, "choices") if isinstance(document, Mapping) else []
    if not choices and isinstance(document, Mapping) and document.get("error"):
        raise _failure_of(_status_in(document) or status, document, shown, api_key)
    if not choices or not isinstance(choices[0].get("message"), Mapping):
        raise ModelFailed(Problem.FORMAT, detail=_detail(shown), status=status, body=shown)
    message, reason = mapping(choices[0], "message"), text(choices[0], "finish_reason")
    content = _content_of(message).strip()
    if not is_json(content):  # texts in a written call lose their thoughts as those of `reply` do
        content = without_thoughts(content)
    calls = list(_calls_of(message))
    usage = mapping(document, "usage")
    written = content + "".join(f"{call.name}{call.arguments}" for call in calls)
    return Completion(
        content=content,
        calls=calls,
        is_refused=bool(text(message, "refusal")) or reason == "content_filter",
        is_cut=reason == "length",
        model=text(document, "model") or request.model,
        input_tokens=_tokens(usage, "prompt_tokens", request.input_tokens()),
        output_tokens=_tokens(usage, "completion_tokens", estimate_tokens(written)),
        status=status,
        body=shown,
    )


def without_thoughts(content: str) -> str:
    """Returns a text of a model without what it thinks aloud."""
    return _THOUGHTS.sub("", content).strip()


def read_written_call(content: str) -> CalledTool | None:
    """Returns the call of a tool that a model has written as its answer, as small models do: the arguments of `reply`, or an object
    with name and arguments. None if the content is something else."""
    document = _written_json(content)
    if not isinstance(document, Mapping):
        return None
    arguments = document.get("arguments", document.get("parameters"))
    if isinstance(arguments, Mapping) and (name := text(document, "name")):
        return CalledTool("call_0", name, json.dumps(arguments, ensure_ascii=False))
    if isinstance(document.get("messages"), list):
        return CalledTool("call_0", "reply", json.dumps({"messages": document["messages"]}, ensure_ascii=False))
    return None


def is_json(content: str) -> bool:
    """Returns whether a content is JSON instead of a text for people."""
    return isinstance(_written_json(content), Mapping | list)


def _written_json(content: str) -> Any:
    """Returns the JSON value that a content is, also with a fence of Markdown around it. None if it is none."""
    written = content.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    if not written.startswith(("{", "[")):
        return None
    try:
        return decode(written.encode(errors="replace"))
    except UnreadableBody:
        return None


def _content_of(message: Mapping[str, Any]) -> str:
    """Returns the text of a message: a string, or parts of which some are text."""
    if isinstance(message.get("content"), list):
        return "".join(text(part, "text") for part in objects(message, "content"))
    return text(message, "content")


def _calls_of(message: Mapping[str, Any]) -> list[CalledTool]:
    calls = []
    for index, call in enumerate(objects(message, "tool_calls")[:MAX_CALLS]):
        function = mapping(call, "function")
        given = function.get("arguments")
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        calls.append(CalledTool(text(call, "id") or f"call_{index}", text(function, "name"), arguments))
    return calls


def _tokens(usage: Mapping[str, Any], name: str, estimate: int) -> int:
    counted = usage.get(name)
    is_count = isinstance(counted, int) and not isinstance(counted, bool) and counted >= 0
    return min(counted, MAX_TOKENS) if is_count and counted is not None else estimate


def _failure_of(status: int, document: Any, shown: str, api_key: str) -> ModelFailed:
    """Returns why there is no completion in an error response."""
    error = _error_in(document)
    message, code = error.get("message", ""), error.get("code", "")
    problem, may_retry = _problem_of(status, code, message, is_json=document is not None)
    parameter = error.get("param", "")
    if status == HTTPStatus.BAD_REQUEST and not parameter:
        parameter = next((name for name in ("max_tokens", "temperature") if f"'{name}'" in message), "")
    detail = _detail(_without_key(message, api_key) or shown)
    return ModelFailed(problem, detail=detail, may_retry=may_retry, status=status, body=shown, parameter=parameter)


def _problem_of(status: int, code: str, message: str, *, is_json: bool) -> tuple[Problem, bool]:
    """Returns what an error means, and whether the same request may succeed in a moment."""
    if code in _NO_CREDIT or status == HTTPStatus.PAYMENT_REQUIRED:
        return Problem.BUSY, False
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Problem.BUSY, True
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Problem.KEY, False
    if code == "model_not_found" or (
        status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND) and "model" in message.lower() and _NO_SUCH_MODEL.search(message)
    ):
        return Problem.MODEL, False
    if code in ("content_filter", "content_policy_violation"):
        return Problem.REFUSED, False
    if not is_json and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem.NOT_JSON, False
    return Problem.STATUS, status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT


def _error_in(document: Any) -> dict[str, str]:
    """Returns `message`, `code` and `param` of an error response, where it has them. Some endpoints have no `error` around them."""
    if not isinstance(document, Mapping):
        return {}
    if isinstance(error := document.get("error"), str):
        return {"message": error}
    found = error if isinstance(error, Mapping) else document
    return {name: str(found[name]) for name in ("message", "code", "param") if found.get(name)}


def _status_in(document: Mapping[str, Any]) -> int:
    """Returns the status that an error with status 200 names."""
    code = _error_in(document).get("code", "")
    return int(code) if code.isascii() and code.isdigit() and len(code) == 3 else 0


def _detail(shown: str) -> str:
    return " ".join(shown.split())[:MAX_DETAIL]


def _without_key(shown: str, api_key: str) -> str:
    return shown.replace(api_key, "…") if len(api_key) > 3 else shown
