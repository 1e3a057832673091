"""Sends responses from a thread to a client. The thread does not wait for the client."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, Protocol, cast

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from django.conf import settings

from webhooks.intake.receiver import ClientDisconnected
from whatsapp_hub.server.byte_limits import ByteLimit

CHUNK = 64 * 2**10
MAX_IN_MEMORY = 2**20
"""Bytes of one response that wait in memory for the client. Further bytes wait on disk."""


class DiskFull(Exception):
    """The disk space for responses is full, because clients have not read them yet."""


class Readable(Protocol):
    """A file that is to be sent. `close` also ends Django's response."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class FileToSend:
    """A file that the site returns instead of reading it: the file wrapper of WSGI (PEP 3333)."""

    def __init__(self, file: Readable, block_size: int = 0) -> None:
        self.file = file


class ResponseBuffer:
    """The part of a response that a thread has produced and the client has not read yet.

    The thread calls `start`, `write` and `flush`, which never wait for the client. The event loop calls everything else.
    """

    def __init__(self, disk: ByteLimit) -> None:
        self.status = 0
        """0 until the response has started."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.file: Readable | None = None
        """Is sent after everything that was written."""
        self.has_failed = False
        self._disk = disk
        self._reserved = 0
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._lock = Lock()
        content = SpooledTemporaryFile(max_size=MAX_IN_MEMORY, dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115  `close` does
        self._content = cast(IO[bytes], content)
        self._read_up_to = self._written_up_to = 0
        self._is_on_disk = self._is_finished = self._is_closed = False

    def start(self, status: str, headers: Sequence[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        """WSGI's start_response."""
        self.headers = [(name.encode("latin-1").lower(), value.strip().encode("latin-1")) for name, value in headers]
        self.status = int(status.split(" ", 1)[0])
        return self.write

    def write(self, chunk: bytes) -> None:
        """Raises ClientDisconnected if the response is not read any more, and DiskFull."""
        with self._lock:
            if self._is_closed:
                raise ClientDisconnected
            written_up_to = self._written_up_to + len(chunk)
            self._reserve_disk(written_up_to)
            self._content.seek(self._written_up_to)
            self._content.write(chunk)
            self._written_up_to = written_up_to

    def _reserve_disk(self, size: int) -> None:
        beyond = max(size - MAX_IN_MEMORY, 0) - self._reserved
        if beyond > 0:
            if not self._disk.reserve(beyond):
                raise DiskFull
            self._reserved += beyond
            self._is_on_disk = True

    def flush(self) -> None:
        """Sends what is written, although more will follow."""
        self._loop.call_soon_threadsafe(self._changed.set)

    def finish(self, thread: "asyncio.Future[None]") -> None:
        """Is called when the thread has ended. If it failed, the response stays without its end, so that the client notices."""
        self.has_failed = thread.exception() is not None
        self._is_finished = True
        self._changed.set()

    async def wait_for_start(self) -> None:
        """Returns when `status` and `headers` are set, or the thread has ended without them."""
        while not (self.status or self._is_finished):
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_exhausted(self) -> bool:
        """Whether everything was read, and the thread writes no more."""
        return self._is_finished and self._read_up_to == self._written_up_to

    async def read(self, files: Executor) -> bytes:
        """Returns up to `CHUNK` bytes as soon as there are some, and none at the end. `files` are threads for reading from disk."""
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
                # Everything was read: use the space again. A client that reads fast enough needs no disk.
                self._content.seek(0)
                self._content.truncate()
                self._read_up_to = self._written_up_to = 0
                self._disk.release(self._reserved)
                self._reserved = 0
            return chunk

    def close(self) -> None:
        """Ends the response: nothing is read or written any more. May be called twice."""
        with self._lock:
            self._is_closed = True
            self._content.close()
            self._disk.release(self._reserved)
            self._reserved = 0


async def send_response(
    buffer: ResponseBuffer, *, send: ASGISendCallable, receive: ASGIReceiveCallable, files: Executor, is_head: bool
) -> None:
    """Sends what a thread produces, at the client's speed, until its end or until the client disconnects. An exception of the
    thread is left to the caller."""
    await buffer.wait_for_start()
    if not buffer.status:
        return
    await send({"type": "http.response.start", "status": buffer.status, "headers": buffer.headers, "trailers": False})
    if is_head:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    chunk = await buffer.read(files)
    if buffer.is_exhausted and buffer.file is None and not buffer.has_failed:
        await send({"type": "http.response.body", "body": chunk, "more_body": False})
        return
    disconnected = asyncio.create_task(wait_for_disconnect(receive))
    try:
        await _send_rest(buffer, chunk, send=send, files=files, disconnected=disconnected)
    finally:
        disconnected.cancel()


async def _send_rest(
    buffer: ResponseBuffer, chunk: bytes, *, send: ASGISendCallable, files: Executor, disconnected: "asyncio.Task[None]"
) -> None:
    loop = asyncio.get_running_loop()
    while chunk:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if disconnected.done():
            return
        chunk = await buffer.read(files)
        if not chunk and buffer.file:
            chunk = await loop.run_in_executor(files, buffer.file.read, CHUNK)
    if not buffer.has_failed:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def wait_for_disconnect(receive: ASGIReceiveCallable) -> None:
    """Returns when the client has closed its connection. The body must have been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass
