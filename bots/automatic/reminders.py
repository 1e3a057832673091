"""Reminds customers who have not answered before their service window closes. A chore of the worker.

The reminder is off until an administrator switches it on. It goes out once in a session, to a customer whose last message has an
answer of the business, and never after the window has closed.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from bots.automatic.due_messages import AutomaticKind, automatic_file, contact_facts, message_of, number_facts
from bots.automatic.services import hours_of
from bots.files.queued_messages import add_files
from bots.models import AutomaticMessages, AutomaticMessageSent
from chats.models import Origin
from chats.outbox.message_queue import WINDOW_MARGIN, BotMessage, queue_bot_messages
from contacts.models import SERVICE_WINDOW, Contact
from contacts.owners import Owner
from jobs.batches import apply_batch
from jobs.bulk_writes import insert_missing_rows
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import PhoneNumber

log = logging.getLogger(__name__)

BATCH = 200
"""Contacts in one transaction."""
MAX_REMINDERS = 10_000
"""Of one number in one run of the chore."""
TOKENS = uuid.UUID("5b1f9a86-64a7-4c0e-8f2e-2f4d1c3f7a11")
"""Namespace of the tokens of reminders: one token for each contact and session, so that none is queued twice."""


def send_reminders() -> int:
    """Queues the reminders that are due. Returns their number. A reminder that cannot be queued does not stop the others. It is not
    tried again in its session."""
    numbers = PhoneNumber.objects.active().filter(answers_since__isnull=False, sending_stopped_at=None)
    on = AutomaticMessages.objects.filter(reminder_is_on=True, number__in=numbers).exclude(reminder=None)
    with_number = on.select_related("number__organization").defer(*(f"number__{column}" for column in PhoneNumber.SECRETS))
    return sum(_remind_number(settings) for settings in with_number.order_by("pk"))


def _remind_number(settings: AutomaticMessages) -> int:
    queued: list[int] = []

    def remind(contact_ids: Sequence[int]) -> None:
        queued.append(run_in_transaction(partial(_remind, settings, contact_ids)))

    def reject(contact_id: int, failure: Exception) -> None:
        log.error("contact %s could not be reminded: %s", contact_id, type(failure).__name__)
        run_in_transaction(partial(mark_as_reminded, Contact.objects.filter(pk=contact_id)))

    for _ in range(MAX_REMINDERS // BATCH):
        contact_ids = list(due_contacts(settings, timezone.now()).values_list("pk", flat=True)[:BATCH])
        if not contact_ids:
            break
        apply_batch(contact_ids, apply=remind, reject=reject)
    return sum(queued)


def due_contacts(settings: AutomaticMessages, now: datetime) -> QuerySet[Contact]:
    """Returns the contacts of the number that are to be reminded now, the earliest closing window first."""
    sent = AutomaticMessageSent.objects.filter(
        contact=OuterRef("pk"), session_id=OuterRef("session_id"), kind=AutomaticKind.REMINDER
    )
    closes_after = now + WINDOW_MARGIN - SERVICE_WINDOW
    closes_before = now + timedelta(minutes=settings.reminder_minutes) - SERVICE_WINDOW
    refused = Q(window_refused_at__gte=F("last_customer_message_at"))
    # The organization and the time are the columns of an index, which reads only windows that close soon.
    closing = Contact.objects.filter(
        organization=settings.number.organization_id,
        last_customer_message_at__gt=closes_after,
        last_customer_message_at__lte=closes_before,
        create_for_phone_number=settings.number.phone_number_id,
        last_business_message_at__gt=F("last_customer_message_at"),
        activate_automatic_message=True,
        blocked_at=None,
        session_is_active=True,
    )
    # A customer who waits for a person is not to be asked for an answer, and Meta's agent speaks for itself.
    closing = closing.exclude(owner__in=[Owner.WAITING, Owner.META_AGENT]).exclude(refused)
    return closing.exclude(Exists(sent)).order_by("last_customer_message_at", "pk")


def _remind(settings: AutomaticMessages, contact_ids: Sequence[int]) -> int:
    """Queues the reminders of those contacts that are still to be reminded. Returns how many were queued."""
    now = timezone.now()
    list(Contact.objects.select_for_update().filter(pk__in=contact_ids).order_by("pk").values_list("pk"))
    contacts = list(due_contacts(settings, now).filter(pk__in=contact_ids).order_by("pk"))
    mark_as_reminded(contacts)
    number = settings.number
    of_number = number_facts(organization=number.organization, hours=hours_of(settings, number.organization), now=now)
    found = (
        (contact, message_of(AutomaticKind.REMINDER, settings, facts=contact_facts(contact, of_number))) for contact in contacts
    )
    messages = [_bot_message(contact, message) for contact, message in found if message]
    file = automatic_file(AutomaticKind.REMINDER, settings, facts=of_number)
    messages = add_files(messages, {message.token: file for message in messages} if file else {})
    queue_bot_messages(messages, {number.phone_number_id: number}, now)
    publish_revisions([number.organization_id])
    return len(messages)


def _bot_message(contact: Contact, message: Mapping[str, Any]) -> BotMessage:
    token = uuid.uuid5(TOKENS, f"{contact.pk} {contact.session_id}")
    trace = {"because": AutomaticKind.REMINDER.value}
    return BotMessage(contact=contact, message=message, token=token, origin=Origin.AUTOMATIC, trace=trace)


def mark_as_reminded(contacts: Iterable[Contact]) -> None:
    """Notes that these contacts have had the reminder of their session."""
    kind = AutomaticKind.REMINDER.value
    sessions = [(each, each.session_id) for each in contacts]
    insert_missing_rows(
        [AutomaticMessageSent(contact=each, session_id=session, kind=kind) for each, session in sessions if session]
    )
