"""Asks models through the `openai` package, whose requests go through the checks of `bots.web_requests`.

The first question loads the package, which takes 0.4 seconds and more than 20 MB of memory. A client costs 0.1 ms and 10 KB, so
each call has its own, and no cache keeps keys of organizations.
"""

import threading
import time
from dataclasses import replace
from typing import Any, cast

import httpx2

from bots.ai.client import AiEndpoint, authorization, completions_url
from bots.ai.completions import Completion, CompletionRequest, ModelFailed, adapted, read_completion
from bots.remote.exchanges import Problem
from bots.web_requests.errors import RefusedAddress, RequestFailed
from bots.web_requests.requests import Request, send_request

SENT_HEADERS = ("authorization", "content-type", "accept")
"""What the package adds beyond these tells an endpoint about this machine."""
NO_KEY = "none"
"""Endpoints of one's own network often need no key, but the package does."""
MAX_LEARNED = 1000

_learned: dict[tuple[str, str], frozenset[str]] = {}
"""Parameters that a model does not take, by endpoint and model. So only the first call is refused."""
_learning = threading.Lock()


class _CheckedTransport(httpx2.BaseTransport):
    """Sends the requests of one client to its endpoint, and to no other address."""

    def __init__(self, endpoint: AiEndpoint, seconds: float) -> None:
        self._endpoint = endpoint
        self._seconds = seconds
        self.error: RefusedAddress | RequestFailed | None = None
        """Why the last request has no response."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = Request(
            method="POST",
            url=completions_url(self._endpoint.base_url),
            headers={name: request.headers[name] for name in SENT_HEADERS if name in request.headers},
            body=request.read(),
            timeout=self._seconds,
        )
        try:
            response = send_request(sent, allowed=self._endpoint.allowed)
        except (RefusedAddress, RequestFailed) as error:
            self.error = error
            raise httpx2.ConnectError(error.code.value) from None
        return httpx2.Response(response.status, headers={"Content-Type": "application/json"}, content=response.body)


def complete(endpoint: AiEndpoint, request: CompletionRequest, seconds: float) -> Completion:
    """Asks the model, for so many seconds at most, and returns its response. Raises ModelFailed. Threads may call it at the same
    time."""
    until = time.monotonic() + seconds
    model = (endpoint.base_url, request.model)
    request = replace(request, omitted=request.omitted | _learned.get(model, frozenset()))
    while True:
        try:
            return _complete(endpoint, request, until - time.monotonic())
        except ModelFailed as failed:
            if (other := adapted(request, failed)) is None:
                raise
        request = other
        _learn(model, request.omitted)


def _learn(model: tuple[str, str], omitted: frozenset[str]) -> None:
    with _learning:
        if len(_learned) >= MAX_LEARNED:
            _learned.clear()
        _learned[model] = omitted


def _complete(endpoint: AiEndpoint, request: CompletionRequest, seconds: float) -> Completion:
    if seconds <= 0:
        raise ModelFailed(Problem.TIMEOUT)
    import openai  # noqa: PLC0415  see above

    authorization(endpoint.api_key)  # raises for a key that the package could not send
    transport = _CheckedTransport(endpoint, seconds)
    with httpx2.Client(transport=transport, trust_env=False) as http:
        client = openai.OpenAI(
            api_key=endpoint.api_key or NO_KEY, base_url=endpoint.base_url, http_client=http, max_retries=0, timeout=seconds
        )
        create = cast(Any, client.chat.completions.with_raw_response.create)  # messages are built as JSON
        try:
            response: httpx2.Response = create(**request.body()).http_response
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError:
            raise _failure(transport) from None
    return read_completion(response.status_code, response.content, request, endpoint.api_key)


def _failure(transport: _CheckedTransport) -> ModelFailed:
    """Returns why there is no response."""
    if transport.error is None:
        return ModelFailed(Problem.CONNECTION, may_retry=True)
    return ModelFailed.without_response(transport.error)
