"""The stand-in as an ASGI application: Graph under /v25.0/, files under /files/, and the control side under /control/."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from simulator.standin.control import ControlSide
from simulator.standin.errors import Refusal
from simulator.standin.files import FILES_PATH
from simulator.standin.graph import GraphSide
from simulator.standin.journal import Journal
from simulator.standin.meta import Meta
from simulator.standin.web import (
    Answer,
    BodyTooLarge,
    ClientGone,
    Receive,
    Request,
    Scope,
    Send,
    is_addressed_here,
    json_answer,
    read_request,
)
from simulator.standin.world import World

MOST_HELD = 60.0
"""Seconds that a call is held which is never answered."""
GIVEN_UP = Answer(503)


class StandIn:
    """With a `directory` it knows after a restart what it knew before. `hub_url` is where webhooks go for numbers that have no
    address of their own; `now` gives seconds since 1970."""

    def __init__(self, *, directory: Path | None = None, hub_url: str = "", now: Callable[[], float] = time.time) -> None:
        self._journal = Journal(directory)
        world = World(self._journal)
        world.replay()
        self._meta = Meta(world, hub_url=hub_url, now=now)
        self._graph = GraphSide(self._meta)
        self._control = ControlSide(self._meta)
        self._closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def close(self) -> None:
        """Answer those who would wait for ever, and give up what is on its way."""
        self._closing.set()
        await self._meta.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                self._meta.start()
            else:
                await self.close()
                self._journal.close()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_addressed_here(scope):
            refused = Refusal(100, "The Host header has to be an address or localhost.", status=421)
            await json_answer(refused.content, refused.status, connection="close").send(send)
            return
        try:
            request = await read_request(scope, receive)
        except ClientGone:
            return
        except BodyTooLarge:
            refused = Refusal(100, "The request is too large.", status=413)
            await json_answer(refused.content, refused.status, connection="close").send(send)
            return
        answer = await self._answer(request)
        if answer.ending == "never":
            await self._hold(receive)
            answer = GIVEN_UP
        await answer.send(send)

    async def _answer(self, request: Request) -> Answer:
        if self._graph.serves(request.path):
            return await self._graph.answer(request)
        if self._control.serves(request.path):
            return await self._control.answer(request)
        if request.path[0] == FILES_PATH and request.method == "GET":
            return await self._graph.download(request)
        return Answer(404, b"Not Found", "text/plain")

    async def _hold(self, receive: Receive) -> None:
        """Until the client goes, the process ends, or long enough."""
        waiting = [asyncio.ensure_future(receive()), asyncio.ensure_future(self._closing.wait())]
        await asyncio.wait(waiting, timeout=MOST_HELD, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
