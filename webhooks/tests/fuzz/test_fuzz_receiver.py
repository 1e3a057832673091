"""The receiver answers any request: never with a server error, within its time, and with 200 only for what it has stored."""

import itertools
import logging
import resource
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from conftest import payload
from webhooks.models import Webhook
from webhooks.tests.fuzz.http_requests import FuzzedRequest, Outcome, fuzzed_request, send

OK = HTTPStatus.OK
CLIENTS = 8
MAX_SECONDS = 15.0
MAX_GROWTH = 256 * 2**20
"""Bytes by which the memory of the process may grow; that of the senders is part of it."""


def test_the_receiver_answers_any_request(hub, numbers, mutator, rounds, seed, report) -> None:
    url = urlsplit(hub.address)
    address, before, slowest = (str(url.hostname), int(url.port or 0)), _memory(), 0.0
    statuses: Counter[int] = Counter()
    with _errors_of_the_server() as errors, ThreadPoolExecutor(CLIENTS) as clients:
        for number in rounds:
            requests = [fuzzed_request(mutator.random, mutator.body()) for _ in range(2 * CLIENTS)]
            outcomes = list(clients.map(send, itertools.repeat(address), requests))
            for request, outcome in zip(requests, outcomes, strict=True):
                _check(request, outcome, f"seed {seed}, round {number}: {request.parts[0][:300]!r} got {outcome}")
            _check_stored([request.body for request, outcome in zip(requests, outcomes, strict=True) if outcome.status == OK])
            statuses.update(outcome.status for outcome in outcomes)
            slowest = max(slowest, *(outcome.seconds for outcome in outcomes))
    assert errors == []
    assert statuses[OK] > 0
    hub.deliver(payload("01_text.json"))
    assert _memory() - before < MAX_GROWTH
    grown = f"{(_memory() - before) / 2**20:.0f} MiB more memory"
    report(f"receiver: {statuses.total()} requests, {dict(statuses)}, slowest {slowest:.1f} s, {grown}, seed {seed}")


def _check(request: FuzzedRequest, outcome: Outcome, what: str) -> None:
    assert outcome.status < HTTPStatus.INTERNAL_SERVER_ERROR, what
    assert outcome.seconds < MAX_SECONDS, what
    if request.is_right:
        assert outcome.status == OK, what


def _check_stored(acknowledged: list[bytes]) -> None:
    """Asserts that each body that got a 200 is stored byte for byte, and deletes it. A body whose sender did not wait may be stored
    too."""
    stored = Counter(webhook.body for webhook in Webhook.objects.all())
    assert stored >= Counter(acknowledged)
    Webhook.objects.all().delete()


@contextmanager
def _errors_of_the_server() -> Iterator[list[str]]:
    """Yields the errors that the web server, the event loop and Django log."""
    found: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio", "django.request")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield found
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def _memory() -> int:
    """Returns the bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
