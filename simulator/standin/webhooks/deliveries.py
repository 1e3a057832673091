"""Delivers webhooks to the hub: signed, and repeated for a while until the hub responds with 200 (docs/meta-platform.md 1.2,
1.3)."""

import asyncio
import json
import logging
import ssl
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import h11

from cloud_api.signature import sign

DELAYS = (0.0, 0.2, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds before each attempt."""
TIMEOUT = 10.0
"""Seconds for an attempt."""
MAX_CONCURRENT = 32
MAX_PENDING = 20_000
CHUNK = 2**16

log = logging.getLogger(__name__)


class Deliveries:
    """Running deliveries and other tasks. They end with the process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(MAX_CONCURRENT)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs a coroutine as a task, which is cancelled at the latest when the process ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def post(self, url: str, body: dict[str, Any], *, secret: str) -> asyncio.Future[bool]:
        """Delivers the body. The result is whether the first attempt succeeded. Without a URL, or with too many running tasks, it
        is not delivered."""
        delivered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not url or len(self._tasks) >= MAX_PENDING:
            delivered.set_result(False)
        else:
            task = self.run(self._deliver(url, json.dumps(body).encode(), secret, delivered))
            task.add_done_callback(lambda _: _set_not_delivered(delivered))
        return delivered

    async def _deliver(self, url: str, body: bytes, secret: str, delivered: asyncio.Future[bool]) -> None:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(body, secret)}
        for delay in DELAYS:
            await asyncio.sleep(delay)
            async with self._free:
                status, _ = await send_request("POST", url, headers=headers, body=body)
            if not delivered.done():
                delivered.set_result(status == 200)
            if status == 200:
                return
        log.warning("a webhook was not delivered in %s attempts", len(DELAYS))

    async def close(self) -> None:
        """Cancels all tasks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _set_not_delivered(delivered: asyncio.Future[bool]) -> None:
    """Sets the result if the delivery ended without one, so that no caller waits forever."""
    if not delivered.done():
        delivered.set_result(False)


async def verify_callback(url: str, verify_token: str) -> bool:
    """Whether the hub responds correctly to a verification request for this URL (docs/meta-platform.md 1.1)."""
    challenge = "1158201444"
    query = urlencode({"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge})
    status, body = await send_request("GET", f"{url}?{query}")
    return (status, body) == (200, challenge.encode())


async def send_request(method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"") -> tuple[int, bytes]:
    """Returns the status and the body of the response, or status 0 if there is none."""
    with suppress(OSError, ValueError, TimeoutError, h11.ProtocolError):
        async with asyncio.timeout(TIMEOUT):
            return await _send_request(method, url, headers or {}, body)
    return 0, b""


async def _send_request(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    context = ssl.create_default_context() if is_tls else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fixed = {"Host": parts.netloc, "Connection": "close", "User-Agent": "facebookexternalua", "Content-Length": str(len(body))}
        connection = h11.Connection(h11.CLIENT)
        request = h11.Request(method=method, target=target, headers=list((fixed | headers).items()))
        written = [connection.send(request), connection.send(h11.Data(body)), connection.send(h11.EndOfMessage())]
        writer.write(b"".join(filter(None, written)))
        await writer.drain()
        return await _read_response(connection, reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _read_response(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, body = 0, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, body
        elif isinstance(event, h11.ConnectionClosed):
            return 0, b""
