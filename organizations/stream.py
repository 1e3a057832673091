"""The event stream of open pages, as plain ASGI beside the Django site: “revision N of your organization”, and nothing else.

    page ── GET /o/<organization>/events/ ──> who is it? may they? ──> data: 17
                                                                       data: 18     whenever something changed
    every half second one query, for the revisions of all organizations that have a page open here
    every 20 seconds one look at whether each page's user may still see it; who may not is let go

What has changed the page asks for itself, through addresses that check permissions. A stream costs one task and no thread.
"""

import asyncio
import logging
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import get_user
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.http import HttpRequest

from organizations.live import revisions
from organizations.models import Membership, User
from organizations.permissions import access_to

PATH = re.compile(r"/o/([1-9]\d{0,17})/events/")
POLL = 0.5
CHECK = 20.0
BEAT = 25.0
"""Seconds; proxies take a connection that says nothing for longer to be dead."""
AT_ONCE = 250
PAUSE = 0.1
"""Of many pages so many are told at once, and the next after a pause: each will fetch what it shows."""
MOST = 20_000
SLOWEST = 2.0
"""Seconds that one page may hold up the others by not reading."""

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Thing = TypeVar("Thing")


@dataclass(eq=False, slots=True)
class Page:
    """An open page, and what it is allowed by."""

    organization_id: int
    user_id: int
    session_hash: str
    revision: int
    send: Send

    async def tell(self, revision: int) -> None:
        if revision != self.revision:
            self.revision = revision
            await self.say(f"data: {revision}\n\n".encode())

    async def say(self, line: bytes, *, last: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": line, "more_body": not last})


class Streams:
    """The ASGI application at `/o/<organization>/events/`, and all its pages in this process."""

    def __init__(self, *, poll: float = POLL, check: float = CHECK, beat: float = BEAT, most: int = MOST) -> None:
        self._poll = poll
        self._check = check
        self._beat_every = beat
        self._most = most
        self._pages: dict[int, set[Page]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="streams")

    def serves(self, path: str) -> bool:
        return PATH.fullmatch(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = PATH.fullmatch(scope["path"])
        if match is None or scope["method"] != "GET":
            await _refuse(send, HTTPStatus.METHOD_NOT_ALLOWED)
        elif sum(map(len, self._pages.values())) >= self._most:
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            await self._serve(int(match[1]), scope, receive, send)

    async def _serve(self, organization_id: int, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            page = await self._in_thread(admit, organization_id, _session_key(scope), send)
        except (DatabaseError, InterfaceError):
            await _refuse(send, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        if page is None:
            await _refuse(send, HTTPStatus.NOT_FOUND)
            return
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await page.say(f"retry: 3000\ndata: {page.revision}\n\n".encode())
        self._pages[organization_id].add(page)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._forget(page)

    def _forget(self, page: Page) -> None:
        self._pages[page.organization_id].discard(page)
        if not self._pages[page.organization_id]:
            del self._pages[page.organization_id]

    async def close(self) -> None:
        """End all streams; the pages come back by themselves, to whoever serves then."""
        await self._let_go(self._all())

    async def _watch(self) -> None:
        """Until no page is open."""
        told: dict[int, int] = {}
        checked = beaten = time.monotonic()
        try:
            while self._pages:
                await asyncio.sleep(self._poll)
                now = time.monotonic()
                try:
                    if now - checked >= self._check:
                        checked = now
                        await self._let_go(await self._in_thread(shut_out, self._all()))
                    told = await self._tell_changes(told)
                except Exception as failure:  # noqa: BLE001  whatever it is, the pages are still there
                    log.warning("revisions could not be read: %s", type(failure).__name__)
                    await asyncio.sleep(2.0)
                if now - beaten >= self._beat_every:
                    beaten = now
                    self._begin(self._beat(self._all()))
        finally:
            self._watching = None

    async def _tell_changes(self, told: dict[int, int]) -> dict[int, int]:
        current: dict[int, int] = await self._in_thread(revisions, list(self._pages))
        for organization_id, revision in current.items():
            if told.get(organization_id) != revision:
                self._begin(self._tell(list(self._pages.get(organization_id, ())), revision))
        return current

    async def _tell(self, pages: Iterable[Page], revision: int) -> None:
        for some in _batched(pages, AT_ONCE):
            await asyncio.gather(*(self._guarded(page, page.tell(revision)) for page in some))
            if len(some) == AT_ONCE:
                await asyncio.sleep(PAUSE)

    async def _beat(self, pages: Iterable[Page]) -> None:
        for page in pages:
            await self._guarded(page, page.say(b":\n\n"))

    async def _let_go(self, pages: Iterable[Page]) -> None:
        for page in pages:
            await self._guarded(page, page.say(b"", last=True))

    async def _guarded(self, page: Page, saying: Awaitable[None]) -> None:
        """Whoever does not read, or is gone, holds up nobody."""
        try:
            async with asyncio.timeout(SLOWEST):
                await saying
        except (TimeoutError, OSError, RuntimeError):
            self._pages[page.organization_id].discard(page)

    def _all(self) -> list[Page]:
        return [page for pages in self._pages.values() for page in pages]

    def _begin(self, telling: Any) -> None:
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _with_database, work, *arguments)


def _batched(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    rest = iter(things)
    while batch := list(islice(rest, size)):
        yield batch


HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep it all until the end
]


def admit(organization_id: int, session_key: str | None, send: Send) -> Page | None:
    """The page of whoever has this session, if they may see the organization."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    access = access_to(user, organization_id) if isinstance(user, User) else None
    if access is None:
        return None
    return Page(organization_id, access.user.pk, access.user.get_session_auth_hash(), access.revision, send)


def shut_out(pages: Iterable[Page]) -> list[Page]:
    """Those of the pages whose user may not see them any more, or has a new password."""
    pages = list(pages)
    open_pairs: set[tuple[int, int]] = set()
    hashes: dict[int, str] = {}
    for ids in _batched({page.user_id for page in pages}, 500):
        mine = Membership.objects.filter(user__in=ids, activate=True, organization__activate=True, user__activate=True)
        open_pairs |= set(mine.values_list("user", "organization"))
        hashes |= {user.pk: user.get_session_auth_hash() for user in User.objects.filter(pk__in=ids).only("password")}
    return [
        page
        for page in pages
        if (page.user_id, page.organization_id) not in open_pairs or hashes.get(page.user_id) != page.session_hash
    ]


def _with_database(work: Callable[..., Any], *arguments: Any) -> Any:
    close_old_connections()
    try:
        return work(*arguments)
    finally:
        close_old_connections()


def _session_key(scope: Scope) -> str | None:
    raw = b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
    try:
        cookie = SimpleCookie(raw).get(settings.SESSION_COOKIE_NAME)
    except CookieError:
        return None
    return cookie.value if cookie else None


async def _refuse(send: Send, status: HTTPStatus) -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
