"""Reads request bodies completely before the request gets a thread, within limits of size, time, and memory of all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from asgiref.typing import ASGIReceiveCallable, HTTPScope
from django.conf import settings

from webhooks.intake.receiver import ClientDisconnected
from whatsapp_hub.server.byte_limits import ByteLimit
from whatsapp_hub.server.request_errors import RequestRefused

MAX_ANONYMOUS_SIZE = 128 * 2**10
"""Bytes. Forms that need no sign-in have a few hundred. Larger bodies need a session, and are kept on disk."""
MAX_MEMBER_SIZE = 128 * 2**20
"""Bytes. The largest file that WhatsApp accepts is a document of 100 MB. The forms check the limit of each kind."""
MAX_DISCARDED = 32 * 2**20
"""Bytes of a refused body that are read and discarded after the response."""
MAX_IN_MEMORY = 128 * 2**20
"""Bytes of all small bodies of this process together. Beyond it the oldest unfinished body is given up, with 503. A browser's body
is complete within a second."""

BASE_SECONDS = 20.0
MIN_RATE = 8 * 2**10
MAX_SECONDS = 3600.0
"""Time limit of a body: `BASE_SECONDS`, and one second more for each `MIN_RATE` bytes, but `MAX_SECONDS` at most."""


class Body:
    """A request body: `size` bytes of `content`."""

    def __init__(self, limit: ByteLimit) -> None:
        self.size = 0
        self.content = cast(
            IO[bytes],
            SpooledTemporaryFile(max_size=MAX_ANONYMOUS_SIZE, dir=settings.FILE_UPLOAD_TEMP_DIR),  # noqa: SIM115  `close` does
        )
        self._limit = limit
        self._reserved = 0

    async def add(self, chunk: bytes, max_size: int, files: Executor, *, make_room: Callable[[], bool]) -> None:
        """Adds bytes. Calls `make_room` while the limit of all bodies is reached, until it returns False.

        Raises RequestRefused: 413 beyond `max_size` bytes, 503 beyond the limit of all bodies, or after `close`.
        """
        if self.size + len(chunk) > max_size:
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        while not self._limit.reserve(len(chunk)):
            if not make_room():
                raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        self._reserved += len(chunk)
        if self.content.closed:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        self.size += len(chunk)
        if self.size > MAX_ANONYMOUS_SIZE:
            await asyncio.get_running_loop().run_in_executor(files, self.content.write, chunk)
        else:
            self.content.write(chunk)

    def close(self) -> None:
        """Frees the memory or disk of the body. May be called twice."""
        self._limit.release(self._reserved)
        self._reserved = 0
        self.content.close()


class BodyReader:
    """Reads the bodies of requests.

    `may_upload` decides whether a request may send more than `MAX_ANONYMOUS_SIZE` bytes. `files` are threads for writing to disk.
    `disk` limits the bytes of all large bodies, and `memory` those of all others.
    """

    def __init__(
        self,
        *,
        may_upload: Callable[[HTTPScope], Awaitable[bool]],
        files: Executor,
        disk: ByteLimit,
        memory: int = MAX_IN_MEMORY,
        base_seconds: float = BASE_SECONDS,
    ) -> None:
        self._may_upload = may_upload
        self._files = files
        self._memory = ByteLimit(memory)
        self._disk = disk
        self._base_seconds = base_seconds
        self._unfinished: dict[Body, asyncio.Timeout] = {}
        """Small bodies, the oldest first, each with the time-out that ends the task that reads it."""

    def unread_body(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> "UnreadBody":
        return UnreadBody(dict(scope["headers"]), receive, self._base_seconds)

    @asynccontextmanager
    async def read(self, scope: HTTPScope, unread: "UnreadBody") -> AsyncIterator[Body]:
        """Reads the whole body of a request, and keeps it until the context ends. A body above `MAX_ANONYMOUS_SIZE` must announce
        its size.

        Raises ClientDisconnected, and RequestRefused: 413 too large, 408 too slow, 503 no memory or disk.
        """
        body = Body(self._disk if unread.announced > MAX_ANONYMOUS_SIZE else self._memory)
        try:
            if not unread.is_empty:
                await self._receive(body, scope, unread)
                body.content.seek(0)
            yield body
        finally:
            body.close()

    async def _receive(self, body: Body, scope: HTTPScope, unread: "UnreadBody") -> None:
        max_size = await self._max_size(scope, unread.announced)
        is_small = unread.announced <= MAX_ANONYMOUS_SIZE
        async with self._until_given_up(body, is_small=is_small):
            async for chunk in unread.chunks:
                # Giving up small bodies makes no room on disk.
                await body.add(chunk, max_size, self._files, make_room=self._give_up_oldest if is_small else bool)

    @asynccontextmanager
    async def _until_given_up(self, body: Body, *, is_small: bool) -> AsyncIterator[None]:
        """Ends the context with RequestRefused (503) if the body is given up. Only small bodies are."""
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
        """Gives up the oldest unfinished small body, which may be the one that needs memory. Returns False if there is none."""
        if not self._unfinished:
            return False
        oldest = next(iter(self._unfinished))
        self._unfinished.pop(oldest).reschedule(0)
        oldest.close()
        return True

    async def _max_size(self, scope: HTTPScope, announced: int) -> int:
        if announced <= MAX_ANONYMOUS_SIZE:
            return MAX_ANONYMOUS_SIZE
        if announced > MAX_MEMBER_SIZE or not await self._may_upload(scope):
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return MAX_MEMBER_SIZE


class UnreadBody:
    """What is still to be read of a request's body.

    `announced` is the size in bytes that the client has announced, or 0. `chunks` are the bytes as they arrive. They raise
    ClientDisconnected, and RequestRefused (408) if they take longer than `base_seconds` and a second for each `MIN_RATE` bytes.
    """

    def __init__(self, headers: dict[bytes, bytes], receive: ASGIReceiveCallable, base_seconds: float) -> None:
        announced = headers.get(b"content-length", b"")
        self.announced = int(announced[:20]) if announced.isdigit() else 0
        self.is_empty = not (self.announced or b"transfer-encoding" in headers)
        self.chunks = self._arriving_chunks(receive, base_seconds)
        self._awaits_continue = b"expect" in headers
        """The client sends nothing until it gets a 100 Continue, which the first read sends."""

    async def discard(self) -> None:
        """Reads and discards what has not been read, up to `MAX_DISCARDED` bytes and within the same time. If a connection is
        closed while its client is sending, the client may lose the response. Nothing is read after `chunks` have raised, or were
        given up."""
        if self.is_empty or self._awaits_continue:
            return
        remaining = MAX_DISCARDED
        with suppress(ClientDisconnected, RequestRefused):
            async for chunk in self.chunks:
                remaining -= len(chunk)
                if remaining < 0:
                    return

    async def _arriving_chunks(self, receive: ASGIReceiveCallable, base_seconds: float) -> AsyncIterator[bytes]:
        started = asyncio.get_running_loop().time()
        size = 0
        while True:
            try:
                async with asyncio.timeout_at(started + min(base_seconds + size / MIN_RATE, MAX_SECONDS)):
                    event = await receive()
            except TimeoutError:
                raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT) from None
            if event["type"] != "http.request":
                raise ClientDisconnected
            chunk = event["body"]
            size += len(chunk)
            self._awaits_continue = False
            yield chunk
            if not event["more_body"]:
                return
