"""The front door: Meta's handshake and webhooks, as plain ASGI beside the Django site.

A webhook gets its 200 only after the commit that made it durable. Nothing that the body says is acted upon here.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone
from prometheus_client import Counter, Histogram

from jobs.transactions import DatabaseAway
from organizations.connecting import note_handshake
from organizations.signing import numbers_with_token
from webhooks.group_commit import GroupCommit, Overloaded
from webhooks.keyring import Keyring
from webhooks.storing import SignedBody, store

PATH = "/webhooks/whatsapp"
MAX_BODY = 4 * 2**20
MAX_DISCARDED = 32 * 2**20
"""How much of a body that is too large is read and thrown away, so that its sender gets to see the 413."""
MOST_HELD = 256 * 2**20
"""Bytes of bodies in memory, of all senders together; whoever comes beyond it is told to come again."""
BODY_PATIENCE = 20.0
ANSWER_PATIENCE = 4.5
NOTE_PATIENCE = 1.0

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
    """A whole response, made once: the status, and the two events of ASGI that send it."""

    def __init__(self, status: HTTPStatus, body: bytes = b"", *headers: tuple[bytes, bytes], closes: bool = False) -> None:
        self.status = int(status)
        length = (b"content-length", str(len(body)).encode())
        ending = ((b"connection", b"close"),) if closes else ()
        self.start = {"type": "http.response.start", "status": self.status, "headers": [*headers, length, *ending]}
        self.end = {"type": "http.response.body", "body": body}
        self.body = body


RETRY_AFTER = (b"retry-after", b"5")
OK = Answer(HTTPStatus.OK)
BAD_SIGNATURE = Answer(HTTPStatus.UNAUTHORIZED)
TOO_LARGE = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, closes=True)
TOO_SLOW = Answer(HTTPStatus.REQUEST_TIMEOUT, closes=True)
UNAVAILABLE = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", RETRY_AFTER)
NO_ROOM = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"", RETRY_AFTER, closes=True)
WRONG_METHOD = Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"", (b"allow", b"GET, POST"))
NOT_FOUND = Answer(HTTPStatus.NOT_FOUND)


class BodyTooLarge(Exception):
    """More than `MAX_BODY` bytes came or were announced."""


class ClientGone(Exception):
    """Nobody is there to answer."""


@dataclass
class Memory:
    """Bytes that bodies may take, and do."""

    most: int
    taken: int = 0


@dataclass
class Share:
    """What one body has of the memory."""

    memory: Memory
    taken: int = 0

    def take(self, size: int) -> None:
        """Overloaded if that much is not left."""
        if self.memory.taken + size > self.memory.most:
            raise Overloaded
        self.memory.taken += size
        self.taken += size

    def give_back(self) -> None:
        self.memory.taken -= self.taken
        self.taken = 0


class Tally:
    """Counts answers and hands them to Prometheus once a second: its counters are shared between processes, and each step of theirs
    costs as much as an answer does."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = defaultdict(int)

    def count(self, method: str, status: int) -> None:
        if not self._counts:
            asyncio.get_running_loop().call_later(1.0, self._hand_over)
        self._counts[method, status] += 1

    def _hand_over(self) -> None:
        for (method, status), number in self._counts.items():
            ANSWERS.labels(method if method in ("GET", "POST") else "other", status).inc(number)
        self._counts.clear()


class Receiver:
    """The ASGI application at `/webhooks/whatsapp/` and `/webhooks/whatsapp/<organization key>/`."""

    def __init__(self, *, most_held: int = MOST_HELD) -> None:
        self._keyring = Keyring()
        self._memory = Memory(most_held)
        self._tally = Tally()
        self._commit: GroupCommit[SignedBody, None] = GroupCommit(_store, weigh=lambda signed: len(signed.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except ClientGone:
            return
        self._tally.count(scope["method"], answer.status)
        await send(answer.start)
        await send(answer.end)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        key = organization_key(scope["path"])
        if key is None:
            return NOT_FOUND
        if scope["method"] == "POST":
            return await self._receive_webhook(scope, receive, key)
        if scope["method"] == "GET":
            return await _shake_hands(scope, key)
        return WRONG_METHOD

    async def _receive_webhook(self, scope: Scope, receive: Receive, key: str) -> Answer:
        headers = dict(scope["headers"])
        share = Share(self._memory)
        try:
            async with asyncio.timeout(BODY_PATIENCE):
                body = await _read(headers, receive, share)
            return await self._acknowledge(key, body, headers.get(b"x-hub-signature-256"))
        except BodyTooLarge:
            return TOO_LARGE
        except TimeoutError:
            return TOO_SLOW
        except Overloaded:
            return NO_ROOM
        finally:
            share.give_back()

    async def _acknowledge(self, key: str, body: bytes, header: bytes | None) -> Answer:
        if header is None:
            return _refuse()
        due = asyncio.get_running_loop().time() + ANSWER_PATIENCE
        try:
            signed = await self._keyring.verify(key, body, header.decode("latin-1"), due=due)
            if signed is None:
                return _refuse()
            await self._commit.submit(SignedBody(body, signed), due=due)
        except (DatabaseError, InterfaceError, TimeoutError, Overloaded) as failure:
            log.warning("webhook of %s bytes not stored: %s", len(body), type(failure).__name__)
            return UNAVAILABLE
        return OK


def _store(bodies: Sequence[SignedBody]) -> list[None | Exception]:
    with STORING.time():
        return store(bodies)


def organization_key(path: str) -> str | None:
    """The key in the path; empty for the shared path, None where nothing is. A last slash may be missing."""
    rest = path.removeprefix(PATH).removesuffix("/")
    if not path.startswith(PATH) or (rest and not rest.startswith("/")) or rest.count("/") > 1:
        return None
    return rest.removeprefix("/")


async def _shake_hands(scope: Scope, key: str) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_PATIENCE):
            answer, numbers = await asyncio.to_thread(handshake, key, scope["query_string"])
    except (DatabaseError, InterfaceError, TimeoutError):
        return UNAVAILABLE
    with suppress(TimeoutError):  # it goes on, and Meta has its answer
        async with asyncio.timeout(NOTE_PATIENCE):
            await asyncio.to_thread(_note_handshake, numbers)
    return answer


def handshake(key: str, query: bytes) -> tuple[Answer, list[int]]:
    """Meta's check of a callback address: the challenge comes back if the token is that of a number the path may use. With the
    answer the ids of such numbers."""
    parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    mode, token, challenge = (parameters.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge"))
    if not (mode and token and challenge):
        return Answer(HTTPStatus.BAD_REQUEST), []
    close_old_connections()
    try:
        numbers = numbers_with_token(token, organization_key=key)
    finally:
        close_old_connections()
    if mode != "subscribe" or not numbers:
        return Answer(HTTPStatus.FORBIDDEN), []
    plain = (b"content-type", b"text/plain; charset=utf-8")
    return Answer(HTTPStatus.OK, challenge.encode(), plain, (b"x-content-type-options", b"nosniff")), numbers


def _note_handshake(numbers: list[int]) -> None:
    """For the pages of those who set the number up. It is no reason to refuse a handshake if it cannot be stored."""
    if not numbers:
        return
    close_old_connections()
    try:
        note_handshake(numbers, now=timezone.now())
    except (DatabaseError, InterfaceError, DatabaseAway) as failure:
        log.warning("a handshake could not be noted: %s", type(failure).__name__)
    finally:
        close_old_connections()


def _refuse() -> Answer:
    REFUSED_SIGNATURES.inc()
    return BAD_SIGNATURE


async def _read(headers: dict[bytes, bytes], receive: Receive, share: Share) -> bytes:
    """The body. BodyTooLarge once it has been read or discarded, or at once where the sender waits to be told to go on; Overloaded
    where there is no room for it."""
    announced = headers.get(b"content-length", b"")
    too_large = announced.isdigit() and int(announced[:20]) > MAX_BODY
    if too_large and b"expect" in headers:
        raise BodyTooLarge
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        chunk = event.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            too_large = True
        if too_large:
            chunks.clear()
            share.give_back()
        else:
            chunks.append(chunk)
            share.take(len(chunk))
        if not event.get("more_body") or size > MAX_DISCARDED:
            break
    if too_large:
        raise BodyTooLarge
    return b"".join(chunks)
