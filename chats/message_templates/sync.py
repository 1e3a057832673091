"""Syncs the templates of accounts with Meta's list: when staff asks for it, and by a chore of the worker every few hours."""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.core.cache import cache
from django.utils import timezone

from chats.message_templates.accounts import Account, NoUsableNumber, all_accounts, graph_for_account
from chats.models import MessageTemplate
from cloud_api.graph import GraphError
from cloud_api.payloads.json_values import clean
from cloud_api.payloads.texts import mapping, objects, text
from jobs.transactions import is_away, run_in_transaction
from organizations.events.kinds import EventKind
from organizations.events.outbox import NewEvent, record_events
from organizations.live.revisions import publish_revisions
from organizations.numbers.inbound_items import ReceivedWebhook

log = logging.getLogger(__name__)

SYNC_INTERVAL = timedelta(hours=6)
FIRST_BACKOFF = timedelta(minutes=2)
"""Delay after a failed sync. It doubles with each further failure, up to SYNC_INTERVAL."""
CLOCK_TOLERANCE = timedelta(seconds=10)
"""How far Meta's clock, which sets the times of webhooks, may be behind the hub's, which sets the times of syncs."""
MAX_ACCOUNTS = 10
"""Accounts that one run of the chore syncs."""
MAX_RUN_SECONDS = 10.0
"""A run of the chore begins no further account after this time, because a worker that stops waits for its chores."""
ROWS_AT_ONCE = 100
"""Templates of one statement. Each may have tens of kilobytes, and servers refuse statements of more than 16 MiB."""
COLUMNS = ("template_id", "category", "status", "quality", "reason", "parameter_format", "components")
SYNC_MEMORY = 30 * 24 * 3600
"""Seconds for which the cache keeps the result of an account's last sync."""


@dataclass(frozen=True, slots=True)
class SyncChanges:
    """How many templates Meta has listed for an account, and how many rows a sync has created, changed and deleted."""

    total: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0

    @property
    def rows(self) -> int:
        return self.new + self.changed + self.deleted


@dataclass(frozen=True, slots=True)
class LastSync:
    """When an account was last synced, how many syncs have failed since then, and Meta's code of the last failure."""

    succeeded_at: datetime | None = None
    failures: int = 0
    code: int | None = None


def sync_templates(account: Account) -> SyncChanges:
    """Makes the account's templates equal to Meta's list. Changes nothing unless the whole list was read.

    Raises GraphError and NoUsableNumber.
    """
    started_at = timezone.now() - CLOCK_TOLERANCE
    cache.set(_key("turn", account), "", SYNC_INTERVAL.total_seconds())
    try:
        with graph_for_account(account) as graph:
            listed = _read(account, graph.templates(account.waba_id))
    except GraphError as error:
        _record_failure(account, error.code, error.retry_after)
        raise
    changes = run_in_transaction(lambda: _store(account, listed, started_at))
    cache.set(_key("last-sync", account), LastSync(timezone.now()), SYNC_MEMORY)
    return changes


def sync_due_templates() -> int:
    """Syncs the accounts that are due: new ones, those whose last sync is some hours old, and those with a request (see
    `request_sync`). Returns how many templates changed. Safe to run on several workers at once: each account is synced by one."""
    accounts = all_accounts()
    # Without any keys, Django's cache makes a query that MySQL cannot parse.
    waiting = cache.get_many([_key("turn", account) for account in accounts]) if accounts else {}
    due = [account for account in accounts if _key("turn", account) not in waiting]
    changed = 0
    deadline = time.monotonic() + MAX_RUN_SECONDS
    for account in due[:MAX_ACCOUNTS]:
        if time.monotonic() < deadline and cache.add(_key("turn", account), "", SYNC_INTERVAL.total_seconds()):
            changed += _sync_or_log(account)
    return changed


def request_sync(account: Account) -> None:
    """Makes the account due for the next run of the chore, because a template is known to be out of date."""
    cache.delete(_key("turn", account))


def last_sync(account: Account) -> LastSync:
    """Returns the result of the account's last sync; an empty one if the cache has none."""
    found = cache.get(_key("last-sync", account))
    return found if isinstance(found, LastSync) else LastSync()


def _sync_or_log(account: Account) -> int:
    """Syncs the account and returns how many rows changed. An error is logged, so that the next account is synced."""
    try:
        return sync_templates(account).rows
    except NoUsableNumber:
        return 0
    except GraphError as error:
        log.warning("the templates of account %s could not be read: code %s", account.waba_id, error.code)
        return 0
    except Exception as error:
        if is_away(error):
            raise
        log.error("the templates of account %s could not be synced: %s", account.waba_id, type(error).__name__)
        _record_failure(account)
        return 0


def _record_failure(account: Account, code: int | None = None, retry_after: float | None = None) -> None:
    """Makes the account due again after a backoff of at least `retry_after` seconds. `code` is Meta's, if Meta refused."""
    previous = last_sync(account)
    failed = LastSync(previous.succeeded_at, previous.failures + 1, code)
    cache.set(_key("last-sync", account), failed, SYNC_MEMORY)
    backoff = min(SYNC_INTERVAL, FIRST_BACKOFF * 2 ** min(previous.failures, 10))
    cache.set(_key("turn", account), "", max(backoff.total_seconds(), retry_after or 0.0))


def _key(value: str, account: Account) -> str:
    """Returns a key of the cache. `turn` exists while the account waits for its next sync. `last-sync` is its LastSync."""
    return f"message-templates:{value}:{account.organization_id}:{quote(account.waba_id, safe='')}"


TemplateKey = tuple[str, str]
"""Name and language."""


def _read(account: Account, listed: Iterable[Mapping[str, Any]]) -> dict[TemplateKey, MessageTemplate]:
    """Returns the templates of Meta's list, not stored. Leaves out objects without a valid name or language."""
    rows = (template_from_meta(account, clean(dict(each))) for each in listed)
    return {(row.name, row.language): row for row in rows if row}


def template_from_meta(account: Account, described: Mapping[str, Any]) -> MessageTemplate | None:
    """Returns the template that Meta describes, not stored; None without a valid name and language."""
    name, language = text(described, "name"), text(described, "language")
    if not 0 < len(name) <= 512 or not 0 < len(language) <= 20:
        return None
    is_named = text(described, "parameter_format").upper() == MessageTemplate.Format.NAMED
    return MessageTemplate(
        organization_id=account.organization_id,
        waba_id=account.waba_id,
        template_id=text(described, "id")[:64],
        name=name,
        language=language,
        category=text(described, "category").upper()[:40],
        status=text(described, "status").upper()[:40],
        quality=text(mapping(described, "quality_score"), "score").upper()[:20],
        parameter_format=MessageTemplate.Format.NAMED if is_named else MessageTemplate.Format.POSITIONAL,
        components=[dict(each) for each in objects(described, "components")],
    )


def _store(account: Account, listed: Mapping[TemplateKey, MessageTemplate], started_at: datetime) -> SyncChanges:
    """Creates, updates and deletes rows. Rows that a webhook has changed since `started_at` stay as they are."""
    rows = MessageTemplate.objects.select_for_update().filter(organization=account.organization_id, waba_id=account.waba_id)
    stored = {(row.name, row.language): row for row in rows}
    new = [row for key, row in listed.items() if key not in stored]
    deleted = [row.pk for key, row in stored.items() if key not in listed and row.reported_at <= started_at]
    matched = [(row, listed[key]) for key, row in stored.items() if key in listed and row.reported_at <= started_at]
    changed = [row for row, described in matched if _update(row, described)]
    for row in new:
        row.reported_at = started_at
    MessageTemplate.objects.bulk_create(new, batch_size=ROWS_AT_ONCE)
    MessageTemplate.objects.bulk_update(changed, COLUMNS, batch_size=ROWS_AT_ONCE)
    MessageTemplate.objects.filter(pk__in=[row.pk for row, _ in matched]).update(reported_at=started_at)
    MessageTemplate.objects.filter(pk__in=deleted).delete()
    changes = SyncChanges(len(listed), len(new), len(changed), len(deleted))
    if changes.rows:
        gone = [row for row in stored.values() if row.pk in set(deleted)]
        record_events([template_event(row, started_at) for row in (*new, *changed, *gone)])
        publish_revisions([account.organization_id])
    return changes


def template_event(
    row: MessageTemplate, occurred_at: datetime, *, key: str = "", webhook: ReceivedWebhook | None = None
) -> NewEvent:
    """Returns the event of a template that was added, changed or deleted, for other systems."""
    return NewEvent(
        kind=EventKind.TEMPLATE_CHANGED,
        organization_id=row.organization_id,
        occurred_at=occurred_at,
        key=key,
        webhook_id=webhook.id if webhook else 0,
        received_at=webhook.received_at if webhook else None,
        facts={"account": row.waba_id, "name": row.name, "language": row.language},
    )


def _update(row: MessageTemplate, described: MessageTemplate) -> bool:
    """Copies the columns of `described` to `row`, without saving it. Returns whether any differ."""
    # Meta's list has no reasons: the reason from the last webhook stays as long as the status does.
    described.reason = row.reason if row.status == described.status else ""
    if all(getattr(row, column) == getattr(described, column) for column in COLUMNS):
        return False
    for column in COLUMNS:
        setattr(row, column, getattr(described, column))
    return True
