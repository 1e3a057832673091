"""Meta's handshake and webhooks, as plain ASGI beside the Django site.

A webhook gets its 200 only after the commit that made it durable. Nothing that the body says is acted upon here. Requests without a
well-formed signature are refused unread, and what anybody may hold before the signature is checked is bounded (see `uploads.py`).
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone
from organizations.numbers.activity import record_verification
from prometheus_client import Counter, Histogram

from cloud_api.signature import is_well_formed
from jobs.transactions import DatabaseAway
from jobs.wakeups import wake
from organizations.credentials.signers import find_numbers_by_verify_token
from webhooks.intake.client_addresses import client_address
from webhooks.intake.group_commit import GroupCommit, Overloaded
from webhooks.intake.request_bodies import MAX_LARGE_BODIES, SMALL_BODY_SIZE, Pace, Upload, Uploads
from webhooks.intake.signature_cache import Keyring
from webhooks.intake.storage import SignedBody, store_bodies
from webhooks.models import Webhook

PATH = "/webhooks/whatsapp"
LONGEST_KEY = 32
"""Characters of an organization's key."""
MAX_BODY = 4 * 2**20
SMALL_SECONDS = 5.0
"""In this time a small body has to be complete, and a large one has to be past the size of a small one and have a slot."""
BODY_SECONDS = 15.0
"""In this time a large body has to be complete, once it has its slot."""
MAX_DISCARDED = 2 * MAX_BODY
"""Bytes that are read and thrown away after an answer that came before the end of the body: while it is sending, many a sender does
not see the answer, and a connection that is closed before all is read may lose it."""
DISCARD_SECONDS = 2.0
DISCARD_PACE = 64 * 2**20
"""Bytes a second that are thrown away of all bodies together."""
MOST_DISCARDING = 32
"""Bodies that are thrown away at once; the connections of others are closed at once."""
KEPT_WAITING_SECONDS = 1.0
MOST_KEPT_WAITING = 1000
"""So many connections whose body was given up stay open, unread, for so many seconds after their answer."""
ANSWER_SECONDS = 4.5
NOTE_SECONDS = 1.0
MOST_HANDSHAKES = 64
"""Handshakes that are looked up or wait for it at once; others get 503."""
MOST_PARAMETERS = 16
"""Parameters that a handshake's query may have; Meta's has three."""
LONGEST_CHALLENGE = 1024
"""Characters."""

log = logging.getLogger(__name__)

ANSWERS = Counter("hub_webhook_answers", "Answers to webhooks and handshakes", ["method", "status"])
REFUSED_SIGNATURES = Counter("hub_webhook_refused_signatures", "Webhooks with a missing or wrong signature")
STORING = Histogram(
    "hub_webhook_store_seconds",
    "How long it took to store a group of webhooks; each waits for its own group, and for the one under way before that",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Answer:
    """A whole response, made once: the status, and the two events of ASGI that send it. One that `closes` ends the connection, one
    that is `early` may be given before the body was read to its end, and closes too."""

    def __init__(
        self, status: HTTPStatus, body: bytes = b"", *headers: tuple[bytes, bytes], closes: bool = False, early: bool = False
    ) -> None:
        self.status = int(status)
        self.is_early = early
        length = (b"content-length", str(len(body)).encode())
        ending = ((b"connection", b"close"),) if closes or early else ()
        self.start = {"type": "http.response.start", "status": self.status, "headers": [*headers, length, *ending]}
        self.end = {"type": "http.response.body", "body": body}
        self.body = body


RETRY_AFTER = (b"retry-after", b"5")
OK = Answer(HTTPStatus.OK)
UNSIGNED = Answer(HTTPStatus.UNAUTHORIZED, early=True)
BAD_SIGNATURE = Answer(HTTPStatus.UNAUTHORIZED, closes=True)
TOO_LARGE = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, early=True)
TOO_SLOW = Answer(HTTPStatus.REQUEST_TIMEOUT, early=True)
UNAVAILABLE = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", RETRY_AFTER)
NO_ROOM = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", RETRY_AFTER, early=True)
WRONG_METHOD = Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"", (b"allow", b"GET, POST"), early=True)
NOT_FOUND = Answer(HTTPStatus.NOT_FOUND, early=True)
BAD_REQUEST = Answer(HTTPStatus.BAD_REQUEST, closes=True)
FORBIDDEN = Answer(HTTPStatus.FORBIDDEN, closes=True)


class BodyTooLarge(Exception):
    """More than `MAX_BODY` bytes came."""


class ClientGone(Exception):
    """Nobody is there to answer."""


class Tally:
    """Counts answers and failures. Once a second it hands them to Prometheus and the log: a counter that processes share costs as
    much as an answer does, and a line for each failure would let anybody fill the log."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, int], int] = defaultdict(int)
        self._failures: dict[str, int] = defaultdict(int)

    def count(self, method: str, status: int) -> None:
        if not self._answers:
            asyncio.get_running_loop().call_later(1.0, self._hand_over)
        self._answers[method if method in ("GET", "POST") else "other", status] += 1

    def count_failure(self, failure: Exception) -> None:
        """A webhook was not stored; it gets an answer, which is counted too."""
        self._failures[type(failure).__name__] += 1

    def _hand_over(self) -> None:
        for (method, status), number in self._answers.items():
            ANSWERS.labels(method, status).inc(number)
        for name, number in self._failures.items():
            log.warning("%s webhooks not stored: %s", number, name)
        self._answers.clear()
        self._failures.clear()


class Receiver:
    """The ASGI application at `/webhooks/whatsapp/` and `/webhooks/whatsapp/<organization key>/`."""

    def __init__(self) -> None:
        self._keyring = Keyring()
        self._uploads = Uploads()
        self._handshakes = Handshakes()
        self._discarding = 0
        self._discard_pace = Pace(DISCARD_PACE)
        self._kept_waiting = 0
        self._tally = Tally()
        self._small_commit: GroupCommit[SignedBody, None] = GroupCommit(_store, weigh=_size)
        self._large_commit: GroupCommit[SignedBody, None] = GroupCommit(_store, weigh=_size, capacity=MAX_LARGE_BODIES * MAX_BODY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except ClientGone:
            return
        self._tally.count(scope["method"], answer.status)
        await send(answer.start)
        if answer is NO_ROOM:
            await self._keep_waiting()
        elif answer.is_early:
            await self._discard(receive)
        await send(answer.end)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        key = organization_key(scope["path"])
        if key is None:
            return NOT_FOUND
        if scope["method"] == "POST":
            return await self._receive_webhook(scope, receive, key)
        if scope["method"] == "GET":
            return await self._handshakes.answer(key, scope["query_string"])
        return WRONG_METHOD

    async def _receive_webhook(self, scope: Scope, receive: Receive, key: str) -> Answer:
        headers = dict(scope["headers"])
        header = headers.get(b"x-hub-signature-256", b"").decode("latin-1")
        if not is_well_formed(header):
            REFUSED_SIGNATURES.inc()
            return UNSIGNED
        if is_announced_too_large(headers.get(b"content-length", b"")):
            return TOO_LARGE
        upload: Upload | None = None
        try:
            async with asyncio.timeout(SMALL_SECONDS) as timeout:
                body, is_complete = _chunk(await receive())
                if not is_complete or len(body) > SMALL_BODY_SIZE:
                    upload = Upload(await client_address(scope), timeout)
                    body = await self._read_rest(upload, receive, body, is_complete)
            return await self._acknowledge(key, body, header)
        except BodyTooLarge:
            return TOO_LARGE
        except TimeoutError:
            return NO_ROOM if upload and upload.lacks_room else TOO_SLOW
        except Overloaded:
            return NO_ROOM
        finally:
            if upload:
                self._uploads.remove(upload)

    async def _read_rest(self, upload: Upload, receive: Receive, chunk: bytes, is_complete: bool) -> bytes:
        """The whole body whose first chunk has come. Raises BodyTooLarge, ClientGone, and Overloaded where it was given up."""
        self._uploads.add(upload)
        is_large = False
        while True:
            upload.add(chunk)
            if upload.size > MAX_BODY:
                raise BodyTooLarge
            if upload.size > SMALL_BODY_SIZE and not is_large:
                is_large = True
                await self._uploads.admit_large(upload)
                upload.timeout.reschedule(asyncio.get_running_loop().time() + BODY_SECONDS)
            if is_complete:
                return self._uploads.complete(upload)
            if is_large:
                await self._uploads.pace(len(chunk))
            chunk, is_complete = _chunk(await receive())

    async def _acknowledge(self, key: str, body: bytes, header: str) -> Answer:
        due = asyncio.get_running_loop().time() + ANSWER_SECONDS
        try:
            signed = await self._keyring.verify(key, body, header, due=due)
            if signed is None:
                REFUSED_SIGNATURES.inc()
                return BAD_SIGNATURE
            # Apart, so that small ones, which are many, do not wait until large ones are written.
            commit = self._small_commit if len(body) <= SMALL_BODY_SIZE else self._large_commit
            await commit.submit(SignedBody(body, signed), due=due)
        except (DatabaseError, InterfaceError, TimeoutError, Overloaded) as failure:
            self._tally.count_failure(failure)
            return UNAVAILABLE
        return OK

    async def _keep_waiting(self) -> None:
        """Leave the connection of a body that was given up open for a while, unread: its sender has an answer, and if all it wants
        is to hold memory it does not come again at once."""
        if self._kept_waiting >= MOST_KEPT_WAITING:
            return
        self._kept_waiting += 1
        try:
            await asyncio.sleep(KEPT_WAITING_SECONDS)
        finally:
            self._kept_waiting -= 1

    async def _discard(self, receive: Receive) -> None:
        if self._discarding >= MOST_DISCARDING:
            return
        self._discarding += 1
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                await self._read_and_forget(receive)
        except (TimeoutError, ClientGone):
            return
        finally:
            self._discarding -= 1

    async def _read_and_forget(self, receive: Receive) -> None:
        size, is_complete = 0, False
        while not is_complete and size < MAX_DISCARDED:
            chunk, is_complete = _chunk(await receive())
            size += len(chunk)
            await self._discard_pace.keep(len(chunk))


def _store(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    with STORING.time():
        outcomes = store_bodies(bodies)
    wake(Webhook)
    return outcomes


def _size(signed: SignedBody) -> int:
    return len(signed.body)


def organization_key(path: str) -> str | None:
    """The key in the path; empty for the shared path, None where nothing is. A last slash may be missing."""
    rest = path.removeprefix(PATH).removesuffix("/")
    if not path.startswith(PATH) or (rest and not rest.startswith("/")) or rest.count("/") > 1:
        return None
    key = rest.removeprefix("/")
    return key if len(key) <= LONGEST_KEY else None


def is_announced_too_large(content_length: bytes) -> bool:
    """Whether the header announces more than `MAX_BODY` bytes."""
    return content_length.isdigit() and (len(content_length) > 20 or int(content_length) > MAX_BODY)


def _chunk(event: MutableMapping[str, Any]) -> tuple[bytes, bool]:
    """Bytes of the body, and whether they are the last."""
    if event["type"] == "http.disconnect":
        raise ClientGone
    return event.get("body", b""), not event.get("more_body")


class Handshakes:
    """Answers to Meta's checks of callback addresses. They have threads of their own, and few: anybody may ask."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="handshake")
        self._under_way = 0

    async def answer(self, key: str, query: bytes) -> Answer:
        if self._under_way >= MOST_HANDSHAKES:
            return NO_ROOM
        self._under_way += 1
        try:
            return await self._shake_hands(key, query)
        finally:
            self._under_way -= 1

    async def _shake_hands(self, key: str, query: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer, numbers = await loop.run_in_executor(self._threads, handshake, key, query)
        except (DatabaseError, InterfaceError, TimeoutError):
            return NO_ROOM
        if numbers:
            with suppress(TimeoutError):  # it goes on, and Meta has its answer
                async with asyncio.timeout(NOTE_SECONDS):
                    await loop.run_in_executor(self._threads, _note_handshake, numbers)
        return answer


def handshake(key: str, query: bytes) -> tuple[Answer, list[int]]:
    """Meta's check of a callback address: the challenge comes back if the token is that of a number the path may use. With the
    answer the ids of such numbers."""
    try:
        parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return BAD_REQUEST, []
    mode, token, challenge = (parameters.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge"))
    if not (mode and token and challenge) or len(challenge) > LONGEST_CHALLENGE:
        return BAD_REQUEST, []
    close_old_connections()
    try:
        numbers = find_numbers_by_verify_token(token, organization_key=key)
    finally:
        close_old_connections()
    if mode != "subscribe" or not numbers:
        return FORBIDDEN, []
    plain = (b"content-type", b"text/plain; charset=utf-8")
    return Answer(HTTPStatus.OK, challenge.encode(), plain, (b"x-content-type-options", b"nosniff"), closes=True), numbers


def _note_handshake(numbers: list[int]) -> None:
    """For the pages of those who set the number up. It is no reason to refuse a handshake if it cannot be stored."""
    close_old_connections()
    try:
        record_verification(numbers, now=timezone.now())
    except (DatabaseError, InterfaceError, DatabaseAway) as failure:
        log.warning("a handshake could not be noted: %s", type(failure).__name__)
    finally:
        close_old_connections()
