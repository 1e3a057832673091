"""A sender that delivers webhooks as Meta does: again and again, until each is acknowledged with a 200."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from drills.traffic.deliveries import Delivery

CONNECTIONS = 12
TIMEOUT = 10.0
"""Seconds for one attempt. Meta waits longer."""
FIRST_RETRY, MAX_RETRY = 0.1, 2.0
"""Seconds. Meta waits longer between attempts, up to hours."""
POLL = 0.2
REPEATED = 0.05
"""Share of deliveries that are sent once more after they were acknowledged."""
PATIENCE = 60.0
"""Seconds after the end of the load in which deliveries are still tried."""


@dataclass
class DeliveryLog:
    """What was delivered, and what the hub has acknowledged."""

    deliveries: int = 0
    attempts: int = 0
    acknowledged: dict[str, Delivery] = field(default_factory=dict)
    """By the SHA-256 of the body. Without the requests, which are large."""
    refusals: Counter[int] = field(default_factory=Counter)
    """How often each status came that is not 200. 0: no response."""
    given_up: int = 0
    pauses: list[float] = field(default_factory=list)
    """Seconds between acknowledgements, while something was to be acknowledged."""
    seconds: list[float] = field(default_factory=list)
    """From the first attempt of each delivery to its acknowledgement."""

    @property
    def longest_pause(self) -> float:
        return max(self.pauses, default=0.0)


class MetaSender:
    """Delivers to a port in a thread of its own, over several connections. As a context manager it delivers until the end of the
    block, and then waits until everything is acknowledged."""

    def __init__(
        self,
        port: int,
        deliveries: Iterable[Delivery],
        *,
        rate: float | None = None,
        connections: int = CONNECTIONS,
        seed: int = 0,
        patience: float = PATIENCE,
    ) -> None:
        """`rate`: deliveries a second. None: as fast as the hub acknowledges them."""
        self.log = DeliveryLog()
        self._port = port
        self._deliveries: Iterator[Delivery] = iter(deliveries)
        self._interval = 1 / rate if rate else 0.0
        self._connections = connections
        self._dice = random.Random(seed)
        self._patience = patience
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._next_at = self._last_at = time.monotonic()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="meta-sender")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    @property
    def is_running(self) -> bool:
        """Whether deliveries are left."""
        return self._thread.is_alive()

    def finish(self, *, takes_all: bool = False) -> DeliveryLog:
        """Waits until everything that was taken is acknowledged or given up. `takes_all`: takes all deliveries first, while
        some are acknowledged."""
        while takes_all and self.is_running and time.monotonic() - self._last_at < self._patience:
            self._thread.join(POLL)
        self._stopping.set()
        self._give_up_at = time.monotonic() + self._patience
        self._thread.join()
        return self.log

    async def _run(self) -> None:
        self._next_at = self._last_at = time.monotonic()
        await asyncio.gather(*(self._deliver_all() for _ in range(self._connections)))

    async def _deliver_all(self) -> None:
        connection = Connection(self._port)
        while not self._stopping.is_set():
            delivery = next(self._deliveries, None)
            if delivery is None:
                break
            await self._wait_for_slot()
            self.log.deliveries += 1
            if await self._deliver(connection, delivery) and self._dice.random() < REPEATED:
                await connection.post(delivery.request)
        connection.close()

    async def _wait_for_slot(self) -> None:
        self._next_at = max(self._next_at, time.monotonic() - 1.0) + self._interval
        await asyncio.sleep(self._next_at - self._interval - time.monotonic())

    async def _deliver(self, connection: "Connection", delivery: Delivery) -> bool:
        started_at, delay = time.monotonic(), FIRST_RETRY
        while True:
            self.log.attempts += 1
            status = await connection.post(delivery.request)
            now = time.monotonic()
            if status == 200:
                self.log.pauses.append(now - self._last_at)
                self.log.seconds.append(now - started_at)
                self._last_at = now
                self.log.acknowledged[delivery.digest] = Delivery(b"", delivery.digest, delivery.messages, delivery.statuses)
                return True
            self.log.refusals[status] += 1
            if now > self._give_up_at:
                self.log.given_up += 1
                return False
            await asyncio.sleep(delay * self._dice.uniform(0.5, 1.0))
            delay = min(MAX_RETRY, 2 * delay)


class Connection:
    """A keep-alive connection to the hub, opened again when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: bytes) -> int:
        """Returns the status of the response, 0 if there was none."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self._exchange(request)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            self.close()
            return 0

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"content-length:")
        await reader.readexactly(int(rest.partition(b"\r\n")[0]) if found else 0)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        if self._streams:
            with suppress(OSError, RuntimeError):
                self._streams[1].close()
            self._streams = None
