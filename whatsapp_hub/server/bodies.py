"""Reads request bodies completely before the request gets a thread, within limits of size, time, and memory of all of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, cast
from weakref import WeakValueDictionary

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

DISK_SHARES = 8
"""One uploader's large bodies take at most this part of the disk."""

BASE_SECONDS = 30.0
MIN_RATE = 8 * 2**10
MAX_SECONDS = 3600.0
"""Time limits of a body. It may be behind `MIN_RATE` bytes a second by `BASE_SECONDS`, and bytes that came faster do not count for
later. The whole body may take `MAX_SECONDS`."""


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

    `find_uploader` returns who sends more than `MAX_ANONYMOUS_SIZE` bytes with a request, and an empty text for a request that may
    not. `files` are threads for writing to disk. `disk` limits the bytes of all large bodies, and `memory` those of all others.
    """

    def __init__(
        self,
        *,
        find_uploader: Callable[[HTTPScope], Awaitable[str]],
        files: Executor,
        disk: int,
        memory: int = MAX_IN_MEMORY,
        base_seconds: float = BASE_SECONDS,
    ) -> None:
        self._find_uploader = find_uploader
        self._files = files
        self._memory = ByteLimit(memory)
        self._disk = ByteLimit(disk)
        self._share_size = disk // DISK_SHARES
        self._shares: WeakValueDictionary[str, ByteLimit] = WeakValueDictionary()
        """Of the disk, by uploader. Bodies keep them: that of an uploader without bodies is whole, and not needed."""
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
        is_small = unread.announced <= MAX_ANONYMOUS_SIZE
        body = Body(self._memory if is_small else await self._disk_share(scope, unread.announced))
        try:
            if not unread.is_empty:
                await self._receive(body, unread, is_small=is_small)
                body.content.seek(0)
            yield body
        finally:
            body.close()

    async def _receive(self, body: Body, unread: "UnreadBody", *, is_small: bool) -> None:
        max_size = MAX_ANONYMOUS_SIZE if is_small else MAX_MEMBER_SIZE
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

    async def _disk_share(self, scope: HTTPScope, announced: int) -> ByteLimit:
        """Returns the uploader's share of the disk. Raises RequestRefused: 413 too large, or nobody who may upload."""
        if announced > MAX_MEMBER_SIZE or not (uploader := await self._find_uploader(scope)):
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        share = self._shares.get(uploader)
        if share is None:
            share = self._shares[uploader] = ByteLimit(self._share_size, within=self._disk)
        return share


class UnreadBody:
    """What is still to be read of a request's body.

    `announced` is the size in bytes that the client has announced, or 0. `chunks` are the bytes as they arrive. They raise
    ClientDisconnected, and RequestRefused (408) if they are behind `MIN_RATE` by more than `base_seconds`.
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
        now = asyncio.get_running_loop().time
        until = now() + MAX_SECONDS
        patience = base_seconds
        while True:
            waits_since = now()  # the time that the hub takes for earlier chunks is not the client's
            try:
                async with asyncio.timeout_at(min(waits_since + patience, until)):
                    event = await receive()
            except TimeoutError:
                raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT) from None
            if event["type"] != "http.request":
                raise ClientDisconnected
            chunk = event["body"]
            patience = min(patience - (now() - waits_since) + len(chunk) / MIN_RATE, base_seconds)
            self._awaits_continue = False
            yield chunk
            if not event["more_body"]:
                return
