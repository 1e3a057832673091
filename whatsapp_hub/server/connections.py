"""HTTP connections of the web server: uvicorn's, with limits for clients that send or read too slowly, or send too much."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

SENT_AHEAD = "sent_ahead"
"""Key in the state of an ASGI scope: whether the request arrived while another request of its connection was being served."""


class Connection(HttpToolsProtocol):
    """One connection. It is aborted, and unsent bytes are dropped, if its client

    - takes longer than `head_seconds` from connecting, or from the first byte of a request, to the end of its head;
    - does not read for `send_seconds`: in that time uvicorn's buffer, of 64 KiB and a part of the response, must fall below its
      low-water mark of 16 KiB, which requires at least about 4 KiB a second;
    - sends a head of more than `max_head` bytes, or as many bytes that belong to no body or to a body that has its response
      already;
    - sends more than `max_pipelined` requests ahead. They are served one after the other.
    """

    head_seconds = 20.0
    send_seconds = 30.0
    check_interval = 5.0
    """Seconds between two checks of a connection. Both limits above may be exceeded by that much."""
    max_head = 64 * 2**10
    max_pipelined = 100
    max_unsent = 128 * 2**10
    """Bytes that the system accepts before it has sent them. By default it accepts megabytes, and then none for longer than
    `send_seconds` if a client reads them slowly but steadily."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: RequestResponseCycle | None = None
        self._head_since: float | None = None
        self._stalled_since: float | None = None
        self._overhead = 0
        """Bytes that belong to no body, since the end of the last head."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # the type is that of uvicorn
        super().connection_made(transport)
        self._limit_unsent(transport.get_extra_info("socket"))
        self._head_since = self.loop.time()
        self._timer = self.loop.call_later(self.check_interval, self._check)

    def _limit_unsent(self, connection: socket.socket) -> None:
        if connection.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self.max_unsent)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        # Uvicorn marks only the request that it has parsed last as disconnected. Others of the connection would wait for ever.
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def _check(self) -> None:
        now = self.loop.time()
        is_stalled = self.flow.write_paused or self.transport.is_closing()  # a closing transport waits until all bytes are sent
        self._stalled_since = (self._stalled_since or now) if is_stalled else None
        if _is_exceeded(self._head_since, now - self.head_seconds) or _is_exceeded(self._stalled_since, now - self.send_seconds):
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(self.check_interval, self._check)

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > self.max_head:
            self.transport.abort()
        elif self._head_since is None and (self.cycle is None or self.cycle.response_complete):
            self._head_since = self.loop.time()  # these bytes have ended uvicorn's limit for idle connections

    def on_message_begin(self) -> None:
        self._head_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_since = None
        self._overhead = 0
        if len(self.pipeline) >= self.max_pipelined:
            self.transport.abort()
        else:
            super().on_headers_complete()
            self.headers = []  # otherwise uvicorn adds the trailers of a chunked body to the headers
            self.scope["state"][SENT_AHEAD] = bool(self.pipeline)

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:  # later bytes are not read
            self._overhead = max(0, self._overhead - 2 * len(body))  # twice, because a body in small chunks has framing
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)


def _is_exceeded(since: float | None, limit: float) -> bool:
    return since is not None and since <= limit
