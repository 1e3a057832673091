"""Sends requests at a constant rate, so that a server that stalls cannot hide it.

Each request has a scheduled time before the run begins. Its latency counts from that time, even if it had to wait for a connection.
(A load that waits for responses would not send the requests that a stall delays: "coordinated omission".)
"""

import asyncio
import contextlib
import gc
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

from benchmarks.environment.processes import Server

TICK = 0.001
TIMEOUT = 10.0
CONNECTION_INTERVAL = 0.005
"""Seconds. If many connections are opened at the same time, one of several web processes may accept all."""


@dataclass
class Outcome:
    """Times of all requests, in seconds of the monotonic clock and in the order of the requests."""

    scheduled: list[float]
    sent: list[float]
    responded: list[float]
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def latencies(self) -> list[float]:
        return [after - before for before, after in zip(self.scheduled, self.responded, strict=True)]

    @property
    def lateness(self) -> float:
        """The longest delay between the scheduled time of a request and its sending."""
        return max(after - before for before, after in zip(self.scheduled, self.sent, strict=True))


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one running request."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.request: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # a class of uvloop with the same methods
        self._load.free(self)

    def send(self, index: int, request: bytes) -> None:
        assert self._transport is not None
        self.request = index
        self._transport.write(request)

    def data_received(self, chunk: bytes) -> None:
        self._buffer += chunk
        head, complete, body = self._buffer.partition(b"\r\n\r\n")
        if not complete or len(body) < _content_length(head):
            return
        self._buffer = b""
        index, self.request = self.request, None
        if index is not None:
            self._load.record_response(index, int(head[9:12]))
        self._load.free(self)

    def connection_lost(self, failure: Exception | None) -> None:
        self._load.replace(self)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


class Load:
    """One run: its idle connections, its waiting requests, and its outcome."""

    def __init__(self, port: int, requests: Sequence[bytes], *, rate: float, connections: int) -> None:
        self._port = port
        self._requests = requests
        self._rate = rate
        self._connections = connections
        self._idle: deque[Connection] = deque()
        self._waiting: deque[int] = deque()
        self._remaining = len(requests)
        self._tasks: set[asyncio.Task[None]] = set()
        self._complete = asyncio.Event()
        self._is_ending = False
        self.outcome = Outcome([], [0.0] * len(requests), [0.0] * len(requests))

    async def run(self) -> Outcome:
        for _ in range(self._connections):
            await self._connect()
            await asyncio.sleep(CONNECTION_INTERVAL)
        start = time.monotonic() + 0.1
        self.outcome.scheduled = [start + index / self._rate for index in range(len(self._requests))]
        due = 0
        while due < len(self._requests):
            now = time.monotonic()
            while due < len(self._requests) and self.outcome.scheduled[due] <= now:
                self._waiting.append(due)
                due += 1
            self._dispatch()
            await asyncio.sleep(TICK)
        with contextlib.suppress(TimeoutError):  # missing responses count as status 0
            await asyncio.wait_for(self._complete.wait(), TIMEOUT)
        self._is_ending = True
        return self.outcome

    def free(self, connection: Connection) -> None:
        self._idle.append(connection)
        self._dispatch()

    def record_response(self, index: int, status: int) -> None:
        self.outcome.responded[index] = time.monotonic()
        self._count_status(status)

    def replace(self, connection: Connection) -> None:
        """Opens another connection for one that the server has closed. Its running request has failed."""
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.request is not None:
            self._count_status(0)
        if not self._is_ending:
            task = asyncio.get_running_loop().create_task(self._connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _count_status(self, status: int) -> None:
        self.outcome.statuses[status] += 1
        self._remaining -= 1
        if not self._remaining:
            self._complete.set()

    def _dispatch(self) -> None:
        while self._waiting and self._idle:
            index = self._waiting.popleft()
            self.outcome.sent[index] = time.monotonic()
            self._idle.popleft().send(index, self._requests[index])

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: Connection(self), "127.0.0.1", self._port)


def offer(server: Server, requests: Sequence[bytes], *, rate: float, connections: int) -> Outcome:
    """Sends `rate` requests a second over the connections, and waits for the responses. Raises Failed unless each is a 200."""
    gc.collect()
    gc.disable()
    try:
        outcome = uvloop.run(_offer(server.port, requests, rate, connections))
    finally:
        gc.enable()
    if outcome.statuses != {200: len(requests)}:
        raise server.process.failure(f"responded to {len(requests)} webhooks with {dict(outcome.statuses)} (0: no response)")
    return outcome


async def _offer(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Outcome:
    return await Load(port, requests, rate=rate, connections=connections).run()
