"""The secrets that webhooks are checked with, kept for a moment, so that a thousand webhooks cost one look at the database."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

from organizations.signing import Question, Ring, Signature, ask, find_secrets, signature
from webhooks.group_commit import GroupCommit

FRESH_FOR = 0.25
"""Seconds for which a secret that was taken away may still be good."""
MOST_KNOWN = 10_000
LARGE = 64 * 1024
"""From this size on a body is checked in a thread: the loop serves others meanwhile."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Keyring:
    """Recent questions and the secrets that answer them. Asked anew when none of them fits, so that a secret works as soon as it is
    stored."""

    def __init__(self) -> None:
        self._group: GroupCommit[Question, Ring] = GroupCommit(_find_secrets)
        self._known: dict[Question, tuple[float, Ring]] = {}

    async def verify(self, organization_key: str, body: bytes, header: str | None, *, due: float) -> Signature | None:
        """Who signed a body that came to this organization's path (empty: the shared one); None if nobody who may. TimeoutError at
        `due`, by the loop's clock."""
        question = await _run(body, due, ask, organization_key, body)
        asked_at, ring = self._known.get(question, (0.0, None))
        fresh = time.monotonic() - asked_at < FRESH_FOR
        if fresh and ring is not None and (found := await _run(body, due, signature, ring, body, header)):
            return found
        return await _run(body, due, signature, await self._ask(question, due), body, header)

    async def _ask(self, question: Question, due: float) -> Ring:
        ring = await self._group.submit(question, due=due)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[question] = (time.monotonic(), ring)
        return ring


def _find_secrets(questions: Sequence[Question]) -> list[Ring]:
    close_old_connections()
    return find_secrets(questions)


async def _run(
    body: bytes, due: float, work: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Answer:
    if len(body) < LARGE:
        return work(*args, **kwargs)
    async with asyncio.timeout_at(due):
        return await asyncio.to_thread(work, *args, **kwargs)
