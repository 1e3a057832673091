"""Event streams of open pages, as an ASGI application next to the Django site. An event has the revision of the page's
organization, and nothing else.

    page ── GET /o/<organization>/events/ ──> check session and access ──> data: 17
                                                                           data: 18     after each change
    2 to 10 times a second: one query for the revisions of all organizations with open pages in this process
    every 5 seconds: check whether the session of each page still exists, and its user may still see the organization. If not, the
    stream sends the event “closed” and ends

The page fetches what has changed through URLs that check permissions. A stream takes one task and no thread.
"""

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.models import Session
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpRequest
from django.utils import timezone

from organizations.live.revisions import current_revisions
from organizations.login.user_sessions import record_session_at_intervals
from organizations.models import Membership, User
from organizations.permissions import get_access

PATH = re.compile(r"/o/([1-9]\d{0,17})/events/")
POLL_SECONDS = 0.1
MAX_POLL_SECONDS = 0.5
POLL_SECONDS_PER_PAGE = 0.02
"""The more pages are open, the longer a change waits for the next poll, because each page may then fetch its parts."""
ACTIVE_SECONDS = 60.0
"""If nothing has changed and no page was opened for so many seconds, polls are as rare as with many pages."""
CHECK_SECONDS = 5.0
"""A stream ends at most so many seconds after its session."""
HEARTBEAT_SECONDS = 25.0
"""Proxies close connections that are silent for longer."""
BATCH = 250
BATCH_PAUSE = 0.1
"""At most `BATCH` pages get a revision at once, and the next ones after a pause in seconds, because each page then fetches its
parts."""
MAX_STREAMS = 20_000
MAX_STREAMS_PER_USER = 100
"""Streams of one user in one process. Further pages of the user poll."""
MAX_CHECKS_PER_CLIENT = 4
"""Checks of access that one client (an IP address) has in the queue of the threads at once. Its further checks wait for these, so
made-up sessions do not delay the pages of others."""
MAX_SEND_SECONDS = 2.0
"""Seconds for which a page that does not read may delay other pages."""

CLOSED = b"event: closed\ndata: closed\n\n"
"""The last event of a page whose user has lost access. The page then learns the reason through an ordinary URL."""

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class OpenPage:
    """An open page with an event stream: the session that gives it access, and the revision that was sent to it last."""

    organization_id: int
    user_id: int
    session_key: str
    session_hash: str
    revision: int
    send: ASGISendCallable
    task: "asyncio.Task[Any] | None" = None
    """Serves the stream, and waits until the client disconnects."""
    is_ending: bool = False
    has_lost_access: bool = False
    """Whether the stream ends because its user may no longer see the organization."""

    def end(self) -> None:
        """Ends the stream from this side: its task is cancelled, sends the last event and returns."""
        if self.task and not self.is_ending:
            self.is_ending = True
            self.task.cancel()

    def end_without_access(self) -> None:
        """Ends the stream with the event `CLOSED`."""
        self.has_lost_access = True
        self.end()

    async def send_revision(self, revision: int) -> None:
        if revision != self.revision:
            self.revision = revision
            await self.send_event(f"data: {revision}\n\n".encode())

    async def send_event(self, event: bytes, *, is_last: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": event, "more_body": not is_last})


class EventStreams:
    """The ASGI application at `/o/<organization>/events/`, with all open pages of this process."""

    def __init__(
        self,
        *,
        poll_seconds: float = POLL_SECONDS,
        active_seconds: float = ACTIVE_SECONDS,
        check_seconds: float = CHECK_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        max_streams: int = MAX_STREAMS,
        max_streams_per_user: int = MAX_STREAMS_PER_USER,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._active_seconds = active_seconds
        self._active_at = 0.0
        """When a page was opened or something changed, last."""
        self._check_seconds = check_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._max_streams = max_streams
        self._max_streams_per_user = max_streams_per_user
        self._pages: dict[int, set[OpenPage]] = {}
        """By organization."""
        self._stream_count = 0
        """Streams that are open, or whose access is being checked."""
        self._count_by_user: Counter[int] = Counter()
        self._watch_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._updating: set[int] = set()
        """Organizations whose pages are being sent a revision."""
        self._check_slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """By client. The checks that use or await them keep them."""
        self._access_threads = ThreadPoolExecutor(2, thread_name_prefix="streams-access")
        self._poll_threads = ThreadPoolExecutor(1, thread_name_prefix="streams-poll")

    def serves(self, path: str) -> bool:
        return PATH.fullmatch(path) is not None

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        match = PATH.fullmatch(scope["path"])
        session_key = find_session_key(scope)
        if match is None or scope["method"] != "GET":
            await _send_error(send, HTTPStatus.METHOD_NOT_ALLOWED, (b"allow", b"GET"))
        elif session_key is None:
            await _send_error(send, HTTPStatus.NOT_FOUND)
        elif self._stream_count >= self._max_streams:
            await _send_error(send, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._stream_count += 1
            try:
                await self._serve(scope, int(match[1]), session_key, receive, send)
            finally:
                self._stream_count -= 1

    async def _serve(
        self, scope: HTTPScope, organization_id: int, session_key: str, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        try:
            async with self._check_slots_of(scope):
                page = await _run_in_thread(
                    self._access_threads, authorize_page, organization_id, session_key, _user_agent(scope), send
                )
        except (DatabaseError, InterfaceError):
            await _send_error(send, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        if page is None:
            await _send_error(send, HTTPStatus.NOT_FOUND)
            return
        if self._count_by_user[page.user_id] >= self._max_streams_per_user:
            await _send_error(send, HTTPStatus.TOO_MANY_REQUESTS)
            return
        page.task = asyncio.current_task()
        self._count_by_user[page.user_id] += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS, "trailers": False})
            await page.send_event(f"retry: 3000\ndata: {page.revision}\n\n".encode())
            self._pages.setdefault(page.organization_id, set()).add(page)
            self._active_at = time.monotonic()
            if self._watch_task is None:
                self._watch_task = asyncio.create_task(self._watch())
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not page.is_ending:
                raise
            page.task.uncancel()
            with suppress(TimeoutError, OSError, RuntimeError):
                async with asyncio.timeout(MAX_SEND_SECONDS):
                    await page.send_event(CLOSED if page.has_lost_access else b"", is_last=True)
        finally:
            self._remove(page)

    def _check_slots_of(self, scope: HTTPScope) -> asyncio.Semaphore:
        client = scope.get("client")
        return self._check_slots.setdefault(str(client[0]) if client else "", asyncio.Semaphore(MAX_CHECKS_PER_CLIENT))

    def _remove(self, page: OpenPage) -> None:
        pages = self._pages.get(page.organization_id, set())
        pages.discard(page)
        if not pages:
            self._pages.pop(page.organization_id, None)
        self._count_by_user[page.user_id] -= 1
        if not self._count_by_user[page.user_id]:
            del self._count_by_user[page.user_id]

    async def close(self) -> None:
        """Ends all streams. The pages connect again automatically, to the process that serves then."""
        for page in self._all_pages():
            page.end()
        await asyncio.sleep(0)  # so that their tasks run now

    async def _watch(self) -> None:
        """Sends revisions and heartbeats, and checks access, until no page is open."""
        checked_at = heartbeat_at = time.monotonic()
        try:
            while self._pages:
                await asyncio.sleep(self._poll_pause())
                now = time.monotonic()
                try:
                    if now - checked_at >= self._check_seconds:
                        checked_at = now
                        for page in await _run_in_thread(self._poll_threads, find_pages_without_access, self._all_pages()):
                            page.end_without_access()
                    await self._send_revisions()
                except Exception as failure:  # noqa: BLE001  after any failure the pages are still open
                    log.warning("revisions could not be read: %s", type(failure).__name__)
                    await asyncio.sleep(2.0)
                if now - heartbeat_at >= self._heartbeat_seconds:
                    heartbeat_at = now
                    self._start_task(self._send_heartbeats(self._all_pages()))
        finally:
            self._watch_task = None

    def _poll_pause(self) -> float:
        if time.monotonic() - self._active_at > self._active_seconds:
            return MAX_POLL_SECONDS
        return max(self._poll_seconds, min(POLL_SECONDS_PER_PAGE * self._stream_count, MAX_POLL_SECONDS))

    async def _send_revisions(self) -> None:
        """Sends the revision of each organization to its pages that have another one."""
        current: dict[int, int] = await _run_in_thread(self._poll_threads, current_revisions, list(self._pages))
        for organization_id, revision in current.items():
            # Each page is compared: the revision may have increased between the check of a page's access and its stream.
            behind = [page for page in self._pages.get(organization_id, ()) if page.revision != revision]
            if behind:
                self._active_at = time.monotonic()
                if organization_id not in self._updating:
                    self._updating.add(organization_id)
                    self._start_task(self._update(organization_id, behind, revision))

    async def _update(self, organization_id: int, pages: Iterable[OpenPage], revision: int) -> None:
        try:
            for batch in _split(pages, BATCH):
                await asyncio.gather(*(self._send_or_end(page, page.send_revision(revision)) for page in batch))
                if len(batch) == BATCH:
                    await asyncio.sleep(BATCH_PAUSE)
        finally:
            self._updating.discard(organization_id)

    async def _send_heartbeats(self, pages: Iterable[OpenPage]) -> None:
        for batch in _split(pages, BATCH):
            await asyncio.gather(*(self._send_or_end(page, page.send_event(b":\n\n")) for page in batch))

    async def _send_or_end(self, page: OpenPage, sending: Awaitable[None]) -> None:
        """Waits for `sending`. Ends the stream of a client that does not read for `MAX_SEND_SECONDS`; it may connect again."""
        try:
            async with asyncio.timeout(MAX_SEND_SECONDS):
                await sending
        except (TimeoutError, OSError, RuntimeError):
            page.end()

    def _all_pages(self) -> list[OpenPage]:
        return [page for pages in self._pages.values() for page in pages]

    def _start_task(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself has only weak references to tasks
        task.add_done_callback(self._tasks.discard)


async def _run_in_thread(threads: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(threads, _run_with_fresh_connection, work, *arguments)


def _split(values: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch


HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # otherwise nginx would buffer the whole stream
]


def authorize_page(organization_id: int, session_key: str, user_agent: str, send: ASGISendCallable) -> OpenPage | None:
    """Returns the page, and records the session as being in use. None if the session's user may not see the organization."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    access = get_access(user, organization_id) if isinstance(user, User) else None
    if access is None:
        return None
    record_session_at_intervals(session_key, user_id=access.user.pk, user_agent=user_agent, now=timezone.now())
    return OpenPage(organization_id, access.user.pk, session_key, access.user.get_session_auth_hash(), access.revision, send)


def find_pages_without_access(pages: Sequence[OpenPage]) -> list[OpenPage]:
    """Returns the pages whose session has ended, or whose user has no access any more or has a new password."""
    sessions: set[str] = set()
    allowed: set[tuple[int, int]] = set()
    hashes: dict[int, str] = {}
    for keys in _split({page.session_key for page in pages}, 500):
        sessions |= set(Session.objects.filter(pk__in=keys, expire_date__gt=timezone.now()).values_list("pk", flat=True))
    for ids in _split({page.user_id for page in pages}, 500):
        memberships = Membership.objects.filter(user__in=ids, activate=True, organization__activate=True, user__activate=True)
        allowed |= set(memberships.values_list("user", "organization"))
        hashes |= {
            user.pk: user.get_session_auth_hash() for user in User.objects.filter(pk__in=ids).only("password", "session_epoch")
        }
    return [
        page
        for page in pages
        if page.session_key not in sessions
        or (page.user_id, page.organization_id) not in allowed
        or hashes.get(page.user_id) != page.session_hash
    ]


def _run_with_fresh_connection(work: Callable[..., Any], *arguments: Any) -> Any:
    close_old_connections()
    try:
        return work(*arguments)
    finally:
        close_old_connections()


def find_session_key(scope: HTTPScope) -> str | None:
    """Returns the session key in a request's cookies, or None."""
    # In linear time: Python's own parser takes seconds for some cookies that fit into a request.
    found = ""
    for cookie in b";".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1").split(";"):
        name, _, value = cookie.partition("=")
        if name.strip() == settings.SESSION_COOKIE_NAME:
            found = value.strip()
    return found or None


def _user_agent(scope: HTTPScope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")


async def _send_error(send: ASGISendCallable, status: HTTPStatus, *headers: tuple[bytes, bytes]) -> None:
    headers = ((b"content-length", b"0"), *headers)
    await send({"type": "http.response.start", "status": int(status), "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
