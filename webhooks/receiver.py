"""The front door: Meta's handshake and webhooks, as plain ASGI beside the Django site.

A webhook gets its 200 only after the commit that made it durable. Nothing that the body says is acted upon here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from django.db import DatabaseError, InterfaceError, close_old_connections
from prometheus_client import Counter, Histogram

from organizations.signing import Question, Signature, Signer, ask, find_signers, is_verify_token, signature
from webhooks.group_commit import GroupCommit, Overloaded
from webhooks.storing import SignedBody, store

PATH = "/webhooks/whatsapp"
MAX_BODY = 4 * 2**20
MAX_DISCARDED = 32 * 2**20
"""How much of a body that is too large is read and thrown away, so that its sender gets to see the 413."""
MOST_HELD = 256 * 2**20
"""Bytes of bodies in memory, of all senders together; whoever comes beyond it is told to come again."""
BODY_PATIENCE = 20.0
ANSWER_PATIENCE = 4.5
KEYS_FRESH_FOR = 0.25
MOST_KNOWN = 10_000
LARGE = 64 * 1024
"""From this size on a body is checked in a thread: the loop serves others meanwhile."""

log = logging.getLogger(__name__)

ANSWERS = Counter("hub_webhook_answers", "Answers to webhooks and handshakes", ["method", "status"])
REFUSED_SIGNATURES = Counter("hub_webhook_refused_signatures", "Webhooks with a missing or wrong signature")
SECONDS = Histogram(
    "hub_webhook_acknowledge_seconds",
    "From the end of the body to its answer",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    closes: bool = False


OK = Answer(HTTPStatus.OK)
BAD_SIGNATURE = Answer(HTTPStatus.UNAUTHORIZED)
TOO_LARGE = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, closes=True)
TOO_SLOW = Answer(HTTPStatus.REQUEST_TIMEOUT, closes=True)
UNAVAILABLE = Answer(HTTPStatus.SERVICE_UNAVAILABLE, headers=((b"retry-after", b"5"),))
NO_ROOM = Answer(HTTPStatus.SERVICE_UNAVAILABLE, headers=((b"retry-after", b"5"),), closes=True)
WRONG_METHOD = Answer(HTTPStatus.METHOD_NOT_ALLOWED, headers=((b"allow", b"GET, POST"),))
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


@dataclass
class Keyring:
    """The signers of recent questions, kept for a quarter of a second; asked anew when none of them fits, so that a secret works as
    soon as it is stored."""

    group: GroupCommit[Question, list[Signer]] = field(default_factory=lambda: GroupCommit(_find_signers))
    known: dict[Question, tuple[float, list[Signer]]] = field(default_factory=dict)

    async def verify(self, question: Question, body: bytes, header: str | None) -> Signature | None:
        """Who signed the body; None if nobody who may."""
        asked_at, signers = self.known.get(question, (0.0, []))
        found = None
        if time.monotonic() - asked_at < KEYS_FRESH_FOR:
            found = await _verify(signers, body, header)
        return found or await _verify(await self._ask(question), body, header)

    async def _ask(self, question: Question) -> list[Signer]:
        signers = await self.group.submit(question)
        if len(self.known) >= MOST_KNOWN:
            self.known.clear()
        self.known[question] = (time.monotonic(), signers)
        return signers


def _find_signers(questions: Sequence[Question]) -> list[list[Signer]]:
    close_old_connections()
    return find_signers(questions)


async def _verify(signers: list[Signer], body: bytes, header: str | None) -> Signature | None:
    if len(body) < LARGE:
        return signature(signers, body, header)
    return await asyncio.to_thread(signature, signers, body, header)


class Receiver:
    """The ASGI application at `/webhooks/whatsapp/` and `/webhooks/whatsapp/<organization key>/`."""

    def __init__(self, *, most_held: int = MOST_HELD) -> None:
        self._keyring = Keyring()
        self._memory = Memory(most_held)
        self._commit: GroupCommit[SignedBody, None] = GroupCommit(store, weigh=lambda signed: len(signed.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(scope, receive)
        except ClientGone:
            return
        ANSWERS.labels(scope["method"] if scope["method"] in ("GET", "POST") else "other", int(answer.status)).inc()
        await _send(answer, send)

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
            with SECONDS.time():
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
        try:
            async with asyncio.timeout(ANSWER_PATIENCE):
                question = ask(key, body) if len(body) < LARGE else await asyncio.to_thread(ask, key, body)
                signed = await self._keyring.verify(question, body, header.decode("latin-1"))
                if signed is None:
                    return _refuse()
                await self._commit.submit(SignedBody(body, signed))
        except (DatabaseError, InterfaceError, TimeoutError, Overloaded) as failure:
            log.warning("webhook of %s bytes not stored: %s", len(body), type(failure).__name__)
            return UNAVAILABLE
        return OK


def organization_key(path: str) -> str | None:
    """The key in the path; empty for the shared path, None where nothing is. A last slash may be missing."""
    rest = path.removeprefix(PATH).removesuffix("/")
    if not path.startswith(PATH) or (rest and not rest.startswith("/")) or rest.count("/") > 1:
        return None
    return rest.removeprefix("/")


async def _shake_hands(scope: Scope, key: str) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_PATIENCE):
            return await asyncio.to_thread(handshake, key, scope["query_string"])
    except (DatabaseError, InterfaceError, TimeoutError):
        return UNAVAILABLE


def handshake(key: str, query: bytes) -> Answer:
    """Meta's check of a callback address: the challenge comes back if the token is that of a number the path may use."""
    parameters = parse_qs(query.decode("latin-1"), keep_blank_values=True)
    mode, token, challenge = (parameters.get(f"hub.{name}", [""])[0] for name in ("mode", "verify_token", "challenge"))
    if not (mode and token and challenge):
        return Answer(HTTPStatus.BAD_REQUEST)
    close_old_connections()
    try:
        known = is_verify_token(token, organization_key=key)
    finally:
        close_old_connections()
    if mode != "subscribe" or not known:
        return Answer(HTTPStatus.FORBIDDEN)
    plain = ((b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff"))
    return Answer(HTTPStatus.OK, challenge.encode(), plain)


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


async def _send(answer: Answer, send: Send) -> None:
    headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
    if answer.closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
