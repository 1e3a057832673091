"""Threads shared between clients. Requests that wait for a thread are served one of each client after the other."""

import asyncio
import contextvars
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, TypeVar

from whatsapp_hub.server.request_errors import RequestRefused

T = TypeVar("T")

MOST_WAITING = 1000
"""Requests. Beyond it the client with the most waiting requests has its newest refused."""
LONGEST_WAIT = 30.0
"""Seconds that a request waits for a thread."""


class ThreadQueue:
    """A pool of threads and the requests that wait for one. It belongs to one event loop, and is used from there alone."""

    def __init__(self, name: str, *, threads: int, most_waiting: int = MOST_WAITING, longest_wait: float = LONGEST_WAIT) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._most_waiting = most_waiting
        self._longest_wait = longest_wait
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By client, the one that is served next first. No deque is empty."""

    @property
    def has_free_thread(self) -> bool:
        return self._free > 0

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return sum(map(len, self._waiting.values()))

    async def start(self, client: str, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run `work` in a thread, once one is free for this client (such as an IP address). Returns its outcome to wait for: never
        cancel it, because the thread goes on. RequestRefused (503) if too many are waiting, or this one waited too long."""
        await self._take_thread(client)
        context = contextvars.copy_context()  # what one request sets is not seen by the next
        running: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._executor, context.run, work)
        running.add_done_callback(self._give_back_thread)
        return running

    async def run(self, client: str, work: Callable[[], T]) -> T:
        """What `work` returns, or raises, in a thread. RequestRefused as `start`."""
        return await asyncio.shield(await self.start(client, work))

    async def _take_thread(self, client: str) -> None:
        if self._free:
            self._free -= 1
            return
        grant = self._enqueue(client)
        try:
            async with asyncio.timeout(self._longest_wait):
                await grant
        except TimeoutError:
            self._leave(client, grant)
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        except asyncio.CancelledError:
            self._leave(client, grant)
            raise

    def _enqueue(self, client: str) -> asyncio.Future[None]:
        if self.waiting >= self._most_waiting:
            self._refuse_newest(client)
        grant = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(grant)
        return grant

    def _refuse_newest(self, client: str) -> None:
        """Make room for a request of `client`: RequestRefused if no other client has more that wait."""
        longest = max(self._waiting, key=lambda each: len(self._waiting[each]))
        if len(self._waiting[longest]) <= len(self._waiting.get(client, ())) + 1:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        refused = self._waiting[longest].pop()
        if not refused.done():
            refused.set_exception(RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE))

    def _leave(self, client: str, grant: asyncio.Future[None]) -> None:
        """Wait no more. A thread that was given in the same moment goes to the next."""
        if not grant.cancelled() and grant.exception() is None:
            self._give_back_thread()
        waiting = self._waiting.get(client, deque())
        if grant in waiting:
            waiting.remove(grant)
            if not waiting:
                del self._waiting[client]

    def _give_back_thread(self, _: Any = None) -> None:
        while self._waiting:
            client, waiting = self._waiting.popitem(last=False)
            grant = waiting.popleft()
            if waiting:
                self._waiting[client] = waiting
            if not grant.done():  # it may just have been given up
                grant.set_result(None)
                return
        self._free += 1
