"""The secrets that webhooks are checked with, kept for a moment, so that a thousand webhooks cost one look at the database."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

from organizations.credentials.signers import (
    KeyRing,
    PartialSignature,
    Signature,
    SignerQuery,
    build_full_query,
    build_hint_query,
    find_key_rings,
    find_matching_secret,
    find_signers,
)
from webhooks.intake.database_groups import run_for_group
from webhooks.intake.group_commit import GroupCommit
from webhooks.intake.request_bodies import SMALL_BODY_SIZE

FRESH_FOR = 0.25
"""Seconds for which a secret that was taken away may still be good."""
MOST_REMEMBERED = 4 * 2**20
"""Bytes of remembered questions with their secrets, roughly."""
MOST_WAITING = 32 * 2**20
"""Bytes of bodies that wait for the answer to a question that is not remembered: anybody can ask such."""
CHECKING_THREADS = 2
"""Threads that read large bodies, and compare them with secrets that have verified a body before."""
GUESSING_THREADS = 1
"""Threads that compare large bodies with other secrets. Apart, because anybody may send bodies that fit none: each takes many times
as long, and one that fits a known secret does not wait behind them."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Pending:
    """A question, and the bytes of the body that waits for its answer; none if it is large, for those have memory of their own."""

    question: SignerQuery
    size: int


class Keyring:
    """Recent questions and the secrets that answer them. Asked anew when none of them fits, so that a secret works as soon as it is
    stored.

    Only answers that verified a body are remembered, so that whoever cannot sign cannot fill the memory. For the same reason a body
    that fits an answer which is too old is kept apart from those that fit none: it does not wait behind them.
    """

    def __init__(self) -> None:
        self._remembered = RememberedRings()
        self._confirmations = _group()
        self._questions = _group()
        self._claims: GroupCommit[PartialSignature, Signature] = GroupCommit(
            _find_signers, weigh=lambda claim: len(claim.question.hints)
        )
        self._checking = ThreadPoolExecutor(CHECKING_THREADS, thread_name_prefix="signature")
        self._guessing = ThreadPoolExecutor(GUESSING_THREADS, thread_name_prefix="signature-guess")

    async def verify(self, organization_key: str, body: bytes, header: str, *, due: float) -> Signature | None:
        """Who signed a body that came to this organization's path (empty: the shared one); None if nobody who may. Raises
        TimeoutError at `due`, by the loop's clock, and Overloaded if too many bodies wait for an answer."""
        question = await self._run(self._checking, body, due, build_hint_query, organization_key, body)
        asked_at, ring = self._remembered.find(question)
        secret = await self._run(self._checking, body, due, find_matching_secret, ring, body, header) if ring else None
        if secret is None or time.monotonic() - asked_at >= FRESH_FOR:
            tried, group = ring, self._confirmations if secret else self._questions
            asked_at = time.monotonic()
            ring = await group.submit(Pending(question, len(body) if len(body) <= SMALL_BODY_SIZE else 0), due=due)
            if secret not in ring:
                untried = {each: ring[each] for each in ring if each not in tried}
                secret = await self._run(self._guessing, body, due, find_matching_secret, untried, body, header)
            if secret is None:
                return None
            self._remembered.add(question, asked_at, ring)
        signed = ring[secret]
        if not question.is_partial or signed.organizations is None:
            return signed
        whole = await self._run(self._checking, body, due, build_full_query, organization_key, body)
        return await self._claims.submit(PartialSignature(whole, secret, signed.organizations), due=due)

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        body: bytes,
        due: float,
        work: Callable[Arguments, Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Work on a body: in one of the threads if it is large, for the loop serves others meanwhile."""
        if len(body) <= SMALL_BODY_SIZE:
            return work(*args, **kwargs)
        async with asyncio.timeout_at(due):
            return await asyncio.get_running_loop().run_in_executor(threads, partial(work, *args, **kwargs))


class RememberedRings:
    """Questions with their answers and when they were asked, at most `MOST_REMEMBERED` bytes; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._rings: dict[SignerQuery, tuple[float, KeyRing]] = {}
        self._size = 0

    def find(self, question: SignerQuery) -> tuple[float, KeyRing]:
        """When it was asked, by the monotonic clock, and the answer; an empty one if it is not remembered."""
        return self._rings.get(question, (0.0, {}))

    def add(self, question: SignerQuery, asked_at: float, ring: KeyRing) -> None:
        if question in self._rings:
            self._remove(question)
        self._rings[question] = (asked_at, ring)
        self._size += _size(question, ring)
        while self._size > MOST_REMEMBERED:
            self._remove(next(iter(self._rings)))

    def _remove(self, question: SignerQuery) -> None:
        _, ring = self._rings.pop(question)
        self._size -= _size(question, ring)


def _size(question: SignerQuery, ring: KeyRing) -> int:
    """Bytes of memory, roughly: of each object its text and what Python adds."""
    return 400 + sum(100 + len(hint) for hint in question.hints) + sum(400 + len(secret) for secret in ring)


def _group() -> GroupCommit[Pending, KeyRing]:
    return GroupCommit(_find_secrets, weigh=lambda pending: pending.size, budget=MOST_WAITING, capacity=MOST_WAITING)


def _find_secrets(pending: Sequence[Pending]) -> Sequence[KeyRing | Exception]:
    close_old_connections()
    return run_for_group(find_key_rings, [each.question for each in pending])


def _find_signers(claims: Sequence[PartialSignature]) -> Sequence[Signature | Exception]:
    close_old_connections()
    return run_for_group(find_signers, claims)
