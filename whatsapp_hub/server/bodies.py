"""Request bodies, read completely before a thread is taken, within limits of size, of time and of room for all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from django.conf import settings

from webhooks.intake.receiver import Receive, Scope
from whatsapp_hub.server.byte_limits import Budget
from whatsapp_hub.server.request_errors import ClientGone, RequestRefused

MOST_OF_ANYBODY = 128 * 2**10
"""Bytes. Forms that need no sign-in hold a few hundred. Larger bodies need a session, and are kept on disk."""
MOST_OF_MEMBER = 128 * 2**20
"""Bytes. The largest file that WhatsApp takes is a document of 100 MB; the forms themselves say what is too large for each kind."""
MOST_DISCARDED = 32 * 2**20
"""Bytes of a body that is refused which are read and thrown away, so that its sender gets to see why."""
MOST_IN_MEMORY = 128 * 2**20
"""Bytes of all small bodies of this process together. Beyond it the oldest that is unfinished is given up, with 503: what a browser
sends is complete within moments."""

GRACE = 20.0
SLOWEST = 8 * 2**10
LONGEST = 3600.0
"""A body must have arrived after `GRACE` seconds and one more for each `SLOWEST` bytes, and after `LONGEST` seconds in any case."""


class Body:
    """A request body: `size` bytes of `content`."""

    def __init__(self, budget: Budget) -> None:
        self.size = 0
        self.content = cast(
            IO[bytes],
            SpooledTemporaryFile(max_size=MOST_OF_ANYBODY, dir=settings.FILE_UPLOAD_TEMP_DIR),  # noqa: SIM115  `close` does
        )
        self._budget = budget
        self._taken = 0

    async def add(self, chunk: bytes, limit: int, files: Executor, *, make_room: Callable[[], bool]) -> None:
        """RequestRefused: 413 beyond `limit` bytes, 503 beyond the budget of all, if no room can be made, or after `close`."""
        if self.size + len(chunk) > limit:
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        while not self._budget.take(len(chunk)):
            if not make_room():
                raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        self._taken += len(chunk)
        if self.content.closed:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        self.size += len(chunk)
        if self.size > MOST_OF_ANYBODY:
            await asyncio.get_running_loop().run_in_executor(files, self.content.write, chunk)
        else:
            self.content.write(chunk)

    def close(self) -> None:
        """May be called twice."""
        self._budget.give_back(self._taken)
        self._taken = 0
        self.content.close()


class BodyReader:
    """Reads the bodies of requests. `may_upload` says whether a request may bring more than `MOST_OF_ANYBODY` bytes; `files` are
    threads for writing to disk, `disk` what all large bodies may take of it, and `memory` the bytes that all others may take."""

    def __init__(
        self,
        *,
        may_upload: Callable[[Scope], Awaitable[bool]],
        files: Executor,
        disk: Budget,
        memory: int = MOST_IN_MEMORY,
        grace: float = GRACE,
    ) -> None:
        self._may_upload = may_upload
        self._files = files
        self._memory = Budget(memory)
        self._disk = disk
        self._grace = grace
        self._unfinished: dict[Body, asyncio.Timeout] = {}
        """The small ones, the oldest first, and what ends the task that reads it."""

    @asynccontextmanager
    async def read(self, scope: Scope, receive: Receive) -> AsyncIterator[Body]:
        """The whole body of a request, from its start, for as long as the context is open. A body above `MOST_OF_ANYBODY` has to
        announce its size. ClientGone if the client leaves before its end. RequestRefused: 413 too large, 408 too slow, 503 no
        budget."""
        headers = dict(scope["headers"])
        announced = _announced_size(headers)
        body = Body(self._disk if announced > MOST_OF_ANYBODY else self._memory)
        try:
            if announced or b"transfer-encoding" in headers:
                await self._receive(body, scope, _chunks(receive, self._grace), announced, waits=b"expect" in headers)
                body.content.seek(0)
            yield body
        finally:
            body.close()

    async def _receive(self, body: Body, scope: Scope, chunks: AsyncIterator[bytes], announced: int, *, waits: bool) -> None:
        """`waits`: the client sends nothing until it is asked to go on, which the first read does."""
        try:
            limit = await self._limit(scope, announced)
            async with self._may_be_given_up(body, is_small=announced <= MOST_OF_ANYBODY):
                async for chunk in chunks:
                    await body.add(chunk, limit, self._files, make_room=self._give_up_oldest)
        except RequestRefused:
            if body.size or not waits:
                await _discard(chunks)
            raise

    @asynccontextmanager
    async def _may_be_given_up(self, body: Body, *, is_small: bool) -> AsyncIterator[None]:
        """RequestRefused (503) if it is."""
        try:
            async with asyncio.timeout(None) as timeout:
                if is_small:
                    self._unfinished[body] = timeout
                yield
        except TimeoutError:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        finally:
            self._unfinished.pop(body, None)

    def _give_up_oldest(self) -> bool:
        """Whether there was a small body to be given up; it may be the one that needs the room."""
        if not self._unfinished:
            return False
        oldest = next(iter(self._unfinished))
        self._unfinished.pop(oldest).reschedule(0)
        oldest.close()
        return True

    async def _limit(self, scope: Scope, announced: int) -> int:
        if announced <= MOST_OF_ANYBODY:
            return MOST_OF_ANYBODY
        if announced > MOST_OF_MEMBER or not await self._may_upload(scope):
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return MOST_OF_MEMBER


def _announced_size(headers: dict[bytes, bytes]) -> int:
    """Bytes; 0 if the request does not say."""
    announced = headers.get(b"content-length", b"")
    return int(announced[:20]) if announced.isdigit() else 0


async def _chunks(receive: Receive, grace: float) -> AsyncIterator[bytes]:
    """The body as it comes. ClientGone; RequestRefused (408) if it comes too slowly."""
    started = asyncio.get_running_loop().time()
    size = 0
    while True:
        try:
            async with asyncio.timeout_at(started + min(grace + size / SLOWEST, LONGEST)):
                event = await receive()
        except TimeoutError:
            raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT) from None
        if event["type"] == "http.disconnect":
            raise ClientGone
        chunk = event.get("body", b"")
        size += len(chunk)
        yield chunk
        if not event.get("more_body"):
            return


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    left = MOST_DISCARDED
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return
