"""Bots, reminders and events leave out what happened before the restore, when webhooks of that time are applied."""

from datetime import datetime

from bots.automatic.reminders import mark_as_reminded
from chats.conversations.sessions.session_expiry import close_expired_sessions
from contacts.models import SERVICE_WINDOW, Contact
from events.endpoints.services import renew_wanted_kinds
from events.models import EventEndpoint
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber

STEP = 1_000


def keep_bots_silent(now: datetime) -> None:
    """No bot and no automatic message answers what customers wrote before `now`."""
    PhoneNumber.objects.filter(answers_since__lt=now).update(answers_since=now)


def report_nothing() -> None:
    """No event is recorded until `resume_reports`."""
    Organization.objects.filter(event_kinds__isnull=False).update(event_kinds=None)


def resume_reports() -> None:
    """Closes the sessions that have expired, without an event, and reports what happens from now on."""
    close_expired_sessions()
    for organization_id in EventEndpoint.objects.enabled().values_list("organization", flat=True).distinct():
        run_in_transaction(lambda pk=organization_id: renew_wanted_kinds(pk))  # type: ignore[misc]


def skip_reminders(now: datetime) -> None:
    """Counts conversations with an open window as reminded: a reminder may have left after the backup."""
    last = 0
    is_open = Contact.objects.filter(
        last_customer_message_at__gt=now - SERVICE_WINDOW, create_for_phone_number__answers_since__isnull=False
    ).exclude(session_id=None)
    while contacts := list(is_open.filter(pk__gt=last).order_by("pk")[:STEP]):
        run_in_transaction(lambda step=contacts: mark_as_reminded(step))  # type: ignore[misc]
        last = contacts[-1].pk
