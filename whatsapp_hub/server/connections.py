"""The HTTP connections of the web server: uvicorn's, with limits on what a client can keep busy without doing its part."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

SENT_AHEAD = "sent_ahead"
"""Name in the state of an ASGI scope: whether the request came while another of its connection was still being served."""


class Connection(HttpToolsProtocol):
    """One connection. It is aborted, and what has not been sent is dropped, when its client

    - takes longer than `head_patience` seconds from connecting, or from the first byte of a request, to the end of its head;
    - does not take what is sent for `send_patience` seconds: uvicorn's buffer, of 64 KiB and a part of the response, has to fall
      below its low-water mark of 16 KiB in that time, which is about 4 KiB a second at the least;
    - sends a head of more than `most_head` bytes, or as much of anything else that is no body or of a body that was responded to;
    - sends more than `most_pipelined` requests ahead. They are served one after the other.

    Uvicorn itself marks only the request that it has parsed last as disconnected when a connection is lost. Others of the same
    connection would wait for its client for ever; here all of them are marked.
    """

    head_patience = 20.0
    send_patience = 30.0
    check_every = 5.0
    """Seconds between two looks at a connection; both limits above may be exceeded by that much."""
    most_head = 64 * 2**10
    most_pipelined = 100
    most_unsent = 128 * 2**10
    """Bytes that the system takes before it sends them. It would take megabytes, and then no more for longer than `send_patience`
    from a client that reads them slowly but steadily."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: RequestResponseCycle | None = None
        self._head_since: float | None = None
        self._stalled_since: float | None = None
        self._overhead = 0
        """Bytes since the end of the last head that belong to no body."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._limit_unsent(transport.get_extra_info("socket"))
        self._head_since = self.loop.time()
        self._timer = self.loop.call_later(self.check_every, self._check)

    def _limit_unsent(self, connection: socket.socket) -> None:
        if connection.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, self.most_unsent)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def _check(self) -> None:
        now = self.loop.time()
        is_stalled = self.flow.write_paused or self.transport.is_closing()  # closing, it waits for what is still to be sent
        self._stalled_since = (self._stalled_since or now) if is_stalled else None
        if _is_over(self._head_since, now - self.head_patience) or _is_over(self._stalled_since, now - self.send_patience):
            self.transport.abort()
        else:
            self._timer = self.loop.call_later(self.check_every, self._check)

    def resume_writing(self) -> None:
        self._stalled_since = None
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > self.most_head:
            self.transport.abort()
        elif self._head_since is None and (self.cycle is None or self.cycle.response_complete):
            self._head_since = self.loop.time()  # whatever it is, uvicorn's limit for idle connections has ended with it

    def on_message_begin(self) -> None:
        self._head_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_since = None
        self._overhead = 0
        if len(self.pipeline) >= self.most_pipelined:
            self.transport.abort()
        else:
            super().on_headers_complete()
            self.headers = []  # uvicorn would add the trailers of a chunked body to the headers
            self.scope["state"][SENT_AHEAD] = bool(self.pipeline)

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:  # nobody reads what comes later
            self._overhead = max(0, self._overhead - 2 * len(body))  # twice, for the framing of a body in small chunks
        super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Callable[..., Any]) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)


def _is_over(since: float | None, limit: float) -> bool:
    return since is not None and since <= limit
