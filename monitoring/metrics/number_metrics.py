"""Metrics of numbers: silence, warnings, and service windows that close."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contacts.models import SERVICE_WINDOW, Contact
from organizations.models import NumberWarning, Organization, PhoneNumber, WarningKind

MAX_NUMBERS = 500
"""Numbers that have metrics of their own: those whose last webhook is the latest."""
MAX_ORGANIZATIONS = 100
CLOSES_SOON = timedelta(hours=1)


class NumberMetrics(Collector):
    """Metrics that are read from the database for each request. Numbers and organizations are named by their ids in the hub."""

    def collect(self) -> Iterator[Metric]:
        stopped = PhoneNumber.objects.active().filter(sending_stopped_at__isnull=False).count()
        yield GaugeMetricFamily("hub_stopped_numbers", "Numbers that send nothing until an administrator acts", value=stopped)
        yield self._silence()
        yield from self._warnings()
        yield self._windows()

    def _silence(self) -> Metric:
        text = "Time since the last webhook about the number"
        silence = GaugeMetricFamily("hub_number_silence_seconds", text, labels=["organization", "number"])
        now = timezone.now()
        numbers = PhoneNumber.objects.active().filter(last_webhook_at__isnull=False, is_simulated=False)
        rows = numbers.order_by("-last_webhook_at").values_list("organization_id", "pk", "last_webhook_at")[:MAX_NUMBERS]
        for organization_id, number_id, last_webhook_at in rows:
            if last_webhook_at:
                seconds = max(0.0, (now - last_webhook_at).total_seconds())
                silence.add_metric([str(organization_id), str(number_id)], seconds)
        return silence

    def _warnings(self) -> Iterator[Metric]:
        warnings = NumberWarning.objects.open().filter(number__in=PhoneNumber.objects.active())
        counts = dict(warnings.order_by().values_list("kind").annotate(Count("pk")))
        totals = GaugeMetricFamily("hub_number_warnings", "Open warnings about numbers", labels=["kind"])
        for kind in WarningKind:
            totals.add_metric([kind.value], counts.get(kind.value, 0))
        yield totals
        each = GaugeMetricFamily("hub_number_warning", "1 for each open warning", labels=["organization", "number", "kind"])
        columns = ("number__organization_id", "number_id", "kind")
        for organization_id, number_id, kind in warnings.order_by("-began_at").values_list(*columns)[:MAX_NUMBERS]:
            each.add_metric([str(organization_id), str(number_id), kind], 1)
        yield each

    def _windows(self) -> Metric:
        text = "Unanswered conversations whose service window closes within the hour"
        closing = GaugeMetricFamily("hub_windows_closing", text, labels=["organization"])
        begins = timezone.now() - SERVICE_WINDOW
        organizations = list(
            Organization.objects.filter(activate=True).order_by("pk").values_list("pk", flat=True)[:MAX_ORGANIZATIONS]
        )
        contacts = Contact.objects.filter(
            organization__in=organizations,
            last_customer_message_at__gt=begins,
            last_customer_message_at__lte=begins + CLOSES_SOON,
            waiting_since__isnull=False,
        )
        for organization_id, count in contacts.order_by().values_list("organization").annotate(Count("pk")):
            closing.add_metric([str(organization_id)], count)
        return closing
