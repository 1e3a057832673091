"""Applies stored webhooks again. The raw log is the source of truth: everything from webhooks can be rebuilt from it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from jobs.models import LeasedQuerySet
from jobs.transactions import run_in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import record_action
from organizations.live.revisions import publish_revisions
from organizations.models import User
from webhooks.models import HeldItem, Webhook

STEP = 5_000
"""Rows in one transaction."""
Progress = Callable[[int], object]
"""Called with the number of rows that were changed since the last call."""


def replay(rows: LeasedQuerySet[Any], progress: Progress) -> int:
    """Makes these webhooks or held items due, whatever their state. Returns how many. What was applied before does not change."""
    return in_steps(rows, lambda step: step.make_due(), progress)


def make_webhook_due(*, webhook: Webhook, by: User | None) -> None:
    """Makes the webhook and its held items due."""

    def make_due() -> None:
        HeldItem.objects.filter(webhook=webhook).make_due()  # in the order in which the lanes lock them
        Webhook.objects.filter(pk=webhook.pk).make_due()
        record_action(AuditAction.REPLAYED, organization=webhook.organization_id, by=by, target=("webhook", webhook.pk))
        if webhook.organization_id is not None:
            publish_revisions([webhook.organization_id])

    run_in_transaction(make_due)


def webhooks_since(time: datetime) -> LeasedQuerySet[Webhook]:
    """Returns the webhooks that were received at this time or later."""
    return Webhook.objects.filter(date__gte=time)


def in_steps(rows: Any, change: Callable[[Any], int], progress: Progress) -> int:
    """Changes the rows, `STEP` in each transaction. Calls `progress` after each step. Returns how many rows it changed."""
    total = last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:STEP]):
        last = ids[-1]
        changed = run_in_transaction(partial(change, rows.filter(pk__range=(ids[0], last))))
        total += changed
        progress(changed)
    return total
