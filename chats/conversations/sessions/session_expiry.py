"""Closes sessions that expired without another message. Screens compare times, so they are right before that."""

import logging
from collections.abc import Sequence
from functools import partial

from django.utils import timezone
from prometheus_client import Counter

from chats.conversations.conversation_events import record_expired
from chats.conversations.sessions.session_assignment import close_sessions
from contacts.models import Contact
from jobs.batches import apply_batch
from jobs.transactions import run_in_transaction

log = logging.getLogger(__name__)

CLOSED = Counter(
    "hub_conversations_closed",
    "Conversations whose session, and with it the service window, ended. Without an answer: nobody answered the last message",
    ["answered"],
)
BATCH = 500
"""Contacts in one transaction."""
MAX_FAILED = 500
"""Sessions that cannot be closed, after which the chore stops."""


def close_expired_sessions() -> int:
    """Closes every expired session. Returns the number of contacts. A session that cannot be closed does not stop the others."""
    closed: list[int] = []
    failed: list[int] = []

    def close(contact_ids: Sequence[int]) -> None:
        contacts = run_in_transaction(partial(_close, contact_ids))
        closed.append(len(contacts))
        for contact in contacts:
            CLOSED.labels("no" if contact.waiting_since else "yes").inc()

    def reject(contact_id: int, failure: Exception) -> None:
        log.error("the session of contact %s could not be closed: %s", contact_id, type(failure).__name__)
        failed.append(contact_id)

    while len(failed) < MAX_FAILED and (contact_ids := _expired(failed)):
        apply_batch(contact_ids, apply=close, reject=reject)
    return sum(closed)


def _expired(failed: Sequence[int]) -> list[int]:
    """Returns the next contacts whose sessions have expired, without those that failed."""
    expired = Contact.objects.filter(session_is_active=True, session_expires_at__lte=timezone.now()).exclude(pk__in=failed)
    return list(expired.order_by("session_expires_at").values_list("pk", flat=True)[:BATCH])


def _close(contact_ids: Sequence[int]) -> list[Contact]:
    now = timezone.now()
    expired = Contact.objects.filter(pk__in=contact_ids, session_is_active=True, session_expires_at__lte=now)
    contacts = list(expired.select_for_update().order_by("pk"))
    close_sessions(contacts, now)
    Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).update(session_is_active=False)
    record_expired(contacts, now)
    return contacts
