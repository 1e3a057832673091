"""Bringing the templates up to date with what Meta has: by a person, and by the worker every few hours."""

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
from organizations.live.revisions import publish_revisions

log = logging.getLogger(__name__)

SYNC_INTERVAL = timedelta(hours=6)
FIRST_BACKOFF = timedelta(minutes=2)
"""After a failure; twice as long after each further one, up to AGAIN."""
CLOCK_TOLERANCE = timedelta(seconds=10)
"""By so much Meta's clock, which dates its webhooks, may be behind ours, which dates what we ask."""
MAX_ACCOUNTS = 10
"""Accounts in one round of the worker's."""
MAX_RUN_SECONDS = 10.0
"""Seconds after which a round begins no further account: a worker that is told to stop finishes its round."""
COLUMNS = ("template_id", "category", "status", "quality", "reason", "parameter_format", "components")
SYNC_MEMORY = 30 * 24 * 3600
"""Seconds after which the cache forgets how an account's last try went."""


@dataclass(frozen=True, slots=True)
class SyncChanges:
    """How many of an account's templates Meta told of, and what was different here."""

    total: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0

    @property
    def rows(self) -> int:
        return self.new + self.changed + self.gone


@dataclass(frozen=True, slots=True)
class LastSync:
    """How bringing an account up to date went: when it last worked, and since then the failures, with Meta's code of the last."""

    worked_at: datetime | None = None
    failures: int = 0
    code: int | None = None


def sync_templates(account: Account) -> SyncChanges:
    """Make the account's templates those that Meta has. Nothing changes unless Meta has told all of them.

    Raises GraphError; NoUsableNumber.
    """
    started = timezone.now() - CLOCK_TOLERANCE
    _claim(account)
    try:
        with graph_for_account(account) as graph:
            told = _read(account, graph.templates(account.waba_id))
    except GraphError as refusal:
        _note_failure(account, refusal.code, refusal.retry_after)
        raise
    changes = run_in_transaction(lambda: _store(account, told, started))
    cache.set(_key("try", account), LastSync(timezone.now()), SYNC_MEMORY)
    return changes


def sync_due_templates() -> int:
    """Bring those accounts up to date that were not for some hours, are new, or of which a webhook told what is not known here;
    returns how many templates changed. Any number of workers may do this at once: each account is one's."""
    accounts = all_accounts()
    # For no keys at all, Django's cache asks MySQL what it cannot parse.
    waiting = cache.get_many([_key("turn", account) for account in accounts]) if accounts else {}
    due = [account for account in accounts if _key("turn", account) not in waiting]
    changed = 0
    until = time.monotonic() + MAX_RUN_SECONDS
    for account in due[:MAX_ACCOUNTS]:
        if time.monotonic() < until and cache.add(_key("turn", account), "", SYNC_INTERVAL.total_seconds()):
            changed += _try(account)
    return changed


def request_sync(account: Account) -> None:
    """Something is known to be out of date: the worker's next round brings the account up to date."""
    cache.delete(_key("turn", account))


def last_sync(account: Account) -> LastSync:
    found = cache.get(_key("try", account))
    return found if isinstance(found, LastSync) else LastSync()


def _try(account: Account) -> int:
    try:
        return sync_templates(account).rows
    except NoUsableNumber:
        return 0
    except GraphError as refusal:
        log.warning("the templates of account %s could not be read: code %s", account.waba_id, refusal.code)
        return 0
    except Exception as failure:
        if is_away(failure):
            raise
        log.error("the templates of account %s could not be synced: %s", account.waba_id, type(failure).__name__)
        _note_failure(account)  # whatever it is, the next account goes on, and this one is tried again later
        return 0


def _claim(account: Account) -> None:
    cache.set(_key("turn", account), "", SYNC_INTERVAL.total_seconds())


def _note_failure(account: Account, code: int | None = None, retry_after: float | None = None) -> None:
    """Have the account tried again after a pause, at least `retry_after` seconds. The code is Meta's, if Meta refused."""
    before = last_sync(account)
    cache.set(_key("try", account), LastSync(before.worked_at, before.failures + 1, code), SYNC_MEMORY)
    pause = min(SYNC_INTERVAL, FIRST_BACKOFF * 2 ** min(before.failures, 10))
    cache.set(_key("turn", account), "", max(pause.total_seconds(), retry_after or 0.0))


def _key(what: str, account: Account) -> str:
    return f"message-templates:{what}:{account.organization_id}:{quote(account.waba_id, safe='')}"


TemplateKey = tuple[str, str]
"""Name and language."""


def _read(account: Account, told: Iterable[Mapping[str, Any]]) -> dict[TemplateKey, MessageTemplate]:
    """Rows as Meta's list has them, without what could not be one."""
    rows = (template_from_meta(account, clean(dict(each))) for each in told)
    return {(row.name, row.language): row for row in rows if row}


def template_from_meta(account: Account, told: Mapping[str, Any]) -> MessageTemplate | None:
    """A template as Meta gives it, not stored; None without its name and language."""
    name, language = text(told, "name"), text(told, "language")
    if not 0 < len(name) <= 512 or not 0 < len(language) <= 20:
        return None
    is_named = text(told, "parameter_format").upper() == MessageTemplate.Format.NAMED
    return MessageTemplate(
        organization_id=account.organization_id,
        waba_id=account.waba_id,
        template_id=text(told, "id")[:64],
        name=name,
        language=language,
        category=text(told, "category").upper()[:40],
        status=text(told, "status").upper()[:40],
        quality=text(mapping(told, "quality_score"), "score").upper()[:20],
        parameter_format=MessageTemplate.Format.NAMED if is_named else MessageTemplate.Format.POSITIONAL,
        components=[dict(each) for each in objects(told, "components")],
    )


def _store(account: Account, told: Mapping[TemplateKey, MessageTemplate], started: datetime) -> SyncChanges:
    """What a webhook has told since the reading began is left as it is."""
    rows = MessageTemplate.objects.select_for_update().filter(organization=account.organization_id, waba_id=account.waba_id)
    known = {(row.name, row.language): row for row in rows}
    new = [row for key, row in told.items() if key not in known]
    gone = [row.pk for key, row in known.items() if key not in told and row.told_at <= started]
    fresh = [(row, told[key]) for key, row in known.items() if key in told and row.told_at <= started]
    changed = [row for row, now in fresh if _take_over(row, now)]
    for row in new:
        row.told_at = started
    MessageTemplate.objects.bulk_create(new)
    MessageTemplate.objects.bulk_update(changed, COLUMNS)
    MessageTemplate.objects.filter(pk__in=[row.pk for row, _ in fresh]).update(told_at=started)
    MessageTemplate.objects.filter(pk__in=gone).delete()
    changes = SyncChanges(len(told), len(new), len(changed), len(gone))
    if changes.rows:
        publish_revisions([account.organization_id])
    return changes


def _take_over(row: MessageTemplate, now: MessageTemplate) -> bool:
    """Whether anything is different. Lists do not tell a reason: the one of the last webhook holds while the status does."""
    now.reason = row.reason if row.status == now.status else ""
    if all(getattr(row, column) == getattr(now, column) for column in COLUMNS):
        return False
    for column in COLUMNS:
        setattr(row, column, getattr(now, column))
    return True
