"""For operators and their machines: is the process up, is the hub ready, and how is it doing."""

import os
from collections.abc import Iterator
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from chats.models import Attachment, Outgoing
from jobs.models import LeasedRow, State
from organizations.models import PhoneNumber
from webhooks.models import HeldItem, Webhook

OLDEST_ALLOWED = timedelta(minutes=5)
"""A webhook that is due for longer says that no worker runs, or too few."""
MOST_COUNTED = 10_000
QUEUES: tuple[tuple[str, type[LeasedRow]], ...] = (("webhooks", Webhook), ("held", HeldItem), ("files", Attachment))


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers; it asks nothing else."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the database answers, all migrations are applied and no webhook waits too long; 503 with the reasons otherwise."""
    try:
        problems = [*_unapplied_migrations(), *_old_inbox()]
    except (DatabaseError, InterfaceError) as failure:
        problems = [f"database: {type(failure).__name__}"]
    return JsonResponse({"ready": not problems, "problems": problems}, status=503 if problems else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Counters of all web processes, and what the database says of the queue, as Prometheus text."""
    text = generate_latest(_counters()) + generate_latest(_queue())
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _unapplied_migrations() -> list[str]:
    executor = MigrationExecutor(connection)
    unapplied = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{len(unapplied)} migrations are not applied"] if unapplied else []


def _old_inbox() -> list[str]:
    late = Webhook.objects.filter(state=State.DUE, due_at__lt=Now() - OLDEST_ALLOWED).exists()
    return [f"webhooks are waiting for more than {OLDEST_ALLOWED.seconds // 60} minutes; does a worker run?"] if late else []


def _counters() -> CollectorRegistry:
    """This process's own, or those of all where gunicorn set them up to be shared."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _queue() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(QueueCollector())
    return registry


class QueueCollector(Collector):
    """What the database says now. No `Gauge`: where counters are shared between processes, each process's last value would be told
    beside the present one, and stay after the process has ended."""

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily("hub_queue_rows", f"Rows in a state, counted up to {MOST_COUNTED}", labels=["queue", "state"])
        for queue, model in QUEUES:
            for state in (State.DUE, State.WAITING, State.DEAD):
                rows.add_metric([queue, state.value], model.objects.filter(state=state).order_by()[:MOST_COUNTED].count())
        yield rows
        waiting = Outgoing.objects.order_by()[:MOST_COUNTED].count()
        yield GaugeMetricFamily(
            "hub_outbox_messages", f"Messages that wait to be sent, counted up to {MOST_COUNTED}", value=waiting
        )
        stopped = PhoneNumber.objects.active().filter(sending_stopped_at__isnull=False).count()
        yield GaugeMetricFamily("hub_stopped_numbers", "Numbers that may not send until somebody mends them", value=stopped)
        oldest = Webhook.objects.due().order_by("due_at").values_list("due_at", Now()).first()
        age = (oldest[1] - oldest[0]).total_seconds() if oldest else 0
        yield GaugeMetricFamily("hub_inbox_oldest_seconds", "How long the webhook that is due longest has been due", value=age)
