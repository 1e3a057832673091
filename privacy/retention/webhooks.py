"""Deletes webhooks that are done: everything in them is applied. What they contained stays, and no rebuild removes it."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.core.cache import cache
from django.db.models import Q

from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.models import Organization
from privacy.models import PrivacySettings
from webhooks.models import HeldItem, RebuildProgress, Webhook

STEP = 500
"""Webhooks of one transaction."""
POSITION = "privacy:platform-webhooks"
"""Key of the cache: the last webhook in the log of no organization that was looked at."""
POSITION_SECONDS = 24 * 3600


def prune_webhooks(settings: PrivacySettings, before: datetime) -> Iterator[int]:
    """Deletes webhooks of the organization's log that arrived before this time. Yields the number of webhooks of each step."""
    for last_id, done in _old_webhooks(settings.organization_id, before, settings.last_webhook_id):
        count = run_in_transaction(partial(_delete, done))
        settings.last_webhook_id = last_id
        settings.save(update_fields=["last_webhook_id"])
        yield count


def prune_platform_webhooks_of(before: datetime) -> Iterator[int]:
    """Deletes webhooks that arrived before this time and are in the log of no organization. Yields the number of webhooks of each
    step. They may contain items of any organization. Continues where the last run ended: there may be more webhooks that stay,
    because something in them waits, than a run can read."""
    for last_id, done in _old_webhooks(None, before, cache.get(POSITION, 0)):
        if done:
            earlier = Q(webhooks_pruned_until=None) | Q(webhooks_pruned_until__lt=before)
            Organization.objects.filter(earlier).update(webhooks_pruned_until=before)
        count = run_in_transaction(partial(_delete, done))
        cache.set(POSITION, last_id, POSITION_SECONDS)
        yield count
    cache.delete(POSITION)


def _old_webhooks(organization_id: int | None, before: datetime, last_id: int) -> Iterator[tuple[int, list[int]]]:
    """Yields for each step the id of the last webhook that was looked at, and the ids of those that are done."""
    log = Webhook.objects.filter(organization_id=organization_id).order_by("pk")
    while rows := list(log.filter(pk__gt=last_id).values_list("pk", "state", "date")[:STEP]):
        old = [row for row in rows if row[2] < before]
        if not old:
            return
        last_id = old[-1][0]
        yield last_id, [pk for pk, state, _ in old if state == State.DONE]
        if len(old) < len(rows):
            return


def _delete(ids: list[int]) -> int:
    """Deletes those of the webhooks that have no items that wait or are dead. None while a rebuild is running."""
    progress, _ = RebuildProgress.objects.select_for_update().get_or_create(pk=1)
    if progress.is_running:
        return 0
    done = set(Webhook.objects.select_for_update().filter(pk__in=ids, state=State.DONE).order_by("pk").values_list("pk", flat=True))
    done -= set(HeldItem.objects.filter(webhook__in=done).values_list("webhook", flat=True))
    Webhook.objects.filter(pk__in=done).delete()
    return len(done)
