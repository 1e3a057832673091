"""Health of the hub for operators and monitoring: /healthz, /readyz and /metrics."""

import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from chats.models import Attachment, QueuedMessage, UnmatchedStatus
from jobs.models import LeasedRow, State
from organizations.models import Mail, PhoneNumber
from webhooks.models import HeldItem, Webhook
from webhooks.processing.held_items import count_held_items, max_held_items

HEALTHZ = "/healthz"
PROBES = frozenset({"/readyz", "/metrics"})
"""Paths for monitoring that need the database."""

MAX_INBOX_AGE = timedelta(minutes=5)
"""If a webhook is due for longer, no worker runs, or too few."""
MAX_COUNTED = 10_000
MAX_ORGANIZATIONS = 100
"""Organizations that have a metric of their own for unapplied items."""
QUEUES: tuple[tuple[str, type[LeasedRow]], ...] = (("webhooks", Webhook), ("held", HeldItem), ("files", Attachment), ("mail", Mail))


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
    """Counters of all web processes, and metrics from the database, as Prometheus text."""
    queues = CollectorRegistry()
    queues.register(QueueCollector())
    text = generate_latest(_counters()) + generate_latest(queues)
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _unapplied_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{len(unapplied)} migrations are not applied"] if unapplied else []


def _old_inbox() -> list[str]:
    late = any(waited > MAX_INBOX_AGE for waited in Webhook.objects.waiting_times())
    return [f"webhooks are waiting for more than {MAX_INBOX_AGE.seconds // 60} minutes; does a worker run?"] if late else []


def _counters() -> CollectorRegistry:
    """Returns the counters of all web processes if gunicorn shares them, or those of this process."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class QueueCollector(Collector):
    """Metrics that are read from the database for each request."""

    # No `Gauge`: if processes share metrics, the last values of other processes would be reported too, even after they ended.

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily("hub_queue_rows", f"Rows in a state, counted up to {MAX_COUNTED}", labels=["queue", "state"])
        for queue, model in QUEUES:
            for state in (State.DUE, State.WAITING, State.DEAD):
                rows.add_metric([queue, state.value], model.objects.filter(state=state).order_by()[:MAX_COUNTED].count())
        yield rows
        yield self._unapplied()
        waiting = QueuedMessage.objects.order_by()[:MAX_COUNTED].count()
        yield GaugeMetricFamily("hub_outbox_messages", f"Messages that wait to be sent, counted up to {MAX_COUNTED}", value=waiting)
        unmatched = UnmatchedStatus.objects.order_by()[:MAX_COUNTED].count()
        yield GaugeMetricFamily(
            "hub_unmatched_statuses",
            f"Statuses of messages that the hub does not know, counted up to {MAX_COUNTED}",
            value=unmatched,
        )
        stopped = PhoneNumber.objects.active().filter(sending_stopped_at__isnull=False).count()
        yield GaugeMetricFamily("hub_stopped_numbers", "Numbers that send nothing until an administrator acts", value=stopped)
        age = max(Webhook.objects.waiting_times(), default=timedelta()).total_seconds()
        yield GaugeMetricFamily("hub_inbox_oldest_seconds", "How long the webhook that is due longest has been due", value=age)

    def _unapplied(self) -> Metric:
        """Returns the held items of each organization, as a share of its limit."""
        text = "Items of webhooks that could not be applied, as a share of the limit of the organization (0: no organization)"
        shares = GaugeMetricFamily("hub_unapplied_items_share", text, labels=["organization"])
        queues = dict.fromkeys(islice(HeldItem.objects.queues(), MAX_ORGANIZATIONS))
        for queue_id in queues:
            shares.add_metric([str(queue_id)], count_held_items(queue_id) / max_held_items(queue_id))
        return shares
