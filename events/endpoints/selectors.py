"""Reads endpoints and their logs. All queries use an index, however long the log is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.shortcuts import get_object_or_404

from events.endpoints.services import TEST_CONTACT
from events.models import EventDelivery, EventEndpoint
from organizations.models import Organization

PAGE_SIZE = 50
MAX_COUNTED = 1_000
BODIES = ("request", "response", "facts")
Outcome = EventDelivery.Outcome


class LogFilter(StrEnum):
    """Which deliveries of a log are listed."""

    ALL = ""
    WAITING = "waiting"
    DEAD = "dead"
    DELIVERED = "delivered"


FILTERS: dict[LogFilter, dict[str, Any]] = {
    LogFilter.ALL: {},
    LogFilter.WAITING: {"outcome": Outcome.PENDING},
    LogFilter.DEAD: {"outcome": Outcome.DEAD},
    LogFilter.DELIVERED: {"outcome": Outcome.DELIVERED},
}


@dataclass(frozen=True, slots=True)
class LogPage:
    """A part of the log, the latest first. `next` is the id after which the next page begins, None if this is the last one."""

    deliveries: Sequence[EventDelivery]
    next: int | None


def endpoints_of(organization: Organization) -> list[EventEndpoint]:
    """Returns the endpoints of the organization, without their secrets."""
    return list(_existing(organization).order_by("description", "pk"))


def get_endpoint_or_404(organization: Organization, endpoint_id: int) -> EventEndpoint:
    """Returns an endpoint of the organization, without its secrets. Raises Http404."""
    found: EventEndpoint = get_object_or_404(_existing(organization), pk=endpoint_id)
    return found


def get_delivery_or_404(endpoint: EventEndpoint, delivery_id: int) -> EventDelivery:
    """Returns a delivery to the endpoint. Raises Http404 for those to others."""
    found: EventDelivery = get_object_or_404(EventDelivery, endpoint=endpoint, pk=delivery_id)
    return found


def list_deliveries(
    endpoint: EventEndpoint, *, log_filter: LogFilter = LogFilter.ALL, before: int | None = None, limit: int = PAGE_SIZE
) -> LogPage:
    """Returns up to `limit` deliveries to the endpoint, without their bodies: those before the one with this id."""
    rows = EventDelivery.objects.filter(endpoint=endpoint, **FILTERS[log_filter])
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.defer(*BODIES).order_by("-pk")[: limit + 1])
    page = found[:limit]
    return LogPage(page, page[-1].pk if len(found) > limit else None)


def count_deliveries(endpoint: EventEndpoint, outcome: str) -> int:
    """Returns how many deliveries wait or were given up, at most `MAX_COUNTED`."""
    return EventDelivery.objects.filter(endpoint=endpoint, outcome=outcome).order_by()[:MAX_COUNTED].count()


def latest_test(endpoint: EventEndpoint) -> EventDelivery | None:
    """Returns the last test."""
    return EventDelivery.objects.filter(endpoint=endpoint, contact_id=TEST_CONTACT).order_by("-pk").first()


def _existing(organization: Organization) -> Any:
    return EventEndpoint.objects.existing().filter(organization=organization).defer(*EventEndpoint.SECRETS)
