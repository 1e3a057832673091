"""Stores what came of deliveries, and when a failed one is tried again.

delivered     its queue goes on
failed        its queue waits: nothing else of this conversation is posted to this endpoint until it is delivered or given up
given up      after `LIFETIME`. Its queue goes on, and a person can replay it
"""

import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from events.delivery import circuits
from events.delivery.posts import Attempt
from events.models import DeliveryProblem, EventDelivery, EventQueue
from jobs.bulk_writes import update_columns, update_groups
from jobs.transactions import run_in_transaction

LIFETIME = timedelta(hours=36)
"""How long a delivery is tried, from its first attempt."""
DELAYS = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0)
"""Seconds before each further attempt, plus or minus a fifth. The last one repeats."""
COLUMNS = ("outcome", "attempts", "first_attempt_at", "attempted_at", "status", "problem")
"""Many deliveries have the same values in these."""
OWN_COLUMNS = ("seconds", "request", "response")
Outcome = EventDelivery.Outcome


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """One attempt to deliver, and the body that was posted."""

    delivery_id: int
    body: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class QueueOutcome:
    """What came of the deliveries of one leased queue, in order. Only the last one may have failed."""

    queue_id: int
    endpoint_id: int
    token: uuid.UUID
    attempts: int
    """Attempts of the first delivery that had failed before."""
    was_failing: bool
    """Whether the endpoint had failures when the queue was leased."""
    deliveries: Sequence[DeliveryOutcome]

    @property
    def failed(self) -> DeliveryOutcome | None:
        last = self.deliveries[-1] if self.deliveries else None
        return last if last and last.attempt.problem else None


def store_outcomes(outcomes: Sequence[QueueOutcome]) -> None:
    """Stores these outcomes: first what they mean for endpoints, then the deliveries, in one transaction each."""
    now = timezone.now()
    if any(each.was_failing or each.failed for each in outcomes):
        run_in_transaction(partial(_store_circuits, outcomes, now))
    run_in_transaction(partial(_store_deliveries, outcomes, now))


def _store_circuits(outcomes: Sequence[QueueOutcome], now: datetime) -> None:
    """Closes the circuits of endpoints that accepted an event, and counts the failures of the others: one for each conversation,
    so that one event that an endpoint never accepts pauses nothing else."""
    succeeded = {each.endpoint_id for each in outcomes if any(one.attempt.problem is None for one in each.deliveries)}
    problems: dict[int, list[tuple[DeliveryProblem, bool]]] = defaultdict(list)
    for each in outcomes:
        if each.endpoint_id not in succeeded and each.failed and each.failed.attempt.problem:
            problems[each.endpoint_id].append((each.failed.attempt.problem, each.attempts == 0))
    for endpoint_id in sorted(succeeded):
        circuits.record_success(endpoint_id)
    for endpoint_id, found in sorted(problems.items()):
        circuits.record_failures(endpoint_id, sum(is_first for _problem, is_first in found), found[-1][0], now)


def _store_deliveries(outcomes: Sequence[QueueOutcome], now: datetime) -> None:
    ids = sorted(each.queue_id for each in outcomes)
    tokens = dict(EventQueue.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", "lease_token"))
    attempted = {one.delivery_id: one for each in outcomes for one in each.deliveries}
    pending = EventDelivery.objects.filter(pk__in=attempted, outcome=Outcome.PENDING)
    before = {pk: tuple(stored) for pk, *stored in pending.values_list("pk", *COLUMNS)}
    values = {pk: _values(attempted[pk], stored[1], stored[2], now) for pk, stored in before.items()}
    update_groups(EventDelivery, COLUMNS, values, before)
    update_columns(EventDelivery, OWN_COLUMNS, {pk: _own_values(attempted[pk]) for pk in before})
    advancing = []
    for each in outcomes:
        if tokens.get(each.queue_id) != each.token:
            continue  # the lease ended, and another worker has the queue
        failed = each.failed
        if failed and failed.delivery_id in values and values[failed.delivery_id][0] == Outcome.PENDING:
            _schedule_retry(each, failed, now)
        else:
            advancing.append(each.queue_id)
    EventQueue.objects.advance(advancing)


def _values(one: DeliveryOutcome, attempts: int, first_attempt_at: datetime | None, now: datetime) -> tuple[Any, ...]:
    """Returns the `COLUMNS` of a delivery after this attempt."""
    attempt, first = one.attempt, first_attempt_at or now
    outcome = Outcome.DELIVERED if attempt.problem is None else Outcome.DEAD if now - first >= LIFETIME else Outcome.PENDING
    problem = attempt.problem.value if attempt.problem else ""
    return outcome.value, attempts + 1, first, now, attempt.status, problem


def _own_values(one: DeliveryOutcome) -> tuple[Any, ...]:
    """Returns its `OWN_COLUMNS`."""
    return one.attempt.seconds, one.body, one.attempt.response


def _schedule_retry(outcome: QueueOutcome, failed: DeliveryOutcome, now: datetime) -> None:
    before = outcome.attempts if failed is outcome.deliveries[0] else 0
    delay = DELAYS[min(before, len(DELAYS) - 1)] * random.uniform(0.8, 1.2)  # noqa: S311  distribution, not a secret
    due_at = Now() + timedelta(seconds=max(delay, failed.attempt.retry_after))
    queue = EventQueue.objects.filter(pk=outcome.queue_id)
    queue.update(lease_token=None, attempts=before + 1, due_at=due_at)
