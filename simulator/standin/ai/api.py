"""The requests of OpenAI's API that the stand-in has: `POST /ai/v1/chat/completions`, `GET /ai/v1/models`. The key is any that
begins with `simulated`."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from simulator.standin.ai.behaviours import MODELS, PREFIX, complete, delay_of
from simulator.standin.ai.chats import InvalidChat, read_chat
from simulator.standin.ai.completions import Completion, Envelope
from simulator.standin.platform import Platform
from simulator.standin.web import Request, Response, StreamedResponse, UnreadableBody, json_response

Content = dict[str, Any]

PATH = ("ai", "v1")
EVENT_STREAM = "text/event-stream"
ENDLESS_WORDS = "flores e mais flores " * 20
ENDLESS_SECONDS = 0.05
"""Between two parts of an endless answer."""
CREATED = 1_735_689_600
"""When each model was made, in seconds since 1970."""
INVALID, SERVER = "invalid_request_error", "server_error"


def error_response(
    status: int, message: str, *, kind: str = INVALID, code: str | None = None, param: str | None = None, **headers: str
) -> Response:
    """Returns an error in OpenAI's format."""
    return json_response({"error": {"message": message, "type": kind, "param": param, "code": code}}, status, **headers)


PAGE = Response(200, b"<!doctype html>\n<title>Welcome to nginx!</title>\n<h1>Welcome to nginx!</h1>\n", "text/html")
GARBAGE = Response(200, b'{"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assi')
BROKEN = {
    f"{PREFIX}-hang": Response(200, b"", ending="never"),
    f"{PREFIX}-html": PAGE,
    f"{PREFIX}-garbage": GARBAGE,
    f"{PREFIX}-error": error_response(500, "The server had an error while processing your request. Sorry about that!", kind=SERVER),
    f"{PREFIX}-busy": error_response(
        429, "Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded", **{"retry-after": "1"}
    ),
    f"{PREFIX}-broke": error_response(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        kind="insufficient_quota",
        code="insufficient_quota",
    ),
}
"""Models whose response does not depend on the request."""
ENDLESS = f"{PREFIX}-endless"
NAMES = sorted({*MODELS, *BROKEN, ENDLESS, f"{PREFIX}-slow"})


class AiApi:
    """Responds to `/ai/v1/...`."""

    def __init__(self, platform: Platform) -> None:
        self._now = platform.now

    @staticmethod
    def serves(path: tuple[str, ...]) -> bool:
        return path[0] == PATH[0]

    async def respond(self, request: Request) -> Response | StreamedResponse:
        if not request.token.startswith(PREFIX):
            return _wrong_key(request.token)
        match request.method, request.path[len(PATH) :]:
            case _ if request.path[: len(PATH)] != PATH:
                return _unknown_url(request)
            case "POST", ("chat", "completions"):
                return await self._complete(request)
            case "GET", ("models",):
                return json_response({"object": "list", "data": [_model(name) for name in NAMES]})
            case "GET", ("models", name):
                return json_response(_model(name)) if _exists(name) else _unknown_model(name)
        return _unknown_url(request)

    async def _complete(self, request: Request) -> Response | StreamedResponse:
        try:
            content = request.json()
            model = content.get("model")
            if not isinstance(model, str) or not model:
                return error_response(400, "you must provide a model parameter")
            if not _exists(model):
                return _unknown_model(model)
            chat = read_chat(content)
        except UnreadableBody:
            return error_response(400, "We could not parse the JSON body of your request.")
        except InvalidChat as error:
            return error_response(400, str(error), param=error.param)
        envelope = Envelope(model, request.body, int(self._now()))
        if model in BROKEN:
            return BROKEN[model]
        if model == ENDLESS:
            return StreamedResponse(_endless(envelope, stream=chat.stream), EVENT_STREAM if chat.stream else "application/json")
        await asyncio.sleep(delay_of(model) or 0.0)
        completion = complete(model, chat)
        if chat.stream:
            return StreamedResponse(_each(envelope.stream(completion, with_usage=chat.wants_usage)), EVENT_STREAM)
        return json_response(envelope.whole(completion))


def _exists(name: str) -> bool:
    return name in NAMES or delay_of(name) is not None


def _model(name: str) -> Content:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}


def _wrong_key(key: str) -> Response:
    if not key:
        message = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
        return error_response(401, message)
    return error_response(401, f"Incorrect API key provided: {key[:3]}***.", code="invalid_api_key")


def _unknown_model(name: str) -> Response:
    message = f"The model `{name[:100]}` does not exist or you do not have access to it."
    return error_response(404, message, code="model_not_found")


def _unknown_url(request: Request) -> Response:
    return error_response(404, f"Invalid URL ({request.method} /{'/'.join(request.path)[:200]})")


async def _each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _endless(envelope: Envelope, *, stream: bool) -> AsyncIterator[bytes]:
    """Yields a text that has no end: events, or one JSON object that is never complete."""
    if not stream:
        whole = envelope.whole(Completion("Temos"))
        yield json_response(whole).body.partition(b"Temos")[0]
    while True:
        yield envelope.chunk({"content": ENDLESS_WORDS}) if stream else ENDLESS_WORDS.encode()
        await asyncio.sleep(ENDLESS_SECONDS)
