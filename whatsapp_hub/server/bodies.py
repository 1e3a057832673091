"""Reads request bodies completely before the request gets a thread, within limits of size, time, and memory of all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
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
"""Bytes of a refused body that are read and discarded, so that its client reads the response."""
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

    async def add(self, chunk: bytes, max_size: int, files: Executor, *, free_memory: Callable[[], bool]) -> None:
        """Adds bytes. Calls `free_memory` while the limit of all bodies is reached, until it returns False.

        Raises RequestRefused: 413 beyond `max_size` bytes, 503 beyond the limit of all bodies, or after `close`.
        """
        if self.size + len(chunk) > max_size:
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        while not self._limit.reserve(len(chunk)):
            if not free_memory():
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

    @asynccontextmanager
    async def read(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> AsyncIterator[Body]:
        """Reads the whole body of a request, and keeps it until the context ends. A body above `MAX_ANONYMOUS_SIZE` must announce
        its size.

        Raises ClientDisconnected, and RequestRefused: 413 too large, 408 too slow, 503 no memory.
        """
        headers = dict(scope["headers"])
        announced = _announced_size(headers)
        body = Body(self._disk if announced > MAX_ANONYMOUS_SIZE else self._memory)
        try:
            if announced or b"transfer-encoding" in headers:
                await self._receive(
                    body, scope, _chunks(receive, self._base_seconds), announced, expects_continue=b"expect" in headers
                )
                body.content.seek(0)
            yield body
        finally:
            body.close()

    async def _receive(
        self, body: Body, scope: HTTPScope, chunks: AsyncIterator[bytes], announced: int, *, expects_continue: bool
    ) -> None:
        """`expects_continue`: the client sends nothing until it gets a 100 Continue, which the first read sends."""
        try:
            max_size = await self._max_size(scope, announced)
            async with self._until_given_up(body, is_small=announced <= MAX_ANONYMOUS_SIZE):
                async for chunk in chunks:
                    await body.add(chunk, max_size, self._files, free_memory=self._give_up_oldest)
        except RequestRefused:
            if body.size or not expects_continue:
                await _discard(chunks)
            raise

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


def _announced_size(headers: dict[bytes, bytes]) -> int:
    """Returns the bytes that the request announces, or 0."""
    announced = headers.get(b"content-length", b"")
    return int(announced[:20]) if announced.isdigit() else 0


async def _chunks(receive: ASGIReceiveCallable, base_seconds: float) -> AsyncIterator[bytes]:
    """Yields the body as it arrives. Raises ClientDisconnected, and RequestRefused (408) if it arrives too slowly."""
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
        yield chunk
        if not event["more_body"]:
            return


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    remaining = MAX_DISCARDED
    async for chunk in chunks:
        remaining -= len(chunk)
        if remaining < 0:
            return
