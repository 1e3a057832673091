"""Closes sessions that expired with nobody writing. Screens judge by time, so they are right even before it."""

from django.utils import timezone

from chats.filing import close_sessions
from contacts.models import Contact
from jobs.transactions import run_in_transaction

GROUP = 500


def close_expired_sessions() -> int:
    """Close every session that has expired; returns how many contacts that concerned."""
    total = 0
    while closed := run_in_transaction(_close_group):
        total += closed
    return total


def _close_group() -> int:
    now = timezone.now()
    expired = Contact.objects.filter(session_is_active=True, session_expires_at__lte=now)
    ids = list(expired.order_by("session_expires_at").values_list("pk", flat=True)[:GROUP])
    contacts = list(
        Contact.objects.select_for_update().filter(pk__in=ids, session_is_active=True, session_expires_at__lte=now).order_by("pk")
    )
    close_sessions(contacts, now)
    Contact.objects.filter(pk__in=[contact.pk for contact in contacts]).update(session_is_active=False)
    return len(contacts)
