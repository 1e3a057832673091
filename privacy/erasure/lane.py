"""The lane of the worker that erases persons, step by step.

    withdraw         messages that have not left are withdrawn, and exports of the person stop; one that is being sent or written
                     ends first
    messages         messages with their statuses, files and search words
    own_log          the webhooks in the organization's log
    shared_log       its parts of webhooks that are in no log
    statuses         statuses of messages that another system sent
    account_events   calls and other events
    deliveries       events for other systems, and their log
    other_rows       imports, exports, admin's log
    unmatched        the list of statuses whose messages the hub does not know
    contacts         the contact and all that belongs to it
    finish           the row forgets the person

Each step may be repeated: a worker that dies leaves the position of the last step.
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.db.models import Max
from django.db.models.functions import Now
from django.utils import timezone

from jobs.models import Lease, State
from jobs.transactions import run_in_transaction
from jobs.workers.worker import Lane
from organizations.live.revisions import publish_revisions
from privacy.erasure import leftovers, messages, raw_log
from privacy.erasure.contacts import erase_contacts, erase_related_rows, find_again
from privacy.erasure.person import PersonToErase
from privacy.export_deletion import stop_exports
from privacy.models import Erasure
from webhooks.models import Webhook

MAX_SECONDS = 20.0
"""How long one lease works on an erasure before others have their turn."""
RETRY_DELAY = timedelta(seconds=2)

PARTS: dict[str, Callable[[PersonToErase, int], dict[str, int] | None]] = {
    "messages": messages.erase_messages,
    "own_log": raw_log.erase_in_own_log,
    "shared_log": raw_log.erase_in_shared_log,
    "statuses": leftovers.erase_statuses_without_message,
    "account_events": leftovers.erase_account_events,
    "deliveries": leftovers.erase_event_deliveries,
    "other_rows": leftovers.erase_other_rows,
    "unmatched": leftovers.erase_unmatched_statuses,
}
"""Steps that consist of parts. Each call erases the next part, and returns None after the last one."""
STEPS = ["withdraw", *PARTS, "contacts", "finish"]


def run_erasures(lease: Lease) -> None:
    """Works on the erasures of the lease."""
    for pk in lease.ids:
        erasure = Erasure.objects.get(pk=pk)
        until = time.monotonic() + MAX_SECONDS
        while _run_step(lease, erasure):
            if time.monotonic() > until:
                lease.give_back([pk])
                break


def _run_step(lease: Lease, erasure: Erasure) -> bool:
    """Runs the next part. Returns False if the erasure is finished, must wait, or is another worker's."""
    person = PersonToErase.from_json(erasure.person)
    if erasure.step == "finish":
        return _finish(lease, erasure, person)
    if erasure.step == "withdraw":
        is_withdrawn = messages.withdraw_queued(person)
        if not stop_exports(erasure.organization_id, person.contacts) or not is_withdrawn:
            lease.held([erasure.pk]).update(due_at=Now() + RETRY_DELAY, lease_token=None)
            return False
        return _store(lease, erasure, person, "messages")
    if erasure.step == "contacts":
        is_done = not erase_related_rows(person) and erase_contacts(person)
        return _store(lease, erasure, person, "finish" if is_done else "withdraw")
    counts = PARTS[erasure.step](person, erasure.organization_id)
    if counts is not None:
        erasure.counts = dict(Counter(erasure.counts) + Counter(counts))
        return _store(lease, erasure, person, erasure.step)
    return _store(lease, erasure, person, STEPS[STEPS.index(erasure.step) + 1])


def _store(lease: Lease, erasure: Erasure, person: PersonToErase, step: str) -> bool:
    if step != erasure.step:
        person.cursor = ""
        if step == "own_log":
            person.until_webhook = Webhook.objects.aggregate(latest=Max("pk"))["latest"] or 0
    erasure.step, erasure.person = step, person.to_json()
    held = lease.held([erasure.pk])
    is_held = bool(held.update(step=step, person=erasure.person, counts=erasure.counts))
    publish_revisions([erasure.organization_id])
    return is_held


def _finish(lease: Lease, erasure: Erasure, person: PersonToErase) -> bool:
    """Ends the erasure, or begins again with contacts that somebody made of older messages meanwhile. Returns whether it did."""
    if again := find_again(person, erasure.organization_id, person.until):
        person.contacts = again
        return _store(lease, erasure, person, "withdraw")

    def finish() -> None:
        done = lease.held([erasure.pk])
        if done.update(state=State.DONE, lease_token=None, step="", person="", finished_at=timezone.now(), reason=""):
            publish_revisions([erasure.organization_id])

    run_in_transaction(finish)
    _empty_write_ahead_log()
    return False


def _empty_write_ahead_log() -> None:
    """SQLite's write-ahead log has older versions of pages until it is emptied. If others use it now, the next checkpoint does."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


LANE = Lane("erasures", model=Erasure, work=run_erasures, limit=1, seconds=120.0)
