"""Health of the hub for operators and monitoring: /healthz, /readyz and /metrics."""

from collections.abc import Iterator
from datetime import timedelta

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.metrics.number_metrics import NumberMetrics
from monitoring.metrics.queue_metrics import QueueMetrics
from monitoring.metrics.worker_counters import counters
from webhooks.models import Webhook

HEALTHZ = "/healthz"
PROBES = frozenset({"/readyz", "/metrics"})
"""Paths for monitoring that need the database."""

MAX_INBOX_AGE = timedelta(minutes=5)
"""If a webhook is due for longer, no worker runs, or too few."""


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process runs. For servers that run the Django site alone: the hub's web server calls `respond_healthz`."""
    return HttpResponse("ok", content_type="text/plain")


async def respond_healthz(scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Like `healthz`, but in the event loop, so that it needs no thread."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"ok", "more_body": False})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database answers, all migrations are applied and no webhook is due for too long. Otherwise 503 with the
    reasons."""
    try:
        problems = [*_unapplied_migrations(), *_old_inbox()]
    except (DatabaseError, InterfaceError) as failure:
        problems = [f"database: {type(failure).__name__}"]
    return JsonResponse({"ready": not problems, "problems": problems}, status=503 if problems else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Counters of the processes of this machine and, if the database answers, metrics from it, as Prometheus text."""
    try:
        stored = _text_of(QueueMetrics(), NumberMetrics())
    except (DatabaseError, InterfaceError):
        stored = b""
    text = generate_latest(counters()) + stored + _text_of(DatabaseState(is_up=bool(stored)))
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class DatabaseState(Collector):
    """Whether the database answered. `is_up`: it did."""

    def __init__(self, *, is_up: bool) -> None:
        self._is_up = is_up

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("hub_database_up", "1 if the database answered, else 0", value=int(self._is_up))


def _text_of(*collectors: Collector) -> bytes:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)


def _unapplied_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{len(unapplied)} migrations are not applied"] if unapplied else []


def _old_inbox() -> list[str]:
    late = any(waited > MAX_INBOX_AGE for waited in Webhook.objects.waiting_times())
    return [f"webhooks are waiting for more than {MAX_INBOX_AGE.seconds // 60} minutes; does a worker run?"] if late else []
