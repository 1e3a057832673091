"""The stand-in as an ASGI application: Graph under /v25.0/, files under /files/, an AI under /ai/v1/, example bots under
/bots/example/, a system that accepts all events at /events/example, and the control API under /control/."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from simulator.standin.ai.api import AiApi
from simulator.standin.control_api import ControlApi
from simulator.standin.errors import ErrorResponse
from simulator.standin.example_bot.api import ExampleBotApi
from simulator.standin.files import FILES_PATH
from simulator.standin.graph.api import GraphApi
from simulator.standin.platform import Platform
from simulator.standin.state.journal import Journal
from simulator.standin.state.world import World
from simulator.standin.web import (
    BodyTooLarge,
    Request,
    Response,
    StreamedResponse,
    is_addressed_here,
    json_response,
    read_request,
)

MAX_HOLD_SECONDS = 60.0
"""How long a request that gets no response is held."""
HOLD_ENDED = Response(503)
EXAMPLE_RECEIVER = ("events", "example")


class StandIn:
    """With a `directory`, the state survives a restart. `hub_url` receives the webhooks of numbers without a callback URL of their
    own. `now` returns seconds since 1970."""

    def __init__(self, *, directory: Path | None = None, hub_url: str = "", now: Callable[[], float] = time.time) -> None:
        self._journal = Journal(directory)
        world = World(self._journal)
        world.replay()
        self._platform = Platform(world, hub_url=hub_url, now=now)
        self._graph = GraphApi(self._platform)
        self._control = ControlApi(self._platform)
        self._ai = AiApi(self._platform)
        self._example_bots = ExampleBotApi(self._platform)
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await self._handle_lifespan(receive, send)
        elif scope["type"] == "http":
            await self._handle_request(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": None})

    async def close(self) -> None:
        """Ends the requests that are held, and cancels deliveries."""
        self._closing.set()
        await self._platform.close()

    async def _handle_lifespan(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                self._platform.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.close()
                self._journal.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _handle_request(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if not is_addressed_here(scope):
            error = ErrorResponse(100, "The Host header has to be an address or localhost.", status=421)
            await json_response(error.content, error.status, connection="close").send(send)
            return
        try:
            request = await read_request(scope, receive)
        except BodyTooLarge:
            error = ErrorResponse(100, "The request is too large.", status=413)
            await json_response(error.content, error.status, connection="close").send(send)
            return
        if request is None:
            return
        response = await self._respond(request)
        if isinstance(response, StreamedResponse):
            await self._until_disconnected(receive, response.send(send))
            return
        if response.ending == "never":
            await self._until_disconnected(receive, asyncio.sleep(MAX_HOLD_SECONDS))
            response = HOLD_ENDED
        await response.send(send)

    async def _respond(self, request: Request) -> Response | StreamedResponse:
        if self._graph.serves(request.path):
            return await self._graph.respond(request)
        if self._control.serves(request.path):
            return await self._control.respond(request)
        if self._ai.serves(request.path):
            return await self._ai.respond(request)
        if self._example_bots.serves(request.path):
            return await self._example_bots.respond(request)
        if request.path == EXAMPLE_RECEIVER and request.method == "POST":
            return json_response({"accepted": True})
        if request.path[0] == FILES_PATH and request.method == "GET":
            return await self._graph.download(request)
        return Response(404, b"Not Found", "text/plain")

    async def _until_disconnected(self, receive: ASGIReceiveCallable, work: Coroutine[Any, Any, None]) -> None:
        """Runs until the work is done, the client disconnects, or the process ends."""
        waiting = [asyncio.ensure_future(each) for each in (work, receive(), self._closing.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
