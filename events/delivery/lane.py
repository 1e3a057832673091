"""The lane of events.

    lease     `fan_out` makes deliveries of new events. Then queues that are due are leased, with the bodies of their deliveries
    do        in a thread, outside any transaction: posts the deliveries of one queue, one after the other, until one fails
    store     `results`: what came of them

If a worker dies after a post, the same event is posted again, with the same `webhook-id`.
"""

import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptography.fernet import InvalidToken
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bots.remote.rights import addresses_of
from events.delivery import circuits
from events.delivery.fan_out import fan_out
from events.delivery.posts import Attempt, Target, post_event
from events.delivery.results import DeliveryOutcome, QueueOutcome, store_outcomes
from events.delivery.shares import WIDTH, Shares
from events.models import DeliveryProblem, EventDelivery, EventEndpoint, EventQueue
from jobs.models import Lease
from jobs.transactions import is_away, is_contention
from jobs.workers.worker import SideLane, format_without_message

log = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
PER_QUEUE = 10
"""Deliveries of one queue that are posted in one lease."""
MAX_TASK_SECONDS = 5.0
"""No further delivery of a queue is posted in this lease after this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPost:
    """A delivery that is to be posted. Without a body it is known to have failed."""

    delivery_id: int
    event_id: uuid.UUID
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTask:
    """A leased queue with its next deliveries. Without a target, the endpoint's secret cannot be read."""

    queue_id: int
    endpoint_id: int
    token: uuid.UUID
    attempts: int
    """Failed attempts of the first delivery."""
    target: Target | None
    posts: Sequence[EventPost]
    is_unproven: bool
    was_failing: bool


class EventLane:
    """Leases queues, and posts their deliveries."""

    def __init__(self) -> None:
        self._shares = Shares()

    def lease_queues(self, free: int) -> Iterator[QueueTask]:
        """Leases up to `free` queues that are due, with equal shares of endpoints, and yields their tasks."""
        fan_out()
        endpoints = list(EventQueue.objects.due_endpoints().select_related("organization").defer(*EventEndpoint.SECRETS))
        random.shuffle(endpoints)
        for endpoint, share in self._shares.share_out(endpoints, free):
            limit = share
            if endpoint.paused_until is not None:
                limit = 1 if circuits.claim_trial(endpoint, timezone.now()) else 0
            lease = EventQueue.objects.filter(endpoint=endpoint.pk).lease(limit=limit, seconds=LEASE_SECONDS) if limit else None
            is_unproven = self._shares.is_unproven(endpoint)
            for task in _prepare(endpoint, lease, is_unproven=is_unproven) if lease else ():
                self._shares.count(task.endpoint_id, 1, is_unproven=task.is_unproven)
                yield task

    def post(self, task: QueueTask) -> QueueOutcome:
        """Posts the deliveries of a queue. Runs in a thread, so it must not use the database."""
        try:
            return self._post(task)
        finally:
            self._shares.count(task.endpoint_id, -1, is_unproven=task.is_unproven)

    def give_back(self, tasks: Sequence[QueueTask]) -> None:
        """Returns queues that no thread has started."""
        _held(tasks).update(due_at=Now(), lease_token=None)
        for task in tasks:
            self._shares.count(task.endpoint_id, -1, is_unproven=task.is_unproven)

    def _post(self, task: QueueTask) -> QueueOutcome:
        outcomes: list[DeliveryOutcome] = []
        started = time.monotonic()
        for post in task.posts:
            if outcomes and time.monotonic() - started > MAX_TASK_SECONDS:
                break
            attempt = _attempt(task.target, post)
            outcomes.append(DeliveryOutcome(post.delivery_id, post.body or "", attempt))
            self._shares.record_seconds(task.endpoint_id, attempt.seconds)
            if attempt.problem:
                break
        return QueueOutcome(task.queue_id, task.endpoint_id, task.token, task.attempts, task.was_failing, outcomes)


def _attempt(target: Target | None, post: EventPost) -> Attempt:
    if target is None:
        return Attempt(problem=DeliveryProblem.KEY)
    if post.body is None:
        return Attempt(problem=DeliveryProblem.INTERNAL)
    return post_event(target, post.event_id, post.body)


def _prepare(endpoint: EventEndpoint, lease: Lease, *, is_unproven: bool) -> list[QueueTask]:
    """Returns the tasks of leased queues of one endpoint."""
    queues = list(lease.held().values_list("pk", "contact_id", "attempts"))
    deliveries = _next_deliveries(endpoint, [contact_id for _pk, contact_id, _attempts in queues])
    bodies = _bodies(endpoint, [each for own in deliveries.values() for each in own])
    target = _target(endpoint)
    return [
        QueueTask(
            queue_id=pk,
            endpoint_id=endpoint.pk,
            token=lease.token,
            attempts=attempts,
            target=target,
            posts=[
                EventPost(delivery_id=each.pk, event_id=each.event_id, body=bodies.get(each.pk)) for each in deliveries[contact_id]
            ],
            is_unproven=is_unproven,
            was_failing=endpoint.failures > 0,
        )
        for pk, contact_id, attempts in queues
    ]


def _next_deliveries(endpoint: EventEndpoint, contact_ids: Sequence[int]) -> dict[int, list[EventDelivery]]:
    """Returns the next deliveries of each queue, at most `PER_QUEUE`, in order."""
    pending = EventDelivery.objects.filter(endpoint=endpoint, outcome="").defer("response").order_by("pk")
    found: dict[int, list[EventDelivery]] = defaultdict(list)
    for each in pending.filter(contact_id__in=contact_ids)[: PER_QUEUE * len(contact_ids)]:
        if len(found[each.contact_id]) < PER_QUEUE:
            found[each.contact_id].append(each)
    for contact_id in set(contact_ids) - found.keys():  # others had more than their share of the rows
        found[contact_id] = list(pending.filter(contact_id=contact_id)[:PER_QUEUE])
    return found


def _bodies(endpoint: EventEndpoint, deliveries: Sequence[EventDelivery]) -> dict[int, str]:
    """Returns the bodies by delivery. Each attempt sends the same one. What cannot be built is left out: one event must not hold
    up the others."""
    # With the code of the API, a fifth of a second that most processes do not need.
    from events.delivery.bodies import build_bodies  # noqa: PLC0415

    bodies = {each.pk: each.request for each in deliveries if each.request}
    new = [each for each in deliveries if not each.request]
    now = timezone.now()
    try:
        return bodies | (build_bodies(endpoint.organization, new, now) if new else {})
    except Exception as error:
        if is_away(error) or is_contention(error):
            raise
    for each in new:
        try:
            bodies |= build_bodies(endpoint.organization, [each], now)
        except Exception as error:
            if is_away(error) or is_contention(error):
                raise
            log.error("the body of delivery %s cannot be built: %s", each.pk, format_without_message(error))
    return bodies


def _target(endpoint: EventEndpoint) -> Target | None:
    """Returns where deliveries are posted. None if the secrets cannot be decrypted."""
    try:
        stored = EventEndpoint.objects.only("previous_until", *EventEndpoint.SECRETS).get(pk=endpoint.pk)
    except InvalidToken:
        return None
    secrets = stored.live_secrets(timezone.now())
    return Target(url=endpoint.url, secrets=secrets, allowed=addresses_of(endpoint.organization_id))


def _fail(task: QueueTask, _error: BaseException) -> QueueOutcome:
    first = task.posts[0] if task.posts else None
    failed = [DeliveryOutcome(first.delivery_id, "", Attempt(problem=DeliveryProblem.INTERNAL))] if first else []
    return QueueOutcome(task.queue_id, task.endpoint_id, task.token, task.attempts, task.was_failing, failed)


def _reject(task: QueueTask, outcome: QueueOutcome, error: Exception) -> None:
    """Stores that the outcome cannot be stored: the first delivery counts as failed, without its body and answer."""
    log.error("the outcome of queue %s cannot be stored: %s", task.queue_id, format_without_message(error))
    store_outcomes([_fail(task, error)])


def _held(tasks: Sequence[QueueTask]) -> "QuerySet[EventQueue]":
    """Returns the queues that this worker still has."""
    return EventQueue.objects.filter(Q(pk__in=[task.queue_id for task in tasks]), lease_token__in={task.token for task in tasks})


def _renew(tasks: Sequence[QueueTask]) -> None:
    _held(tasks).update(due_at=Now() + timedelta(seconds=LEASE_SECONDS))


def event_lane() -> "SideLane[QueueTask, QueueOutcome]":
    """Returns the lane. Each has its own count of what is under way."""
    lane = EventLane()
    return SideLane(
        "events",
        model=EventQueue,
        take=lane.lease_queues,
        do=lane.post,
        store=lambda outcomes: store_outcomes([outcome for _task, outcome in outcomes]),
        width=WIDTH,
        fail=_fail,
        reject=_reject,
        give_back=lane.give_back,
        renew=_renew,
        lease=LEASE_SECONDS,
    )


LANE = event_lane()
