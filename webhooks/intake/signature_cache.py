"""Checks signatures, and remembers for a short time which secrets verified bodies. A thousand webhooks take one query."""

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

FRESH_SECONDS = 0.25
"""For so long a secret that was removed may still be valid."""
MAX_CACHED_BYTES = 4 * 2**20
"""Bytes of remembered queries with their key rings, roughly."""
MAX_WAITING_BYTES = 32 * 2**20
"""Bytes of bodies that wait for the key ring of a query that is not remembered. Any client can send such bodies."""
VERIFY_THREADS = 2
"""Threads that read large bodies, and compare them with secrets that have verified a body before."""
SEARCH_THREADS = 1
"""Threads that compare large bodies with other secrets. They are separate: any client can send bodies that match no secret. These
take many times as long, and must not delay a body that matches a remembered secret."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """A query, and the bytes of the body that waits for its key ring. 0 for a large body, whose memory is limited elsewhere."""

    query: SignerQuery
    size: int


class SignatureVerifier:
    """Verifies signatures with remembered key rings, and queries the database if none of their secrets matches. So a secret is
    valid as soon as it is stored.

    Only a key ring that verified a body is remembered, so that a client without a secret cannot fill the memory. For the same
    reason there are two groups of queries: a body that matches a remembered secret, whose key ring is too old, does not wait behind
    bodies that match none.
    """

    def __init__(self) -> None:
        self._cache = KeyRingCache()
        self._confirmations = _key_ring_group()
        self._searches = _key_ring_group()
        self._signers: GroupCommit[PartialSignature, Signature] = GroupCommit(
            _find_signers, size_of=lambda signature: len(signature.query.hints)
        )
        self._verify_threads = ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="signature")
        self._search_threads = ThreadPoolExecutor(SEARCH_THREADS, thread_name_prefix="signature-search")

    async def verify(self, organization_key: str, body: bytes, header: str, *, deadline: float) -> Signature | None:
        """Returns the signature of a body that arrived at this organization's path (empty: the shared path). None if no secret that
        the path may use signed it.

        Raises TimeoutError at `deadline`, by the loop's clock, and Overloaded if too many bodies wait for key rings.
        """
        query = await self._run(self._verify_threads, body, deadline, build_hint_query, organization_key, body)
        queried_at, ring = self._cache.find(query)
        secret = await self._run(self._verify_threads, body, deadline, find_matching_secret, ring, body, header) if ring else None
        if secret is None or time.monotonic() - queried_at >= FRESH_SECONDS:
            tried, group = ring, self._confirmations if secret else self._searches
            queried_at = time.monotonic()
            pending = PendingQuery(query, len(body) if len(body) <= SMALL_BODY_SIZE else 0)
            ring = await group.submit(pending, deadline=deadline)
            if secret not in ring:
                untried = {each: ring[each] for each in ring if each not in tried}
                secret = await self._run(self._search_threads, body, deadline, find_matching_secret, untried, body, header)
            if secret is None:
                return None
            self._cache.add(query, queried_at, ring)
        signature = ring[secret]
        if not query.is_partial or signature.organizations is None:
            return signature
        full_query = await self._run(self._verify_threads, body, deadline, build_full_query, organization_key, body)
        partial_signature = PartialSignature(full_query, secret, signature.organizations)
        return await self._signers.submit(partial_signature, deadline=deadline)

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        body: bytes,
        deadline: float,
        work: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Runs work on a body: in one of the threads if the body is large, so that the loop serves other requests meanwhile."""
        if len(body) <= SMALL_BODY_SIZE:
            return work(*args, **kwargs)
        async with asyncio.timeout_at(deadline):
            return await asyncio.get_running_loop().run_in_executor(threads, partial(work, *args, **kwargs))


class KeyRingCache:
    """Key rings by query, each with the time of the query. At most `MAX_CACHED_BYTES` bytes; the oldest are removed first."""

    def __init__(self) -> None:
        self._rings: dict[SignerQuery, tuple[float, KeyRing]] = {}
        self._size = 0

    def find(self, query: SignerQuery) -> tuple[float, KeyRing]:
        """Returns the time of the query, by the monotonic clock, and its key ring, which is empty if the query is not
        remembered."""
        return self._rings.get(query, (0.0, {}))

    def add(self, query: SignerQuery, queried_at: float, ring: KeyRing) -> None:
        if query in self._rings:
            self._remove(query)
        self._rings[query] = (queried_at, ring)
        self._size += _memory_size(query, ring)
        while self._size > MAX_CACHED_BYTES:
            self._remove(next(iter(self._rings)))

    def _remove(self, query: SignerQuery) -> None:
        _, ring = self._rings.pop(query)
        self._size -= _memory_size(query, ring)


def _memory_size(query: SignerQuery, ring: KeyRing) -> int:
    """Returns the bytes of memory, roughly: the texts, and what Python adds to each object."""
    return 400 + sum(100 + len(hint) for hint in query.hints) + sum(400 + len(secret) for secret in ring)


def _key_ring_group() -> GroupCommit[PendingQuery, KeyRing]:
    return GroupCommit(
        _find_key_rings, size_of=lambda pending: pending.size, max_bytes=MAX_WAITING_BYTES, capacity=MAX_WAITING_BYTES
    )


def _find_key_rings(pending: Sequence[PendingQuery]) -> Sequence[KeyRing | Exception]:
    close_old_connections()
    return run_for_group(find_key_rings, [each.query for each in pending])


def _find_signers(signatures: Sequence[PartialSignature]) -> Sequence[Signature | Exception]:
    close_old_connections()
    return run_for_group(find_signers, signatures)
