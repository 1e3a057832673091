"""Requests at a constant rate, whatever the server does, so that a server that stalls cannot hide it.

Each request has its time before the run begins, and its latency counts from that time, also where it had to wait for a connection
to be free (a load that waits for answers would leave out the very requests that a stall delays: "coordinated omission").
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

from benchmarks.processes import Server

TICK = 0.001
PATIENCE = 10.0
BETWEEN_CONNECTIONS = 0.005
"""Seconds. Of many that are opened at the same moment, one of several web processes may take all."""


@dataclass
class Outcome:
    """Times in seconds of the monotonic clock, one per request, in the order of the requests."""

    scheduled: list[float]
    sent: list[float]
    answered: list[float]
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def latencies(self) -> list[float]:
        return [after - before for before, after in zip(self.scheduled, self.answered, strict=True)]

    @property
    def lateness(self) -> float:
        """The longest that a request left after its time."""
        return max(after - before for before, after in zip(self.scheduled, self.sent, strict=True))


class Connection(asyncio.Protocol):
    """One keep-alive connection that has at most one request under way."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.request: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's own class, which is none but does what one does
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
            self._load.answer(index, int(head[9:12]))
        self._load.free(self)

    def connection_lost(self, failure: Exception | None) -> None:
        self._load.lose(self)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


class Load:
    """One run: who is idle, what is late, and what has come back."""

    def __init__(self, port: int, requests: Sequence[bytes], *, rate: float, connections: int) -> None:
        self._port = port
        self._requests = requests
        self._rate = rate
        self._connections = connections
        self._idle: deque[Connection] = deque()
        self._late: deque[int] = deque()
        self._left = len(requests)
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_back = asyncio.Event()
        self._ending = False
        self.outcome = Outcome([], [0.0] * len(requests), [0.0] * len(requests))

    async def run(self) -> Outcome:
        for _ in range(self._connections):
            await self._connect()
            await asyncio.sleep(BETWEEN_CONNECTIONS)
        start = time.monotonic() + 0.1
        self.outcome.scheduled = [start + index / self._rate for index in range(len(self._requests))]
        due = 0
        while due < len(self._requests):
            now = time.monotonic()
            while due < len(self._requests) and self.outcome.scheduled[due] <= now:
                self._late.append(due)
                due += 1
            self._dispatch()
            await asyncio.sleep(TICK)
        with contextlib.suppress(TimeoutError):  # what is missing counts as not answered
            await asyncio.wait_for(self._all_back.wait(), PATIENCE)
        self._ending = True
        return self.outcome

    def free(self, connection: Connection) -> None:
        self._idle.append(connection)
        self._dispatch()

    def answer(self, index: int, status: int) -> None:
        self.outcome.answered[index] = time.monotonic()
        self._settle(status)

    def lose(self, connection: Connection) -> None:
        """The server closed it; what was under way has failed, and another connection takes its place."""
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.request is not None:
            self._settle(0)
        if not self._ending:
            task = asyncio.get_running_loop().create_task(self._connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _settle(self, status: int) -> None:
        self.outcome.statuses[status] += 1
        self._left -= 1
        if not self._left:
            self._all_back.set()

    def _dispatch(self) -> None:
        while self._late and self._idle:
            index = self._late.popleft()
            self.outcome.sent[index] = time.monotonic()
            self._idle.popleft().send(index, self._requests[index])

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: Connection(self), "127.0.0.1", self._port)


def offer(server: Server, requests: Sequence[bytes], *, rate: float, connections: int) -> Outcome:
    """Send the requests at so many a second, one after the other's time, over so many connections, and wait for the answers. Failed
    unless each is a 200."""
    gc.collect()
    gc.disable()
    try:
        outcome = uvloop.run(_offer(server.port, requests, rate, connections))
    finally:
        gc.enable()
    if outcome.statuses != {200: len(requests)}:
        raise server.process.failure(f"answered {len(requests)} webhooks with {dict(outcome.statuses)} (0: not at all)")
    return outcome


async def _offer(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Outcome:
    return await Load(port, requests, rate=rate, connections=connections).run()
