"""Chores: give up what an endpoint has not taken for too long, delete old deliveries, and remove deleted endpoints in steps."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from events.delivery.fan_out import fan_out
from events.delivery.results import LIFETIME
from events.models import EventDelivery, EventEndpoint, EventQueue
from jobs.models import State
from jobs.transactions import run_in_transaction

LOG_LIFETIME = timedelta(days=30)
"""How long deliveries are kept after they were delivered or given up."""
STEP = 2_000
"""Rows in one transaction."""
MAX_STEPS = 50
Outcome = EventDelivery.Outcome


def give_up_old_deliveries() -> int:
    """Gives up deliveries that wait behind others at endpoints that have been failing for `LIFETIME`. Returns how many."""
    before = timezone.now() - LIFETIME
    done = 0
    for endpoint in EventEndpoint.objects.enabled().filter(failing_since__lte=before).defer(*EventEndpoint.SECRETS):
        for _ in range(MAX_STEPS):
            step = run_in_transaction(partial(_give_up_step, endpoint))
            done += step
            if step < STEP:
                break
    return done


def _give_up_step(endpoint: EventEndpoint) -> int:
    pending = EventDelivery.objects.filter(endpoint=endpoint, outcome=Outcome.PENDING, queued_at__lte=timezone.now() - LIFETIME)
    ids = list(pending.order_by("pk").values_list("pk", flat=True)[:STEP])
    EventDelivery.objects.filter(pk__in=ids, outcome=Outcome.PENDING).update(outcome=Outcome.DEAD, problem=endpoint.problem)
    return len(ids)


def delete_old_deliveries() -> int:
    """Deletes deliveries that ended long ago, or wait at endpoints that are off, and queues without any. Returns how many rows."""
    fan_out()  # if nobody wants events any more, no lane looks for those that were recorded before
    before = timezone.now() - LOG_LIFETIME
    is_waiting = Q(outcome=Outcome.PENDING, endpoint__is_enabled=True)
    old = EventDelivery.objects.filter(create_in__lt=before).exclude(is_waiting)
    idle = EventQueue.objects.filter(state=State.DONE, due_at__lt=before)
    return _delete_in_steps(old) + _delete_in_steps(idle)


def delete_removed_endpoints() -> int:
    """Deletes the rows of endpoints that administrators deleted. Returns how many rows."""
    done = 0
    for endpoint in EventEndpoint.objects.filter(deleted_at__isnull=False).defer(*EventEndpoint.SECRETS):
        done += _delete_in_steps(EventDelivery.objects.filter(endpoint=endpoint))
        if not EventDelivery.objects.filter(endpoint=endpoint).exists():
            done += _delete_in_steps(EventQueue.objects.filter(endpoint=endpoint))
            done += EventEndpoint.objects.filter(pk=endpoint.pk).delete()[0]
    return done


def _delete_in_steps(rows: "QuerySet[Any]") -> int:
    done = 0
    for _ in range(MAX_STEPS):
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:STEP])
        if not ids:
            break
        done += run_in_transaction(partial(_delete, rows.filter(pk__in=ids)))
    return done


def _delete(rows: "QuerySet[Any]") -> int:
    return rows.delete()[0]
