"""The Django site as an ASGI application. A thread runs the view, and never waits for the client."""

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

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.wsgi import WSGIHandler
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import parse_header_parameters

from api.errors.django_errors import PREFIX
from api.keys.services import find_key
from organizations.live.event_stream import find_session_key
from webhooks.intake.receiver import ClientDisconnected
from whatsapp_hub.server.bodies import BASE_SECONDS, MAX_IN_MEMORY, Body, BodyReader
from whatsapp_hub.server.byte_limits import ByteLimit
from whatsapp_hub.server.connections import SENT_AHEAD
from whatsapp_hub.server.request_errors import RequestRefused, send_error_response
from whatsapp_hub.server.responses import CHUNK, FileToSend, ResponseBuffer, send_response, wait_for_disconnect
from whatsapp_hub.server.threads import ThreadQueue

MAX_ON_DISK = 4 * 2**30
"""Bytes on disk of all requests that this process receives, and as many of all responses that it sends. Uploads take no space of
responses."""
MAX_COOKIE_BYTES = 8 * 2**10
"""Bytes of a request's cookies. Many proxies have the same limit."""
MAX_ESCAPES = 128
"""Backslashes in cookies; those of this site have none. Django parses cookies with Python's parser, whose time grows with the
product of both limits: 60 KB of backslashes take 8 seconds."""
MAX_CONTENT_TYPE_BYTES = 512
"""Bytes of a request's Content-Type. The longest in use, with the boundary of a form, has 120. Django's parser takes quadratic
time: 60 KB of semicolons take ten seconds."""
FOR_PROGRAMS = (PREFIX, "/bots/callbacks/")
"""Paths that programs request, and no browser."""
FILE_THREADS = 4
"""Threads that only read and write parts of files."""


class Site:
    """Serves the requests of the Django site, each in a thread of `threads_for(path)`."""

    def __init__(
        self,
        django: WSGIHandler,
        *,
        threads_for: Callable[[str], ThreadQueue],
        memory: int = MAX_IN_MEMORY,
        disk: int = MAX_ON_DISK,
        base_seconds: float = BASE_SECONDS,
    ) -> None:
        self._django = django
        self._threads_for = threads_for
        self._files = ThreadPoolExecutor(FILE_THREADS, thread_name_prefix="files")
        self._response_disk = ByteLimit(disk)
        self._bodies = BodyReader(
            find_uploader=self._find_uploader, files=self._files, disk=disk, memory=memory, base_seconds=base_seconds
        )

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        unread = self._bodies.unread_body(scope, receive)
        try:
            _check_method(scope)
            _check_tls(scope)
            _check_cookies(scope)
            _check_charset(scope)
            async with self._bodies.read(scope, unread) as body:
                await self._serve(scope, receive, send, body)
        except ClientDisconnected:
            return
        except RequestRefused as refusal:
            await send_error_response(refusal, send, path=scope["path"], discard_body=unread.discard)

    async def _serve(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable, body: Body) -> None:
        is_head = scope["method"] == "HEAD"
        with closing(ResponseBuffer(self._response_disk)) as buffer:
            work = partial(_run_site, self._django, build_environ(scope, body), buffer)
            running = await _start(self._threads_for(scope["path"]), _client(scope), work, receive)
            running.add_done_callback(buffer.finish)
            try:
                await send_response(buffer, send=send, receive=receive, files=self._files, is_head=is_head)
            finally:
                await self._finish(buffer, running)
        running.result()

    async def _finish(self, buffer: ResponseBuffer, running: "asyncio.Future[None]") -> None:
        """Waits for the thread, which may still read the body, and closes the file of the response."""
        buffer.close()
        if not running.done():
            await asyncio.wait([running])
        if buffer.file:
            self._files.submit(buffer.file.close)

    async def _find_uploader(self, scope: HTTPScope) -> str:
        """Returns the user whose session the request has or, below /api/, the organization of its API key. Empty without either.
        Raises RequestRefused (503) if no thread is free to look that up."""
        find: Callable[[], str] | None = None
        if session_key := find_session_key(scope):
            find = partial(_find_user, session_key)
        elif scope["path"].startswith(PREFIX) and (api_key := _api_key(scope)):
            find = partial(_find_organization, api_key)
        return await self._threads_for(scope["path"]).run(_client(scope), find) if find else ""


async def _start(
    threads: ThreadQueue, client: str, work: Callable[[], None], receive: ASGIReceiveCallable
) -> "asyncio.Future[None]":
    """Like `threads.start`, but raises ClientDisconnected if the client disconnects while its request waits for a thread."""
    if threads.has_free_thread:
        return await threads.start(client, work)
    starting = asyncio.create_task(threads.start(client, work))
    disconnected = asyncio.create_task(wait_for_disconnect(receive))
    try:
        await asyncio.wait({starting, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            raise ClientDisconnected
        return starting.result()
    finally:
        starting.cancel()
        disconnected.cancel()


def _run_site(django: WSGIHandler, environ: dict[str, Any], buffer: ResponseBuffer) -> None:
    """Runs the site in a thread, and writes its response into the buffer. The event loop sends the rest of a long file."""
    response = django(environ, buffer.start)
    if isinstance(response, FileToSend):
        _begin_file(response, environ, buffer)
        return
    try:
        for chunk in response:
            buffer.write(chunk)
            if response.streaming:
                buffer.flush()
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


def _find_user(session_key: str) -> str:
    """Returns the user who is signed in with this session, or an empty text. Must run in a thread."""
    close_old_connections()
    try:
        request = HttpRequest()
        request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        user = get_user(request)
        return f"user {user.pk}" if user.is_authenticated else ""
    finally:
        close_old_connections()


def _api_key(scope: HTTPScope) -> str:
    """Returns the API key in the request's headers, or an empty text."""
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"").decode("latin-1")
    return header.partition(" ")[2].strip() if header[:7].lower() == "bearer " else ""


def _find_organization(api_key: str) -> str:
    """Returns the organization of this API key, or an empty text if the API does not accept it. Must run in a thread."""
    close_old_connections()
    try:
        key = find_key(api_key, timezone.now())
        return f"organization {key.organization_id}" if key else ""
    finally:
        close_old_connections()


def build_environ(scope: HTTPScope, body: Body) -> dict[str, Any]:
    """Returns the environ of the request (WSGI, PEP 3333)."""
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
    environ["CONTENT_LENGTH"] = str(body.size)  # a body in chunks does not announce it
    return environ


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for raw_name, raw_value in headers:
        if b"_" in raw_name:  # it would become the header of that name with a dash, which a proxy may have set or removed
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


def _address(scope: HTTPScope) -> str:
    """Returns the client's IP address. Empty if there is none, as with a Unix socket."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _client(scope: HTTPScope) -> str:
    """Returns the client that shares the threads with others: its IP address. All requests that were sent ahead of a response count
    as one client, because browsers do not send such requests."""
    return SENT_AHEAD if scope.get("state", {}).get(SENT_AHEAD) else _address(scope)


def _check_method(scope: HTTPScope) -> None:
    """Raises RequestRefused (405) for methods that no page and no operation has."""
    if scope["method"] in ("TRACE", "TRACK", "CONNECT"):  # TRACE would return the headers of a request, with its cookies
        raise RequestRefused(HTTPStatus.METHOD_NOT_ALLOWED)


def _check_tls(scope: HTTPScope) -> None:
    """Raises RequestRefused (403) for a program that does not use TLS although the hub does."""
    # A redirect, as for pages, would hide from its author that it sends its key in the clear.
    if settings.SECURE_SSL_REDIRECT and scope["path"].startswith(FOR_PROGRAMS):
        forwarded = next((value for name, value in scope["headers"] if name == b"x-forwarded-proto"), scope["scheme"].encode())
        if forwarded.partition(b",")[0].strip() != b"https":
            raise RequestRefused(HTTPStatus.FORBIDDEN)


def _check_cookies(scope: HTTPScope) -> None:
    """Raises RequestRefused (431) if parsing the cookies would take long."""
    cookies = [value for name, value in scope["headers"] if name == b"cookie"]
    if sum(map(len, cookies)) > MAX_COOKIE_BYTES or sum(value.count(b"\\") for value in cookies) > MAX_ESCAPES:
        raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


def _check_charset(scope: HTTPScope) -> None:
    """Raises RequestRefused (431) if parsing the Content-Type would take long, and (400) if the request has another encoding than
    UTF-8 or ASCII."""
    # Django decodes forms and query strings with the encoding in Content-Type, if Python has it. Some of these encodings are not
    # for text, which Django does not expect. Others produce lone surrogates, which databases and pages cannot contain.
    header = b",".join(value for name, value in scope["headers"] if name == b"content-type")
    if len(header) > MAX_CONTENT_TYPE_BYTES:
        raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    try:
        name = parse_header_parameters(header.decode("latin-1"))[1].get("charset", "")
        is_other = bool(name) and codecs.lookup(name).name not in ("utf-8", "ascii")
    except LookupError:
        return  # Django ignores it
    except ValueError:
        is_other = True
    if is_other:
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
