"""Webhooks on their way to the hub: signed, and repeated for a while until it answers 200 (docs/meta-platform.md 1.2, 1.3)."""

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

WAITS = (0.0, 0.2, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds before each try."""
PATIENCE = 10.0
"""Seconds for a try."""
MOST_AT_ONCE = 32
MOST_WAITING = 20_000
CHUNK = 2**16

log = logging.getLogger(__name__)


class Deliveries:
    """All that is on its way; none of it outlives the process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(MOST_AT_ONCE)

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it beside all else; it ends with the process at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def post(self, url: str, body: dict[str, Any], *, secret: str) -> asyncio.Future[bool]:
        """Deliver the body; tells whether the first try did. Without an address, or with too much on its way, it is dropped."""
        arrived: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not url or len(self._tasks) >= MOST_WAITING:
            arrived.set_result(False)
        else:
            task = self.run(self._deliver(url, json.dumps(body).encode(), secret, arrived))
            task.add_done_callback(lambda _: _settle(arrived))
        return arrived

    async def _deliver(self, url: str, body: bytes, secret: str, arrived: asyncio.Future[bool]) -> None:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(body, secret)}
        for wait in WAITS:
            await asyncio.sleep(wait)
            async with self._free:
                status, _ = await exchange("POST", url, headers=headers, body=body)
            if not arrived.done():
                arrived.set_result(status == 200)
            if status == 200:
                return
        log.warning("a webhook was given up after %s tries", len(WAITS))

    async def close(self) -> None:
        """Give all of it up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _settle(arrived: asyncio.Future[bool]) -> None:
    """Whoever waits for it does not wait for ever."""
    if not arrived.done():
        arrived.set_result(False)


async def shakes_hands(url: str, verify_token: str) -> bool:
    """Whether the hub answers Meta's check of this address (docs/meta-platform.md 1.1)."""
    challenge = "1158201444"
    query = urlencode({"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge})
    status, body = await exchange("GET", f"{url}?{query}")
    return (status, body) == (200, challenge.encode())


async def exchange(method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"") -> tuple[int, bytes]:
    """The status and the body of the answer; 0 where there is none."""
    with suppress(OSError, ValueError, TimeoutError, h11.ProtocolError):
        async with asyncio.timeout(PATIENCE):
            return await _exchange(method, url, headers or {}, body)
    return 0, b""


async def _exchange(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    context = ssl.create_default_context() if is_tls else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fixed = {"Host": parts.netloc, "Connection": "close", "User-Agent": "facebookexternalua", "Content-Length": str(len(body))}
        connection = h11.Connection(h11.CLIENT)
        request = h11.Request(method=method, target=target, headers=[*fixed.items(), *headers.items()])
        written = [connection.send(request), connection.send(h11.Data(body)), connection.send(h11.EndOfMessage())]
        writer.write(b"".join(filter(None, written)))
        await writer.drain()
        return await _answer(connection, reader)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
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
