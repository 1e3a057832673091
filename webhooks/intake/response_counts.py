"""Counts the responses of the receiver for Prometheus, and its failures for the log."""

import asyncio
import logging
from collections import defaultdict
from http import HTTPStatus

from prometheus_client import Counter, Histogram

from jobs.histograms import observe_all

REPORT_SECONDS = 1.0

log = logging.getLogger(__name__)

RESPONSES = Counter("hub_webhook_answers", "Responses to webhooks and verification requests", ["method", "status"])
REFUSED_SIGNATURES = Counter("hub_webhook_refused_signatures", "Webhooks with a missing or wrong signature")
ACKNOWLEDGE_SECONDS = Histogram(
    "hub_webhook_acknowledge_seconds",
    "Time from the head of a webhook to its 200, after the commit that stored it",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STORE_SECONDS = Histogram(
    "hub_webhook_store_seconds",
    "Time to store a group of webhooks. Each webhook waits for its own group, and for the group that is running before it",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


class ResponseCounter:
    """Counts responses and failures, and reports them to Prometheus and the log once a second."""

    # A counter that processes share takes as long as a whole response. A log line for each failure would let any client fill the
    # log.

    def __init__(self) -> None:
        self._responses: dict[tuple[str, int], int] = defaultdict(int)
        self._failures: dict[str, int] = defaultdict(int)
        self._seconds: list[float] = []

    def count(self, method: str, status: int, seconds: float) -> None:
        """Counts a response that took so many seconds."""
        if not self._responses:
            asyncio.get_running_loop().call_later(REPORT_SECONDS, self._report)
        self._responses[method if method in ("GET", "POST") else "other", status] += 1
        if status == HTTPStatus.OK and method == "POST":
            self._seconds.append(seconds)

    def count_failure(self, failure: Exception) -> None:
        """Counts a webhook that was not stored. Its response is counted separately."""
        self._failures[type(failure).__name__] += 1

    def _report(self) -> None:
        for (method, status), total in self._responses.items():
            RESPONSES.labels(method, status).inc(total)
        for name, total in self._failures.items():
            log.warning("%s webhooks not stored: %s", total, name)
        if self._seconds:
            observe_all(ACKNOWLEDGE_SECONDS, self._seconds)
        self._responses.clear()
        self._failures.clear()
        self._seconds.clear()
