"""Applies stored webhooks again. The raw log is the source of truth: everything from webhooks can be rebuilt from it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Max, Q
from django.utils import timezone

from chats.conversations.contact_columns import recompute_contacts
from chats.models import Message, StatusEvent, UnmatchedStatus
from contacts.models import Contact, ContactChange, MarketingChoice
from jobs.models import LeasedQuerySet
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import AccountEvent, User
from webhooks.models import HeldItem, Webhook

STEP = 5_000
"""Rows in one transaction."""
Progress = Callable[[int], object]
"""Called with the number of rows that were changed since the last call."""
CLEARED_COLUMNS = {
    "name": "",
    "name_at": None,
    "name_since": None,
    "username": "",
    "parent_bsuid": "",
    "marketing_stopped": ExpressionWrapper(Q(marketing_refused_at__isnull=False), output_field=BooleanField()),
    "marketing_at": F("marketing_refused_at"),
    "last_message_timestamp": None,
    "last_customer_message_at": None,
    "last_business_message_at": None,
    "waiting_since": None,
    "unread_count": 0,
    "unread_at": None,
    "session_id": None,
    "session_expires_at": None,
    "session_is_active": False,
}
"""Columns of a contact that come from webhooks, apart from the identifiers. What Graph refused in a response stays: it is in no
webhook."""


def replay(rows: LeasedQuerySet[Any], progress: Progress) -> int:
    """Makes these webhooks or held items due, whatever their state. Returns how many. What was applied before does not change."""
    return _in_steps(rows, lambda step: step.make_due(), progress)


def make_webhook_due(*, webhook: Webhook, by: User) -> None:
    """Makes the webhook and its held items due."""

    def make_due() -> None:
        HeldItem.objects.filter(webhook=webhook).make_due()  # in the order in which the lanes lock them
        Webhook.objects.filter(pk=webhook.pk).make_due()
        if webhook.organization_id is not None:
            publish_revisions([webhook.organization_id])

    run_in_transaction(make_due)


def delete_derived_rows(until: int, progress: Progress) -> None:
    """Deletes the messages, statuses and events of webhooks up to this id, and clears the columns of contacts that come from them.

    Contacts stay, with their present and retired identifiers, flags, and what staff wrote, changed and decided: applying the log
    again finds them. What the hub itself sent stays too, and is assigned to sessions again.
    """
    for model in (UnmatchedStatus, StatusEvent, Message, AccountEvent):
        rows = model._default_manager.filter(webhook_id__lte=until)
        _in_steps(rows, lambda step: step.delete()[0], progress)
    _in_steps(ContactChange.objects.exclude(key=None), lambda step: step.delete()[0], progress)
    _in_steps(MarketingChoice.objects.all(), lambda step: step.delete()[0], progress)
    _in_steps(Contact.objects.all(), lambda step: step.update(**CLEARED_COLUMNS), progress)
    with_messages = Message.objects.values("contact")  # that the hub sent, or that arrived since
    _in_steps(Contact.objects.filter(pk__in=with_messages), lambda step: recompute_contacts(step, timezone.now()), progress)


def latest_webhook() -> int:
    """Returns the id of the newest webhook; 0 if there is none."""
    return Webhook.objects.aggregate(latest=Max("pk"))["latest"] or 0


def webhooks_since(time: datetime) -> LeasedQuerySet[Webhook]:
    """Returns the webhooks that were received at this time or later."""
    return Webhook.objects.filter(date__gte=time)


def _in_steps(rows: Any, change: Callable[[Any], int], progress: Progress) -> int:
    """Changes the rows, `STEP` in each transaction. Calls `progress` after each step. Returns how many rows it changed."""
    total = last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:STEP]):
        last = ids[-1]
        changed = run_in_transaction(partial(change, rows.filter(pk__range=(ids[0], last))))
        total += changed
        progress(changed)
    return total
