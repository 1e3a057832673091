"""The circuit of an endpoint.

closed   deliveries are sent
open     `FAILURES` conversations in a row failed: nothing is sent until `paused_until`
trial    after that time one delivery is sent. It closes the circuit, or opens it for twice as long
"""

from datetime import datetime, timedelta

from events.models import DeliveryProblem, EventEndpoint

FAILURES = 5
"""Conversations that failed since the last event that was accepted."""
FIRST_PAUSE = timedelta(minutes=1)
MAX_PAUSE = timedelta(hours=1)
TRIAL = timedelta(minutes=2)
"""Longer than one attempt takes. If no result of the trial is stored by then, another delivery tries."""
CLOSED = {"failures": 0, "failing_since": None, "paused_until": None, "pause_seconds": 0, "is_on_trial": False, "problem": ""}


def claim_trial(endpoint: EventEndpoint, now: datetime) -> bool:
    """Returns whether the caller may send the one delivery that tries a paused endpoint. One caller gets True."""
    same = EventEndpoint.objects.filter(pk=endpoint.pk, paused_until=endpoint.paused_until)
    return bool(same.update(paused_until=now + TRIAL, is_on_trial=True))


def end_pause(endpoint_id: int, now: datetime) -> None:
    """Lets the next delivery try at once."""
    EventEndpoint.objects.filter(pk=endpoint_id, paused_until__gt=now).update(paused_until=now, is_on_trial=False)


def record_success(endpoint_id: int) -> None:
    """Closes the circuit."""
    EventEndpoint.objects.filter(pk=endpoint_id, failures__gt=0).update(**CLOSED)


def record_failures(endpoint_id: int, count: int, problem: DeliveryProblem, now: datetime) -> None:
    """Counts conversations whose first attempts failed, and opens the circuit if there were too many. Attempts that were under way
    when it opened change nothing more: only the trial makes the pause longer. Must run in a transaction."""
    endpoint = EventEndpoint.objects.select_for_update().defer(*EventEndpoint.SECRETS).filter(pk=endpoint_id).first()
    if endpoint is None:
        return
    if endpoint.paused_until is not None and now < endpoint.paused_until and not endpoint.is_on_trial:
        return
    if not count and not endpoint.is_on_trial:
        return
    endpoint.failures += max(1, count)
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.problem, endpoint.is_on_trial = problem.value, False
    if endpoint.failures >= FAILURES:
        pause = min(MAX_PAUSE, max(FIRST_PAUSE, 2 * timedelta(seconds=endpoint.pause_seconds)))
        endpoint.pause_seconds = int(pause.total_seconds())
        endpoint.paused_until = now + pause
    endpoint.save(update_fields=[*CLOSED])
