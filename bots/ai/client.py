"""An endpoint with OpenAI's interface, and its check when it is saved.

The check sends a plain request. So web processes do not load the `openai` package, which takes more than 20 MB of memory in each.
"""

import json
import time
from dataclasses import dataclass, field, replace

from bots.ai.completions import CompletionRequest, ModelFailed, adapted, read_completion
from bots.remote.answers import RemoteAnswer
from bots.remote.exchanges import Exchange, Problem
from bots.web_requests.allow_list import AllowList
from bots.web_requests.errors import RefusedAddress, RequestFailed
from bots.web_requests.requests import Request, Response, send_request

MAX_CHECK_SECONDS = 10.0
"""Of a check with all its tries: a person waits for it."""
CHECK_TOKENS = 64
"""Of the answer to the check. Models that think first need a few."""
CHECK_TOOL = {
    "type": "function",
    "function": {
        "name": "reply",
        "description": "Answers the customer.",
        "parameters": {"type": "object", "properties": {"messages": {"type": "array", "items": {"type": "string"}}}},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AiEndpoint:
    """Where a model is reached. `base_url` is without `/chat/completions`. `timeout_seconds` limits one call of the model."""

    base_url: str
    api_key: str = field(default="", repr=False)
    timeout_seconds: float = 30.0
    allowed: AllowList = field(default_factory=AllowList)


def check_endpoint(endpoint: AiEndpoint, model: str) -> Exchange:
    """Asks the model for one short answer. Returns an exchange without messages, or why it does not work. A tool is offered with
    the question, because an AI that cannot use tools is of no use here. Makes no use of the database, and raises nothing."""
    messages = [{"role": "user", "content": "Say OK."}]
    wanted = CompletionRequest(model=model, messages=messages, tools=[CHECK_TOOL], max_tokens=CHECK_TOKENS)
    began = time.monotonic()
    try:
        exchange = _check(endpoint, wanted, until=began + min(endpoint.timeout_seconds, MAX_CHECK_SECONDS))
    except ModelFailed as failed:
        exchange = failed.exchange()
    return replace(exchange, seconds=time.monotonic() - began)


def _check(endpoint: AiEndpoint, wanted: CompletionRequest, *, until: float) -> Exchange:
    """Returns the exchange of a check. Raises ModelFailed."""
    try:
        response = _post(endpoint, wanted, until - time.monotonic())
        completion = read_completion(response.status, response.body, wanted, endpoint.api_key)
    except ModelFailed as failed:
        if (other := adapted(wanted, failed)) is None:
            raise
        return _check(endpoint, other, until=until)
    return Exchange(
        answer=RemoteAnswer(),
        status=response.status,
        response=completion.body,
        model=completion.model,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
    )


def _post(endpoint: AiEndpoint, wanted: CompletionRequest, seconds: float) -> Response:
    if seconds <= 0:
        raise ModelFailed(Problem.TIMEOUT)
    headers = {"Content-Type": "application/json", "Accept": "application/json"} | authorization(endpoint.api_key)
    request = Request(
        method="POST",
        url=completions_url(endpoint.base_url),
        headers=headers,
        body=json.dumps(wanted.body()).encode(),
        timeout=seconds,
    )
    try:
        return send_request(request, allowed=endpoint.allowed)
    except (RefusedAddress, RequestFailed) as error:
        raise ModelFailed.without_response(error) from None


def completions_url(base_url: str) -> str:
    """Returns the address that is asked."""
    return f"{base_url.rstrip('/')}/chat/completions"


def authorization(api_key: str) -> dict[str, str]:
    """Returns the header with the key. Raises ModelFailed for a key that no header can contain: no endpoint has given it."""
    if not api_key:
        return {}
    if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
        raise ModelFailed(Problem.KEY)
    return {"Authorization": f"Bearer {api_key}"}
