"""The chores that delete what is too old: a little at a time, and nothing while webhooks wait."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain

from django.conf import settings as hub_settings
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from bots.models import Bot
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber
from privacy.models import PrivacySettings
from privacy.retention.files import prune_files
from privacy.retention.messages import prune_bot_requests, prune_flow_states, prune_messages
from privacy.retention.webhooks import prune_platform_webhooks_of, prune_webhooks
from privacy.retention.words import prune_words
from webhooks.models import Webhook

MAX_SECONDS = 10.0
"""How long one run of a chore works: half of the time, so that rows are deleted as fast as they arrive."""
INTERVAL = timedelta(hours=6)
"""After an organization has nothing more to delete."""
CLAIM = timedelta(minutes=10)
"""For so long no other worker works for the organization."""
PLATFORM_PAUSE = "privacy:platform-webhooks-pruned"
"""Key of the cache: exists for `PLATFORM_INTERVAL` seconds after the log of no organization had nothing to delete."""
PLATFORM_INTERVAL = 600
MAX_WAIT = timedelta(seconds=5)
"""While a webhook has waited longer to be applied, nothing is deleted."""


def prune_organizations() -> int:
    """A chore: deletes what organizations keep no longer, for `MAX_SECONDS`. Returns how many rows it deleted."""
    until = time.monotonic() + MAX_SECONDS
    now = timezone.now()
    total = 0
    for settings in PrivacySettings.objects.filter(prune_at__lte=now).order_by("prune_at").select_related("organization"):
        if _is_busy():
            break
        if _claim(settings, now):
            total += _prune(settings, now, until)
        if time.monotonic() > until:
            break
    return total


def prune_platform_webhooks() -> int:
    """A chore: deletes webhooks that are in the log of no organization, as old as WEBHOOK_RETENTION_DAYS says. Returns how many."""
    if not hub_settings.WEBHOOK_RETENTION_DAYS or cache.get(PLATFORM_PAUSE) or _is_busy():
        return 0
    before = _hours_ago(timezone.now(), hub_settings.WEBHOOK_RETENTION_DAYS)
    count, is_complete = _work_until(time.monotonic() + MAX_SECONDS, prune_platform_webhooks_of(before))
    if is_complete and not count:
        cache.set(PLATFORM_PAUSE, True, PLATFORM_INTERVAL)
    return count


def _is_busy() -> bool:
    return any(waited > MAX_WAIT for waited in Webhook.objects.waiting_times())


def _claim(settings: PrivacySettings, now: datetime) -> bool:
    own = PrivacySettings.objects.filter(pk=settings.pk, prune_at=settings.prune_at)
    return bool(own.update(prune_at=now + CLAIM))


def _prune(settings: PrivacySettings, now: datetime, until: float) -> int:
    count, is_complete = _work_until(until, _steps(settings, now))
    settings.prune_at = now + INTERVAL if is_complete else now
    if is_complete:
        settings.pruned_at, settings.last_webhook_id, settings.last_word = now, 0, ""
    settings.save(update_fields=["prune_at", "pruned_at", "last_webhook_id", "last_word"])
    return count


def _work_until(until: float, steps: Iterable[int]) -> tuple[int, bool]:
    """Runs the steps until that time. Returns the number of deleted rows, and whether there are no further steps."""
    total = 0
    for count in steps:
        total += count
        if time.monotonic() > until or _is_busy():
            return total, False
    return total, True


def _steps(settings: PrivacySettings, now: datetime) -> Iterator[int]:
    """Yields the number of rows of each step."""
    numbers = list(PhoneNumber.objects.filter(organization=settings.organization).defer(*PhoneNumber.SECRETS).order_by("pk"))
    parts: list[Iterator[int]] = []
    if settings.webhook_days:
        before = _set_pruned_until(settings, "webhooks_pruned_until", now, settings.webhook_days)
        parts.append(prune_webhooks(settings, before))
    if settings.message_days:
        before = _set_pruned_until(settings, "messages_pruned_until", now, settings.message_days)
        bots = list(Bot.objects.filter(organization=settings.organization).values_list("pk", flat=True))
        parts += [prune_messages(numbers, before), prune_flow_states(settings.pk, before), prune_bot_requests(bots, before)]
        parts.append(prune_words(settings, before))
    if settings.file_days:
        before = _set_pruned_until(settings, "files_pruned_until", now, settings.file_days)
        parts.append(prune_files(settings, numbers, before))
    return chain(*parts)


def _set_pruned_until(settings: PrivacySettings, column: str, now: datetime, days: int) -> datetime:
    """Stores before which time rows are deleted, so that what arrives later is treated alike. Returns that time. It never moves
    back."""
    before = _hours_ago(now, days)
    is_earlier = Q(**{column: None}) | Q(**{f"{column}__lt": before})
    own = Organization.objects.filter(is_earlier, pk=settings.pk)
    run_in_transaction(lambda: own.update(**{column: before}))
    return before


def _hours_ago(now: datetime, days: int) -> datetime:
    """Returns the time so many days ago, in whole hours, so that an organization's row changes once an hour at most."""
    return (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
