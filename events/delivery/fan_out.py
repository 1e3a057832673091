"""Makes a delivery of each recorded event for each endpoint that wants it."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils import timezone

from events.models import EventDelivery, EventEndpoint, EventQueue
from jobs.bulk_writes import insert_rows
from jobs.transactions import run_in_transaction
from organizations.models import Event

EVENTS_AT_ONCE = 500
MAX_STEPS = 20
"""Steps of one call, so that deliveries are sent in between."""


def fan_out() -> int:
    """Makes the deliveries of the events that are stored, and deletes the events. Returns how many events."""
    total = 0
    for _ in range(MAX_STEPS):
        if not Event.objects.exists():  # most calls find none, and need no transaction
            break
        done = run_in_transaction(_fan_out_step)
        total += done
        if done < EVENTS_AT_ONCE:
            break
    return total


def _fan_out_step() -> int:
    # The lock keeps the order: another worker waits here until the deliveries of earlier events are stored.
    events = list(Event.objects.select_for_update().order_by("pk")[:EVENTS_AT_ONCE])
    endpoints = _endpoints({each.organization_id for each in events})
    now = timezone.now()
    deliveries = [
        EventDelivery(
            endpoint_id=endpoint.pk,
            event_id=event.event_id,
            kind=event.kind,
            phone_number_id=event.phone_number_id,
            contact_id=event.contact_id,
            facts=event.facts,
            occurred_at=event.occurred_at,
            create_in=now,
            queued_at=now,
        )
        for event in events
        for endpoint in endpoints[event.organization_id]
        if endpoint.wants(event.kind, event.phone_number_id)
    ]
    insert_rows(deliveries)
    if deliveries:
        EventQueue.objects.schedule((each.endpoint_id, each.contact_id) for each in deliveries)
    Event.objects.filter(pk__in=[event.pk for event in events]).delete()
    return len(events)


def _endpoints(organization_ids: Iterable[int]) -> dict[int, list[EventEndpoint]]:
    """Returns the enabled endpoints by organization, without their secrets."""
    found: dict[int, list[EventEndpoint]] = defaultdict(list)
    rows = EventEndpoint.objects.enabled().filter(organization__in=set(organization_ids)).defer(*EventEndpoint.SECRETS)
    for endpoint in rows.order_by("pk"):
        found[endpoint.organization_id].append(endpoint)
    return found
