"""Metrics of queues and lanes."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chats.models import Attachment, BotTurn, QueuedMessage, SendQueue, UnmatchedStatus
from events.models import EventQueue
from jobs.models import LeasedRow, State
from jobs.workers.due_times import DueTimes
from monitoring.metrics.lane_rows import LANE_ROWS
from organizations.models import Mail
from webhooks.models import HeldItem, Webhook
from webhooks.processing.held_items import count_held_items, max_held_items

MAX_COUNTED = 10_000
MAX_ORGANIZATIONS = 100
"""Organizations that have a metric of their own, of each kind."""
QUEUES: tuple[tuple[str, type[LeasedRow]], ...] = (
    ("webhooks", Webhook),
    ("held", HeldItem),
    ("files", Attachment),
    ("mail", Mail),
    ("events", EventQueue),
)
ORGANIZATION_QUEUES: dict[str, tuple[Any, str]] = {
    "webhooks": (Webhook.objects.filter(queue_id__gte=0), "queue_id"),
    "held": (HeldItem.objects.all(), "queue_id"),
    "bots": (BotTurn.objects.all(), "organization_id"),
}
"""Lanes with a queue for each organization: their rows, and the column of the organization. 0 stands for none."""


class QueueMetrics(Collector):
    """Metrics that are read from the database for each request."""

    # No `Gauge`: if processes share metrics, the last values of other processes would be reported too, even after they ended.

    def collect(self) -> Iterator[Metric]:
        yield self._rows()
        yield from self._lanes()
        yield self._organizations()
        yield self._unapplied()
        yield _counted("hub_outbox_messages", "Messages that wait to be sent", QueuedMessage.objects.all())
        yield _counted("hub_unmatched_statuses", "Statuses of messages that the hub does not know", UnmatchedStatus.objects.all())
        age = max(Webhook.objects.waiting_times(), default=timedelta())
        yield _seconds("hub_inbox_oldest_seconds", "How long the webhook that is due longest has been due", age)
        lag = max(EventQueue.objects.waiting_times(), default=timedelta())
        yield _seconds("hub_events_oldest_seconds", "How long the event that is due longest has been due", lag)

    def _rows(self) -> Metric:
        rows = GaugeMetricFamily("hub_queue_rows", f"Rows in a state, counted up to {MAX_COUNTED}", labels=["queue", "state"])
        for queue, model in QUEUES:
            for state in (State.DUE, State.WAITING, State.DEAD):
                rows.add_metric([queue, state.value], _count(model.objects.filter(state=state)))
        return rows

    def _lanes(self) -> Iterator[Metric]:
        """Yields for each lane how many rows are due, and for how long the first one is. One query finds which lanes have any."""
        labels = ["lane", "engine"]
        rows = GaugeMetricFamily("hub_lane_due_rows", f"Rows that wait for a worker, counted up to {MAX_COUNTED}", labels=labels)
        lag = GaugeMetricFamily(
            "hub_lane_lag_seconds", "How long the row that is due longest has waited for a worker", labels=labels
        )
        left = DueTimes({name: own.soonest() for name, own in LANE_ROWS.items()}).seconds_left(LANE_ROWS)
        for name, own in LANE_ROWS.items():
            values = [name, settings.WORK_ENGINE]
            seconds = max(0.0, -left.get(name, 0.0))
            lag.add_metric(values, seconds)
            rows.add_metric(values, _count(own.due()) if seconds else 0)
        yield rows
        yield lag

    def _organizations(self) -> Metric:
        text = f"Rows of one organization that wait for a worker, counted up to {MAX_COUNTED} (0: no organization)"
        rows = GaugeMetricFamily("hub_organization_due_rows", text, labels=["lane", "organization"])
        for lane, (own, column) in ORGANIZATION_QUEUES.items():
            due = own.due()
            for organization_id in islice(_distinct(due, column), MAX_ORGANIZATIONS):
                rows.add_metric([lane, str(organization_id)], _count(due.filter(**{column: organization_id})))
        sending: dict[int, int] = {}
        queues = SendQueue.objects.due()
        for number in islice(_distinct(queues, "phone_number_id"), MAX_ORGANIZATIONS):
            own = queues.filter(phone_number=number)
            organization_id = own.values_list("phone_number__organization_id", flat=True).first()
            if organization_id is not None:
                sending[organization_id] = sending.get(organization_id, 0) + _count(own)
        for organization_id, count in sending.items():
            rows.add_metric(["outbox", str(organization_id)], count)
        return rows

    def _unapplied(self) -> Metric:
        """Returns the held items of each organization, as a share of its limit."""
        text = "Items of webhooks that could not be applied, as a share of the limit of the organization (0: no organization)"
        shares = GaugeMetricFamily("hub_unapplied_items_share", text, labels=["organization"])
        queues = dict.fromkeys(islice(HeldItem.objects.queues(), MAX_ORGANIZATIONS))
        for queue_id in queues:
            shares.add_metric([str(queue_id)], count_held_items(queue_id) / max_held_items(queue_id))
        return shares


def _distinct(rows: QuerySet[Any], column: str) -> Iterator[Any]:
    """Yields the values of the column, each once, in order. One index lookup for each."""
    ordered = rows.order_by(column).annotate(value=F(column)).values_list("value", flat=True)
    value = ordered.first()
    while value is not None:
        yield value
        value = ordered.filter(**{f"{column}__gt": value}).first()


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:MAX_COUNTED].count()


def _counted(name: str, text: str, rows: QuerySet[Any]) -> Metric:
    return GaugeMetricFamily(name, f"{text}, counted up to {MAX_COUNTED}", value=_count(rows))


def _seconds(name: str, text: str, time: timedelta) -> Metric:
    return GaugeMetricFamily(name, text, value=max(0.0, time.total_seconds()))
