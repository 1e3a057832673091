"""Threads that clients share. Waiting requests get threads in round-robin order of their clients."""

import asyncio
import contextvars
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, TypeVar

from whatsapp_hub.server.request_errors import RequestRefused

T = TypeVar("T")

MAX_WAITING = 1000
"""Requests. Beyond it the newest request of the client with the most waiting requests is refused."""
MAX_WAIT_SECONDS = 30.0
"""Seconds for which a request waits for a thread."""


class ThreadQueue:
    """A pool of threads, and the requests that wait for one. Must be used from one event loop only."""

    def __init__(
        self, name: str, *, threads: int, max_waiting: int = MAX_WAITING, max_wait_seconds: float = MAX_WAIT_SECONDS
    ) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._max_waiting = max_waiting
        self._max_wait_seconds = max_wait_seconds
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By client, in the order in which clients are served. No deque is empty."""

    @property
    def has_free_thread(self) -> bool:
        return self._free > 0

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread."""
        return sum(map(len, self._waiting.values()))

    async def start(self, client: str, work: Callable[[], T]) -> asyncio.Future[T]:
        """Waits until a thread is free for this client (such as an IP address), and runs `work` in it.

        Returns a future for the result of `work`. Do not cancel it: the thread would go on. Raises RequestRefused (503) if too many
        requests wait, or this one has waited too long.
        """
        await self._acquire_thread(client)
        context = contextvars.copy_context()  # context variables of one request are not visible to the next
        running: asyncio.Future[T] = asyncio.get_running_loop().run_in_executor(self._executor, context.run, work)
        running.add_done_callback(self._release_thread)
        return running

    async def run(self, client: str, work: Callable[[], T]) -> T:
        """Runs `work` in a thread and returns its result. Raises what `work` raises, and RequestRefused as `start` does."""
        return await asyncio.shield(await self.start(client, work))

    async def _acquire_thread(self, client: str) -> None:
        if self._free:
            self._free -= 1
            return
        grant = self._enqueue(client)
        try:
            async with asyncio.timeout(self._max_wait_seconds):
                await grant
        except TimeoutError:
            self._leave(client, grant)
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        except asyncio.CancelledError:
            self._leave(client, grant)
            raise

    def _enqueue(self, client: str) -> asyncio.Future[None]:
        if self.waiting >= self._max_waiting:
            self._refuse_newest(client)
        grant = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(grant)
        return grant

    def _refuse_newest(self, client: str) -> None:
        """Refuses the newest request of another client, so that one of `client` can wait. Raises RequestRefused if no other client
        has more waiting requests."""
        longest = max(self._waiting, key=lambda each: len(self._waiting[each]))
        if len(self._waiting[longest]) <= len(self._waiting.get(client, ())) + 1:
            raise RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE)
        refused = self._waiting[longest].pop()
        if not refused.done():
            refused.set_exception(RequestRefused(HTTPStatus.SERVICE_UNAVAILABLE))

    def _leave(self, client: str, grant: asyncio.Future[None]) -> None:
        """Removes a request that does not wait any more."""
        # It may have got a thread at the same time, which then goes to the next request.
        if not grant.cancelled() and grant.exception() is None:
            self._release_thread()
        waiting = self._waiting.get(client, deque())
        if grant in waiting:
            waiting.remove(grant)
            if not waiting:
                del self._waiting[client]

    def _release_thread(self, _: Any = None) -> None:
        while self._waiting:
            client, waiting = self._waiting.popitem(last=False)
            grant = waiting.popleft()
            if waiting:
                self._waiting[client] = waiting
            if not grant.done():  # its request may have stopped waiting at the same time
                grant.set_result(None)
                return
        self._free += 1
