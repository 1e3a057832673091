"""The ASGI application that receives webhooks and Meta's verification requests, next to the Django site.

A webhook gets its 200 only after the commit that stored it. The receiver does nothing else with the body. Requests without a
well-formed signature are refused unread, and the memory of bodies whose signature is not checked yet is limited
(`request_bodies.py`).
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import copy
from http import HTTPStatus
from urllib.parse import parse_qs

from asgiref.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    HTTPScope,
)
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from cloud_api.signature import is_well_formed
from jobs.tracing import is_tracing, trace
from jobs.transactions import DatabaseAway
from jobs.wakeups import wake
from organizations.credentials.signers import find_numbers_by_verify_token
from organizations.numbers.activity import record_verification
from webhooks.intake.client_addresses import client_address
from webhooks.intake.group_commit import GroupCommit, Overloaded
from webhooks.intake.request_bodies import MAX_LARGE_BODIES, SMALL_BODY_SIZE, IncomingBodies, IncomingBody, ReadRate
from webhooks.intake.response_counts import REFUSED_SIGNATURES, STORE_SECONDS, ResponseCounter
from webhooks.intake.signature_cache import SignatureVerifier
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook
from webhooks.request_ids import request_id_of

PATH = "/webhooks/whatsapp"
MAX_KEY_LENGTH = 32
"""Characters of an organization's key."""
MAX_BODY = 4 * 2**20
"""Bytes."""
SMALL_BODY_SECONDS = 5.0
"""Time limit for a small body, and for the first bytes of a large one until it has a slot."""
LARGE_BODY_SECONDS = 15.0
"""Time limit for a large body once it has its slot."""
MAX_DISCARDED = 2 * MAX_BODY
"""Bytes that are read and discarded after a response that was sent before the end of the body. Many clients do not read the
response while they are sending, and they may lose it if the connection is closed before everything is read."""
DISCARD_SECONDS = 2.0
DISCARD_RATE = 64 * 2**20
"""Bytes a second that are discarded of all bodies together."""
MAX_DISCARDING = 32
"""Bodies that are discarded at the same time. The connections of further ones are closed immediately."""
KEPT_OPEN_SECONDS = 1.0
MAX_KEPT_OPEN = 1000
"""So many connections whose body was given up stay open, unread, for `KEPT_OPEN_SECONDS` after their response."""
RESPONSE_SECONDS = 4.5
"""Time limit from the end of a request to its response."""
RECORD_SECONDS = 1.0
"""For so long a response to a verification request waits until the verification is recorded."""
MAX_VERIFICATION_REQUESTS = 64
"""Verification requests that are processed, or wait, at the same time. Further ones get 503."""
MAX_PARAMETERS = 16
"""Parameters in the query of a verification request. Meta sends three."""
MAX_CHALLENGE_LENGTH = 1024
"""Characters."""

log = logging.getLogger(__name__)


class Response:
    """A response: its status, and the two ASGI events that send it. The responses below are built once and sent many times.

    `closes` closes the connection after the response. `early` does so too, and means that the body may not have been read.
    """

    def __init__(
        self, status: HTTPStatus, body: bytes = b"", *headers: tuple[bytes, bytes], closes: bool = False, early: bool = False
    ) -> None:
        self.status = int(status)
        self.is_early = early
        length = (b"content-length", str(len(body)).encode())
        closing = ((b"connection", b"close"),) if closes or early else ()
        self.start: HTTPResponseStartEvent = {
            "type": "http.response.start",
            "status": self.status,
            "headers": [*headers, length, *closing],
            "trailers": False,
        }
        self.end: HTTPResponseBodyEvent = {"type": "http.response.body", "body": body, "more_body": False}
        self.body = body

    def with_request_id(self, request_id: str) -> "Response":
        """Returns the same response with the header X-Request-ID."""
        response = copy(self)
        response.start = {**self.start, "headers": [*self.start["headers"], (b"x-request-id", request_id.encode())]}
        return response


RETRY_AFTER = (b"retry-after", b"5")
OK = Response(HTTPStatus.OK)
UNSIGNED = Response(HTTPStatus.UNAUTHORIZED, early=True)
BAD_SIGNATURE = Response(HTTPStatus.UNAUTHORIZED, closes=True)
TOO_LARGE = Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, early=True)
TOO_SLOW = Response(HTTPStatus.REQUEST_TIMEOUT, early=True)
UNAVAILABLE = Response(HTTPStatus.SERVICE_UNAVAILABLE, b"", RETRY_AFTER)
OVERLOADED = Response(HTTPStatus.SERVICE_UNAVAILABLE, b"", RETRY_AFTER, early=True)
WRONG_METHOD = Response(HTTPStatus.METHOD_NOT_ALLOWED, b"", (b"allow", b"GET, POST"), early=True)
NOT_FOUND = Response(HTTPStatus.NOT_FOUND, early=True)
BAD_REQUEST = Response(HTTPStatus.BAD_REQUEST, early=True)
FORBIDDEN = Response(HTTPStatus.FORBIDDEN, early=True)


class BodyTooLarge(Exception):
    """The body has more than `MAX_BODY` bytes."""


class ClientDisconnected(Exception):
    """The client has closed its connection: no response is needed."""


class Receiver:
    """The ASGI application at `/webhooks/whatsapp/` and `/webhooks/whatsapp/<organization key>/`."""

    def __init__(self) -> None:
        self._signatures = SignatureVerifier()
        self._bodies = IncomingBodies()
        self._verification_requests = VerificationRequests()
        self._discarding = 0
        self._discard_rate = ReadRate(DISCARD_RATE)
        self._kept_open = 0
        self._counter = ResponseCounter()
        # Separate groups, so that small bodies, which are many, do not wait until large ones are stored.
        self._small_commit: GroupCommit[SignedBody, None] = GroupCommit(_store, size_of=_size)
        self._large_commit: GroupCommit[SignedBody, None] = GroupCommit(_store, size_of=_size, capacity=MAX_LARGE_BODIES * MAX_BODY)

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        started = time.perf_counter()
        try:
            response = await self._respond(scope, receive)
        except ClientDisconnected:
            return
        self._counter.count(scope["method"], response.status, time.perf_counter() - started)
        await send(response.start)
        if response is OVERLOADED:
            await self._keep_open()
        elif response.is_early:
            await self._discard(receive)
        await send(response.end)

    async def _respond(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Response:
        key = organization_key(scope["path"])
        if key is None:
            return NOT_FOUND
        if scope["method"] == "POST":
            return await self._receive_webhook(scope, receive, key)
        if scope["method"] == "GET":
            return await self._verification_requests.respond(key, scope["query_string"])
        return WRONG_METHOD

    async def _receive_webhook(self, scope: HTTPScope, receive: ASGIReceiveCallable, key: str) -> Response:
        headers = dict(scope["headers"])
        header = headers.get(b"x-hub-signature-256", b"").decode("latin-1")
        if not is_well_formed(header):
            REFUSED_SIGNATURES.inc()
            return UNSIGNED
        if is_announced_too_large(headers.get(b"content-length", b"")):
            return TOO_LARGE
        incoming: IncomingBody | None = None
        try:
            async with asyncio.timeout(SMALL_BODY_SECONDS) as timeout:
                body, is_complete = _chunk(await receive())
                if not is_complete or len(body) > SMALL_BODY_SIZE:
                    incoming = IncomingBody(await client_address(scope), timeout)
                    body = await self._read_rest(incoming, receive, body, is_complete)
            response = await self._acknowledge(key, body, header)
            return _traced(response, body) if is_tracing() else response
        except BodyTooLarge:
            return TOO_LARGE
        except TimeoutError:
            return OVERLOADED if incoming and incoming.lacks_slot else TOO_SLOW
        except Overloaded:
            return OVERLOADED
        finally:
            if incoming:
                self._bodies.remove(incoming)

    async def _read_rest(self, incoming: IncomingBody, receive: ASGIReceiveCallable, chunk: bytes, is_complete: bool) -> bytes:
        """Returns the whole body that begins with `chunk`. Raises BodyTooLarge, ClientDisconnected, and Overloaded if the body is
        given up."""
        self._bodies.add(incoming)
        is_large = False
        while True:
            incoming.add(chunk)
            if incoming.size > MAX_BODY:
                raise BodyTooLarge
            if incoming.size > SMALL_BODY_SIZE and not is_large:
                is_large = True
                await self._bodies.admit_large(incoming)
                incoming.timeout.reschedule(asyncio.get_running_loop().time() + LARGE_BODY_SECONDS)
            if is_complete:
                return self._bodies.complete(incoming)
            if is_large:
                await self._bodies.wait_to_read(len(chunk))
            chunk, is_complete = _chunk(await receive())

    async def _acknowledge(self, key: str, body: bytes, header: str) -> Response:
        deadline = asyncio.get_running_loop().time() + RESPONSE_SECONDS
        try:
            signature = await self._signatures.verify(key, body, header, deadline=deadline)
            if signature is None:
                REFUSED_SIGNATURES.inc()
                return BAD_SIGNATURE
            commit = self._small_commit if len(body) <= SMALL_BODY_SIZE else self._large_commit
            await commit.submit(SignedBody(body, signature), deadline=deadline)
        except (DatabaseError, InterfaceError, TimeoutError, Overloaded) as failure:
            self._counter.count_failure(failure)
            return UNAVAILABLE
        return OK

    async def _keep_open(self) -> None:
        """Keeps the connection of a body that was given up open for a while, unread. Its client has a response, and a client that
        wants to hold memory does not return immediately."""
        if self._kept_open >= MAX_KEPT_OPEN:
            return
        self._kept_open += 1
        try:
            await asyncio.sleep(KEPT_OPEN_SECONDS)
        finally:
            self._kept_open -= 1

    async def _discard(self, receive: ASGIReceiveCallable) -> None:
        """Reads and discards the rest of a body, within limits of size, time and rate."""
        if self._discarding >= MAX_DISCARDING:
            return
        self._discarding += 1
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                size, is_complete = 0, False
                while not is_complete and size < MAX_DISCARDED:
                    chunk, is_complete = _chunk(await receive())
                    size += len(chunk)
                    await self._discard_rate.wait(len(chunk))
        except (TimeoutError, ClientDisconnected):
            return
        finally:
            self._discarding -= 1


def _store(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    with STORE_SECONDS.time():
        outcomes = store_bodies(bodies)
    wake(Webhook)
    return outcomes


def _size(signed: SignedBody) -> int:
    return len(signed.body)


def _traced(response: Response, body: bytes) -> Response:
    request_id = request_id_of(body)
    trace("webhook received", request_id=request_id, status=response.status, size=len(body))
    return response.with_request_id(request_id)


def organization_key(path: str) -> str | None:
    """Returns the organization's key in the path: empty for the shared path, None for a path without a page. The last slash may be
    missing."""
    rest = path.removeprefix(PATH).removesuffix("/")
    if not path.startswith(PATH) or (rest and not rest.startswith("/")) or rest.count("/") > 1:
        return None
    key = rest.removeprefix("/")
    return key if len(key) <= MAX_KEY_LENGTH else None


def is_announced_too_large(content_length: bytes) -> bool:
    """Returns whether the header announces more than `MAX_BODY` bytes."""
    return content_length.isdigit() and (len(content_length) > 20 or int(content_length) > MAX_BODY)


def _chunk(event: ASGIReceiveEvent) -> tuple[bytes, bool]:
    """Returns bytes of the body, and whether they are the last."""
    if event["type"] != "http.request":
        raise ClientDisconnected
    return event["body"], not event["more_body"]


class VerificationRequests:
    """Responds to Meta's verification requests of callback URLs. They have few threads of their own, because any client can send
    them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="verification-request")
        self._count = 0

    async def respond(self, key: str, query: bytes) -> Response:
        if self._count >= MAX_VERIFICATION_REQUESTS:
            return OVERLOADED
        self._count += 1
        try:
            return await self._verify_and_record(key, query)
        finally:
            self._count -= 1

    async def _verify_and_record(self, key: str, query: bytes) -> Response:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESPONSE_SECONDS):
                response, numbers = await loop.run_in_executor(self._threads, verify_callback, key, query)
        except (DatabaseError, InterfaceError, TimeoutError):
            return OVERLOADED
        if numbers:
            with suppress(TimeoutError):  # recording continues in its thread
                async with asyncio.timeout(RECORD_SECONDS):
                    await loop.run_in_executor(self._threads, _record_verification, numbers)
        return response


def verify_callback(key: str, query: bytes) -> tuple[Response, list[int]]:
    """Checks a verification request. If its verify token belongs to numbers that the path may use, returns a response with the
    challenge, and the ids of these numbers."""
    try:
        parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return BAD_REQUEST, []
    mode, token, challenge = (parameters.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge"))
    if not (mode and token and challenge) or len(challenge) > MAX_CHALLENGE_LENGTH:
        return BAD_REQUEST, []
    close_old_connections()
    try:
        numbers = find_numbers_by_verify_token(token, organization_key=key)
    finally:
        close_old_connections()
    if mode != "subscribe" or not numbers:
        return FORBIDDEN, []
    plain = (b"content-type", b"text/plain; charset=utf-8")
    return Response(HTTPStatus.OK, challenge.encode(), plain, (b"x-content-type-options", b"nosniff"), early=True), numbers


def _record_verification(numbers: list[int]) -> None:
    """Records the verification for the set-up page of the numbers. The response does not depend on it."""
    close_old_connections()
    try:
        record_verification(numbers, now=timezone.now())
    except (DatabaseError, InterfaceError, DatabaseAway) as failure:
        log.warning("a verification request could not be recorded: %s", type(failure).__name__)
    finally:
        close_old_connections()
