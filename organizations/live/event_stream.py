"""The event stream of open pages, as plain ASGI beside the Django site: “revision N of your organization”, and nothing else.

    page ── GET /o/<organization>/events/ ──> who is it? may they? ──> data: 17
                                                                       data: 18     whenever something changed
    every half second one query, for the revisions of all organizations that have a page open here
    every 5 seconds one look at whether each page's session still exists and its user may still see it; if not, the stream says
    “closed” and ends

What has changed the page asks for itself, through addresses that check permissions. A stream costs one task and no thread.
"""

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

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
POLL = 0.5
CHECK = 5.0
"""Seconds; a stream ends that long after its session at the latest."""
BEAT = 25.0
"""Seconds; proxies take a connection that says nothing for longer to be dead."""
AT_ONCE = 250
PAUSE = 0.1
"""Of many pages so many are told at once, and the next after a pause: each will fetch what it shows."""
MOST = 20_000
MOST_PER_USER = 100
"""Streams of one user in one process. Further pages of theirs poll."""
SLOWEST = 2.0
"""Seconds that one page may hold up the others by not reading."""

CLOSED = b"event: closed\ndata: closed\n\n"
"""The last event of a page whose user is shut out. The page asks why through an ordinary address."""

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Thing = TypeVar("Thing")


@dataclass(eq=False, slots=True)
class Page:
    """An open page, what it is allowed by, and the revision it knows."""

    organization_id: int
    user_id: int
    session_key: str
    session_hash: str
    revision: int
    send: Send
    task: "asyncio.Task[Any] | None" = None
    """Serves the stream: it waits until the client leaves."""
    is_ending: bool = False
    is_shut_out: bool = False
    """Whether it ends because its user may not see the organization any more."""

    def end(self) -> None:
        """End the stream from this side: its task is interrupted, sends the last event and returns."""
        if self.task and not self.is_ending:
            self.is_ending = True
            self.task.cancel()

    def shut_out(self) -> None:
        """End the stream and tell the page that it is not its user's any more."""
        self.is_shut_out = True
        self.end()

    async def tell(self, revision: int) -> None:
        if revision != self.revision:
            self.revision = revision
            await self.say(f"data: {revision}\n\n".encode())

    async def say(self, line: bytes, *, last: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": line, "more_body": not last})


class EventStreams:
    """The ASGI application at `/o/<organization>/events/`, and all its pages in this process."""

    def __init__(
        self,
        *,
        poll: float = POLL,
        check: float = CHECK,
        beat: float = BEAT,
        most: int = MOST,
        most_per_user: int = MOST_PER_USER,
    ) -> None:
        self._poll = poll
        self._check = check
        self._beat_every = beat
        self._most = most
        self._most_per_user = most_per_user
        self._pages: dict[int, set[Page]] = {}
        self._open = 0
        """Streams that are open or being admitted."""
        self._of_user: Counter[int] = Counter()
        self._watching: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._updating: set[int] = set()
        """Organizations whose pages are being sent a revision."""
        self._admitting = ThreadPoolExecutor(2, thread_name_prefix="streams-admit")
        self._polling = ThreadPoolExecutor(1, thread_name_prefix="streams-poll")

    def serves(self, path: str) -> bool:
        return PATH.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = PATH.fullmatch(scope["path"])
        session_key = find_session_key(scope)
        if match is None or scope["method"] != "GET":
            await _refuse(send, HTTPStatus.METHOD_NOT_ALLOWED)
        elif session_key is None:
            await _refuse(send, HTTPStatus.NOT_FOUND)
        elif self._open >= self._most:
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._open += 1
            try:
                await self._serve(scope, int(match[1]), session_key, receive, send)
            finally:
                self._open -= 1

    async def _serve(self, scope: Scope, organization_id: int, session_key: str, receive: Receive, send: Send) -> None:
        try:
            page = await _in_thread(self._admitting, admit, organization_id, session_key, _user_agent(scope), send)
        except (DatabaseError, InterfaceError):
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        if page is None:
            await _refuse(send, HTTPStatus.NOT_FOUND)
            return
        if self._of_user[page.user_id] >= self._most_per_user:
            await _refuse(send, HTTPStatus.TOO_MANY_REQUESTS)
            return
        page.task = asyncio.current_task()
        self._of_user[page.user_id] += 1
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await page.say(f"retry: 3000\ndata: {page.revision}\n\n".encode())
            self._pages.setdefault(page.organization_id, set()).add(page)
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch())
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not page.is_ending:
                raise
            page.task.uncancel()
            with suppress(TimeoutError, OSError, RuntimeError):
                async with asyncio.timeout(SLOWEST):
                    await page.say(CLOSED if page.is_shut_out else b"", last=True)
        finally:
            self._forget(page)

    def _forget(self, page: Page) -> None:
        pages = self._pages.get(page.organization_id, set())
        pages.discard(page)
        if not pages:
            self._pages.pop(page.organization_id, None)
        self._of_user[page.user_id] -= 1
        if not self._of_user[page.user_id]:
            del self._of_user[page.user_id]

    async def close(self) -> None:
        """End all streams; the pages come back by themselves, to whoever serves then."""
        for page in self._all():
            page.end()
        await asyncio.sleep(0)  # their tasks see it now

    async def _watch(self) -> None:
        """Until no page is open."""
        checked = beaten = time.monotonic()
        try:
            while self._pages:
                await asyncio.sleep(self._poll)
                now = time.monotonic()
                try:
                    if now - checked >= self._check:
                        checked = now
                        for page in await _in_thread(self._polling, shut_out, self._all()):
                            page.shut_out()
                    await self._send_revisions()
                except Exception as failure:  # noqa: BLE001  whatever it is, the pages are still there
                    log.warning("revisions could not be read: %s", type(failure).__name__)
                    await asyncio.sleep(2.0)
                if now - beaten >= self._beat_every:
                    beaten = now
                    self._begin(self._beat(self._all()))
        finally:
            self._watching = None

    async def _send_revisions(self) -> None:
        """Bring every page up to date that knows another revision. Each page is compared, because one may have been admitted with
        a revision that was raised before it was here."""
        current: dict[int, int] = await _in_thread(self._polling, current_revisions, list(self._pages))
        for organization_id, revision in current.items():
            behind = [page for page in self._pages.get(organization_id, ()) if page.revision != revision]
            if behind and organization_id not in self._updating:
                self._updating.add(organization_id)
                self._begin(self._update(organization_id, behind, revision))

    async def _update(self, organization_id: int, pages: Iterable[Page], revision: int) -> None:
        try:
            for some in _batched(pages, AT_ONCE):
                await asyncio.gather(*(self._guarded(page, page.tell(revision)) for page in some))
                if len(some) == AT_ONCE:
                    await asyncio.sleep(PAUSE)
        finally:
            self._updating.discard(organization_id)

    async def _beat(self, pages: Iterable[Page]) -> None:
        for some in _batched(pages, AT_ONCE):
            await asyncio.gather(*(self._guarded(page, page.say(b":\n\n")) for page in some))

    async def _guarded(self, page: Page, saying: Awaitable[None]) -> None:
        """A client that does not read holds up the others for `SLOWEST` seconds at most; then its stream ends, and it may come
        back."""
        try:
            async with asyncio.timeout(SLOWEST):
                await saying
        except (TimeoutError, OSError, RuntimeError):
            page.end()

    def _all(self) -> list[Page]:
        return [page for pages in self._pages.values() for page in pages]

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _in_thread(threads: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(threads, _with_database, work, *arguments)


def _batched(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep it all until the end
]


def admit(organization_id: int, session_key: str, user_agent: str, send: Send) -> Page | None:
    """The page of whoever has this session, if they may see the organization. The session is noted as one that is in use."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    access = get_access(user, organization_id) if isinstance(user, User) else None
    if access is None:
        return None
    record_session_at_intervals(session_key, user_id=access.user.pk, user_agent=user_agent, now=timezone.now())
    return Page(organization_id, access.user.pk, session_key, access.user.get_session_auth_hash(), access.revision, send)


def shut_out(pages: Iterable[Page]) -> list[Page]:
    """Those of the pages whose session has ended, or whose user may not see them any more or has a new password."""
    pages = list(pages)
    sessions: set[str] = set()
    open_pairs: set[tuple[int, int]] = set()
    hashes: dict[int, str] = {}
    for keys in _batched({page.session_key for page in pages}, 500):
        sessions |= set(Session.objects.filter(pk__in=keys, expire_date__gt=timezone.now()).values_list("pk", flat=True))
    for ids in _batched({page.user_id for page in pages}, 500):
        mine = Membership.objects.filter(user__in=ids, activate=True, organization__activate=True, user__activate=True)
        open_pairs |= set(mine.values_list("user", "organization"))
        hashes |= {
            user.pk: user.get_session_auth_hash() for user in User.objects.filter(pk__in=ids).only("password", "session_epoch")
        }
    return [
        page
        for page in pages
        if page.session_key not in sessions
        or (page.user_id, page.organization_id) not in open_pairs
        or hashes.get(page.user_id) != page.session_hash
    ]


def _with_database(work: Callable[..., Any], *arguments: Any) -> Any:
    close_old_connections()
    try:
        return work(*arguments)
    finally:
        close_old_connections()


def find_session_key(scope: Scope) -> str | None:
    """The session key in a request's cookies; None without one. In linear time: Python's own reader needs seconds for some cookies
    that fit into a request."""
    found = ""
    for cookie in b";".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1").split(";"):
        name, _, value = cookie.partition("=")
        if name.strip() == settings.SESSION_COOKIE_NAME:
            found = value.strip()
    return found or None


def _user_agent(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"user-agent"), "")


async def _refuse(send: Send, status: HTTPStatus) -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
