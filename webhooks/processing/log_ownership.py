"""Whose log a webhook is in; and what is told once it is applied: that logs have changed, that numbers are heard of.

A webhook is in the log of the one organization whose secret signed it: that is known when it is stored. If the platform's secret
signed it, or one that several organizations have, then what the body names decides when it is applied, as numbers are connected
by then.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, Case, Value, When
from organizations.numbers.activity import NumberActivity, record_activity

from jobs.models import LeasedQuerySet
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber
from webhooks.models import HeldItem, Webhook, queue_of
from webhooks.processing.router import Cause, Entry, HoldReason, Router

Owners = Mapping[int, int | None]
"""Of each webhook, by its id, the organization whose log it is in."""
Keeper = tuple[int | None, int]
"""An organization, None where there is not one, and a queue."""
NOTED_AT_ONCE = 200
"""Numbers in one statement."""


def store_owners(webhooks: Sequence[Webhook], owners: Owners) -> None:
    """Put the webhooks, and what is held of them, into their owners' logs and queues. Must run in a transaction."""
    items: dict[Keeper, list[int]] = defaultdict(list)
    bodies: dict[Keeper, list[int]] = defaultdict(list)
    for webhook in webhooks:
        owner = owners[webhook.pk]
        queue_id = queue_of(owner or webhook.first_signer, size=webhook.size)
        if (webhook.organization_id, webhook.queue_id) != (owner, queue_id):
            items[owner, queue_of(owner or webhook.first_signer)].append(webhook.pk)
            bodies[owner, queue_id].append(webhook.pk)
    if bodies:
        _move(HeldItem.objects.all(), "webhook__in", items)  # in the order in which the lanes lock them
        _move(Webhook.objects.all(), "pk__in", bodies)


def _move(rows: LeasedQuerySet[Any], key: str, moved: Mapping[Keeper, list[int]]) -> None:
    """In one statement, however many owners there are."""
    owners = [When(**{key: ids}, then=Value(owner)) for (owner, _), ids in moved.items()]
    queues = [When(**{key: ids}, then=Value(queue_id)) for (_, queue_id), ids in moved.items()]
    everyone = [pk for ids in moved.values() for pk in ids]
    rows.filter(**{key: everyone}).update(
        organization_id=Case(*owners, output_field=BigIntegerField()), queue_id=Case(*queues, output_field=BigIntegerField())
    )


def publish_arrivals(owners: Owners, entries: Sequence[Entry], outcomes: Sequence[HoldReason | None], router: Router) -> None:
    """Let the pages of all concerned know, and note when numbers were heard of. In a transaction of its own: those that store
    messages lock numbers in an order of their own."""
    heard = _heard(entries, outcomes, router)
    concerned = {owner for owner in owners.values() if owner is not None} | {each.number.organization_id for each in heard}

    def tell() -> None:
        for start in range(0, len(heard), NOTED_AT_ONCE):
            record_activity(heard[start : start + NOTED_AT_ONCE])
        publish_revisions(concerned)

    if concerned:
        run_in_transaction(tell)


def _heard(entries: Sequence[Entry], outcomes: Sequence[HoldReason | None], router: Router) -> list[NumberActivity]:
    """The numbers that were named by themselves in items that are theirs, and when webhooks with such items arrived."""
    times: dict[PhoneNumber, tuple[datetime, datetime]] = {}
    for entry, outcome in zip(entries, outcomes, strict=True):
        is_theirs = outcome is None or outcome.cause == Cause.FAILED
        if is_theirs and (number := router.named_number(entry, entry.item.phone_number_id or "")):
            first, last = times.get(number, (entry.received_at, entry.received_at))
            times[number] = (min(first, entry.received_at), max(last, entry.received_at))
    heard = [NumberActivity(number, first, last) for number, (first, last) in times.items()]
    return sorted(heard, key=lambda each: each.number.pk)
