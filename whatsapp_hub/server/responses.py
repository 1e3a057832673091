"""Responses on their way from a thread to a client, neither of which waits for the other."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, Protocol, cast

from django.conf import settings

from webhooks.intake.receiver import Receive, Send
from whatsapp_hub.server.byte_limits import Budget
from whatsapp_hub.server.request_errors import ClientGone

CHUNK = 64 * 2**10
MOST_IN_MEMORY = 2**20
"""Bytes of one response that wait in memory for the client. What is beyond them waits on disk."""


class DiskFull(Exception):
    """Clients have not taken what was produced for them, and the disk that responses may use is full of it."""


class Readable(Protocol):
    """What a file to be sent can do. `close` also ends Django's response."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class FileToSend:
    """A file that the site hands over instead of reading it: the file wrapper of WSGI (PEP 3333)."""

    def __init__(self, file: Readable, block_size: int = 0) -> None:
        self.file = file


class ResponseBuffer:
    """What a thread has produced of a response, and the client has not taken yet.

    The thread calls `start`, `write` and `announce`, which never wait for the client. The event loop calls everything else.
    """

    def __init__(self, disk: Budget) -> None:
        self.status = 0
        """0 until the response has started."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.file: Readable | None = None
        """What follows all that was written."""
        self.has_failed = False
        self._disk = disk
        self._charged = 0
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._lock = Lock()
        content = SpooledTemporaryFile(max_size=MOST_IN_MEMORY, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115  `close` does
        self._content = cast(IO[bytes], content)
        self._read_up_to = self._written_up_to = 0
        self._is_on_disk = self._is_finished = self._is_closed = False

    def start(self, status: str, headers: Sequence[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        """WSGI's start_response."""
        self.headers = [(name.encode("latin-1").lower(), value.strip().encode("latin-1")) for name, value in headers]
        self.status = int(status.split(" ", 1)[0])
        return self.write

    def write(self, chunk: bytes) -> None:
        """ClientGone if nobody reads any more; DiskFull."""
        with self._lock:
            if self._is_closed:
                raise ClientGone
            written_up_to = self._written_up_to + len(chunk)
            self._charge(written_up_to)
            self._content.seek(self._written_up_to)
            self._content.write(chunk)
            self._written_up_to = written_up_to

    def _charge(self, size: int) -> None:
        beyond = max(size - MOST_IN_MEMORY, 0) - self._charged
        if beyond > 0:
            if not self._disk.take(beyond):
                raise DiskFull
            self._charged += beyond
            self._is_on_disk = True

    def announce(self) -> None:
        """Send what is there, although more will come."""
        self._loop.call_soon_threadsafe(self._changed.set)

    def finish(self, thread: "asyncio.Future[None]") -> None:
        """The thread has ended. If it failed, the response is left without its end: so the client sees that it is not whole."""
        self.has_failed = thread.exception() is not None
        self._is_finished = True
        self._changed.set()

    async def wait_for_start(self) -> None:
        """Return when `status` and `headers` are known, or never will be."""
        while not (self.status or self._is_finished):
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_exhausted(self) -> bool:
        """Whether all has been read, and the thread writes no more."""
        return self._is_finished and self._read_up_to == self._written_up_to

    async def read(self, files: Executor) -> bytes:
        """Up to `CHUNK` bytes, as soon as there are some; none at the end. `files` are threads for reading from disk."""
        while True:
            self._changed.clear()
            is_finished = self._is_finished
            chunk = await self._loop.run_in_executor(files, self._read) if self._is_on_disk else self._read()
            if chunk or is_finished:
                return chunk
            await self._changed.wait()

    def _read(self) -> bytes:
        with self._lock:
            self._content.seek(self._read_up_to)
            chunk = self._content.read(CHUNK)
            self._read_up_to += len(chunk)
            if self._read_up_to == self._written_up_to:
                self._empty()
            return chunk

    def _empty(self) -> None:
        """Use the room again: a client that keeps up needs none."""
        self._content.seek(0)
        self._content.truncate()
        self._read_up_to = self._written_up_to = 0
        self._disk.give_back(self._charged)
        self._charged = 0

    def close(self) -> None:
        """Nobody will read any more. May be called twice."""
        with self._lock:
            self._is_closed = True
            self._content.close()
            self._disk.give_back(self._charged)
            self._charged = 0


async def send_response(buffer: ResponseBuffer, *, send: Send, receive: Receive, files: Executor, is_head: bool) -> None:
    """Send what a thread produces, at the client's speed, until its end or until the client is gone. What the thread has raised
    the caller raises."""
    await buffer.wait_for_start()
    if not buffer.status:
        return
    await send({"type": "http.response.start", "status": buffer.status, "headers": buffer.headers})
    if is_head:
        await send({"type": "http.response.body", "body": b""})
        return
    chunk = await buffer.read(files)
    if buffer.is_exhausted and buffer.file is None and not buffer.has_failed:
        await send({"type": "http.response.body", "body": chunk})
        return
    gone = asyncio.create_task(wait_until_gone(receive))
    try:
        await _send_rest(buffer, chunk, send=send, files=files, gone=gone)
    finally:
        gone.cancel()


async def _send_rest(buffer: ResponseBuffer, chunk: bytes, *, send: Send, files: Executor, gone: "asyncio.Task[None]") -> None:
    loop = asyncio.get_running_loop()
    while chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if gone.done():
            return
        chunk = await buffer.read(files)
        if not chunk and buffer.file:
            chunk = await loop.run_in_executor(files, buffer.file.read, CHUNK)
    if not buffer.has_failed:
        await send({"type": "http.response.body", "body": b""})


async def wait_until_gone(receive: Receive) -> None:
    """Return when the client has closed its connection. The body has been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass
