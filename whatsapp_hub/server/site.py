"""The Django site as an ASGI application. A thread runs a view and nothing else."""

import asyncio
import codecs
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http import HTTPStatus
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils.http import parse_header_parameters

from organizations.live.event_stream import find_session_key
from webhooks.intake.receiver import Receive, Scope, Send
from whatsapp_hub.server.bodies import GRACE, MOST_IN_MEMORY, Body, BodyReader
from whatsapp_hub.server.byte_limits import Budget
from whatsapp_hub.server.connections import SENT_AHEAD
from whatsapp_hub.server.request_errors import ClientGone, RequestRefused, send_refusal
from whatsapp_hub.server.responses import CHUNK, FileToSend, ResponseBuffer, send_response, wait_until_gone
from whatsapp_hub.server.threads import ThreadQueue

MOST_ON_DISK = 4 * 2**30
"""Bytes of all requests that are being received, and all responses that are being sent, by this process."""
MOST_COOKIES = 8 * 2**10
"""Bytes of a request's cookies, as many proxies have it too."""
MOST_ESCAPES = 128
"""Backslashes in them, of which this site's own have none. Django reads cookies with Python's reader, whose time grows with the
product of both: 60 KB of backslashes take it 8 seconds."""
FILE_THREADS = 4
"""They read and write parts of files, and never do anything else."""


class Site:
    """Serves the requests of the Django site, each in a thread of `threads_for(path)`."""

    def __init__(
        self,
        django: WSGIHandler,
        *,
        threads_for: Callable[[str], ThreadQueue],
        memory: int = MOST_IN_MEMORY,
        grace: float = GRACE,
    ) -> None:
        self._django = django
        self._threads_for = threads_for
        self._files = ThreadPoolExecutor(FILE_THREADS, thread_name_prefix="files")
        self._disk = Budget(MOST_ON_DISK)
        self._bodies = BodyReader(may_upload=self._is_signed_in, files=self._files, disk=self._disk, memory=memory, grace=grace)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_cookies(scope)
            _check_charset(scope)
            async with self._bodies.read(scope, receive) as body:
                await self._serve(scope, receive, send, body)
        except ClientGone:
            return
        except RequestRefused as refusal:
            await send_refusal(refusal, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, body: Body) -> None:
        is_head = scope["method"] == "HEAD"
        with closing(ResponseBuffer(self._disk)) as buffer:
            work = partial(_respond, self._django, build_environ(scope, body), buffer)
            running = await _start(self._threads_for(scope["path"]), _client(scope), work, receive)
            running.add_done_callback(buffer.finish)
            try:
                await send_response(buffer, send=send, receive=receive, files=self._files, is_head=is_head)
            finally:
                await self._end(buffer, running)
        running.result()

    async def _end(self, buffer: ResponseBuffer, running: "asyncio.Future[None]") -> None:
        """Wait for the thread, which may still read the body, and close the file that it has left."""
        buffer.close()
        if not running.done():
            await asyncio.wait([running])
        if buffer.file:
            self._files.submit(buffer.file.close)

    async def _is_signed_in(self, scope: Scope) -> bool:
        """RequestRefused (503) if no thread is free to find out."""
        session_key = find_session_key(scope)
        if not session_key:
            return False
        return await self._threads_for(scope["path"]).run(_client(scope), partial(_has_session, session_key))


async def _start(threads: ThreadQueue, client: str, work: Callable[[], None], receive: Receive) -> "asyncio.Future[None]":
    """As `threads.start`. ClientGone if the client leaves while it waits for a thread."""
    if threads.has_free_thread:
        return await threads.start(client, work)
    starting = asyncio.create_task(threads.start(client, work))
    gone = asyncio.create_task(wait_until_gone(receive))
    try:
        await asyncio.wait({starting, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            raise ClientGone
        return starting.result()
    finally:
        starting.cancel()
        gone.cancel()


def _respond(django: WSGIHandler, environ: dict[str, Any], buffer: ResponseBuffer) -> None:
    """In a thread: run the site, and leave what it produces in the buffer. A long file is left to the event loop to send."""
    response = django(environ, buffer.start)
    if isinstance(response, FileToSend):
        _begin_file(response, environ, buffer)
        return
    try:
        for chunk in response:
            buffer.write(chunk)
            if response.streaming:
                buffer.announce()
    finally:
        response.close()


def _begin_file(response: FileToSend, environ: dict[str, Any], buffer: ResponseBuffer) -> None:
    buffer.file = response.file
    if environ["REQUEST_METHOD"] == "HEAD":
        return
    first = response.file.read(CHUNK)
    buffer.write(first)
    if len(first) < CHUNK:
        buffer.file = None
        response.file.close()


def _has_session(session_key: str) -> bool:
    """In a thread: whether somebody is signed in with this session."""
    close_old_connections()
    try:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        return get_user(request).is_authenticated
    finally:
        close_old_connections()


def build_environ(scope: Scope, body: Body) -> dict[str, Any]:
    """The request as WSGI describes it (PEP 3333)."""
    host, port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "REMOTE_ADDR": _address(scope),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body.content,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileToSend,
    }
    _add_headers(environ, scope["headers"])
    environ["CONTENT_LENGTH"] = str(body.size)  # which a body in chunks does not announce
    return environ


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for raw_name, raw_value in headers:
        if b"_" in raw_name:  # it would pass for the header of that name with a dash, which a proxy may have set or removed
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


def _address(scope: Scope) -> str:
    """The client's IP address; empty where there is none, as of a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _client(scope: Scope) -> str:
    """Who shares the threads with others: an IP address. All requests that were sent ahead of a response, which no browser does,
    are one client."""
    return SENT_AHEAD if scope.get("state", {}).get(SENT_AHEAD) else _address(scope)


def _check_cookies(scope: Scope) -> None:
    """RequestRefused (431) if it would take long to read them."""
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    if sum(map(len, cookies)) > MOST_COOKIES or sum(value.count(b"\\") for value in cookies) > MOST_ESCAPES:
        raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


def _check_charset(scope: Scope) -> None:
    """RequestRefused (400) if the client says that it writes in another encoding than UTF-8, as all pages ask for.

    Django reads forms and addresses in the encoding that Content-Type names, if Python knows it. Some that Python knows are none of
    text, which Django does not expect; some give lone surrogates, which no database and no page can hold.
    """
    written = b",".join(value for name, value in scope["headers"] if name == b"content-type").decode("latin-1")
    try:
        name = parse_header_parameters(written)[1].get("charset", "")
        is_other = bool(name) and codecs.lookup(name).name not in ("utf-8", "ascii")
    except LookupError:
        return  # Django takes no notice of it
    except ValueError:
        is_other = True
    if is_other:
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
