"""The lane of flows whose timer has ended: reminders and time-outs. A timer ends without effect if somebody else is in charge."""

import logging
from collections.abc import Sequence
from functools import partial

from django.utils import timezone

from bots.answering.answers import store_results
from bots.answering.conversations import load_conversations, lock_contacts
from bots.answering.decisions import decide_failure, decide_timer
from bots.models import BotConversation
from jobs.batches import apply_batch
from jobs.models import Lease
from jobs.transactions import run_in_transaction
from jobs.workers.worker import Lane, format_without_message

log = logging.getLogger(__name__)

MAX_TIMERS = 200
"""Timers of one transaction."""


def run_timers(lease: Lease) -> None:
    """Goes on with these flows, and ends their leases."""

    def reject(contact_id: int, failure: Exception) -> None:
        log.error("the timer of contact %s failed: %s", contact_id, format_without_message(failure))
        run_in_transaction(partial(_hand_over, lease, contact_id))

    apply_batch(lease.ids, apply=lambda ids: run_in_transaction(partial(_run, lease, ids)), reject=reject)


LANE = Lane("bot-timers", BotConversation, run_timers, limit=MAX_TIMERS)


def _run(lease: Lease, contact_ids: Sequence[int]) -> None:
    now = timezone.now()
    contacts = lock_contacts(contact_ids)
    held = set(lease.held(contact_ids).values_list("pk", flat=True))
    conversations = load_conversations({pk: contacts[pk] for pk in contacts if pk in held}, now)
    store_results([decide_timer(each) for each in conversations], now)
    lease.set_waiting(list(held), "")  # those whose flow did not run


def _hand_over(lease: Lease, contact_id: int) -> None:
    now = timezone.now()
    contacts = lock_contacts([contact_id])
    if lease.held([contact_id]).exists():
        store_results([decide_failure(each, f"failed:{contact_id}") for each in load_conversations(contacts, now)], now)
        lease.set_waiting([contact_id], "the flow failed")
