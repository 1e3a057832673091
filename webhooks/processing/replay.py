"""Applying stored webhooks again. The raw log is the source of truth: what came from it can be made anew from it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Max, Q
from django.utils import timezone

from chats.conversations.inbound_messages import recompute_contacts
from chats.models import Message, StatusEvent, UnmatchedStatus
from contacts.models import Contact, ContactChange, MarketingChoice
from jobs.models import LeasedQuerySet
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import AccountEvent, User
from webhooks.models import HeldItem, Webhook

STEP = 5_000
Progress = Callable[[int], object]
"""Hears how many rows were changed since it heard last."""


FORGOTTEN = {
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
"""What a contact knows from webhooks, apart from the identifiers. What Graph itself refused stays: no webhook tells
it."""


def replay(rows: LeasedQuerySet[Any], progress: Progress) -> int:
    """Let workers apply these webhooks or held items again, whatever became of them; returns how many. What was applied before does
    not change."""
    return _in_steps(rows, lambda step: step.make_due(), progress)


def make_webhook_due(*, webhook: Webhook, by: User) -> None:
    """Let a worker apply this webhook afresh, with all that is held of it."""

    def make_due() -> None:
        HeldItem.objects.filter(webhook=webhook).make_due()  # in the order in which the lanes lock them
        Webhook.objects.filter(pk=webhook.pk).make_due()
        if webhook.organization_id is not None:
            publish_revisions([webhook.organization_id])

    run_in_transaction(make_due)


def delete_derived_rows(until: int, progress: Progress) -> None:
    """Delete messages, statuses and events that webhooks up to this id told, and what contacts know from them.

    Contacts stay, with their identifiers past and present, flags and all that staff wrote, changed and decided: applying the log
    again finds them. What the hub itself sent stays too, and is filed anew.
    """
    for model in (UnmatchedStatus, StatusEvent, Message, AccountEvent):
        told = model._default_manager.filter(webhook_id__lte=until)
        _in_steps(told, lambda step: step.delete()[0], progress)
    _in_steps(ContactChange.objects.exclude(key=None), lambda step: step.delete()[0], progress)
    _in_steps(MarketingChoice.objects.all(), lambda step: step.delete()[0], progress)
    _in_steps(Contact.objects.all(), lambda step: step.update(**FORGOTTEN), progress)
    left = Message.objects.values("contact")  # what the hub wrote itself, and what has come since
    _in_steps(Contact.objects.filter(pk__in=left), lambda step: recompute_contacts(step, timezone.now()), progress)


def latest_webhook() -> int:
    """The id of the newest webhook; 0 if there is none."""
    return Webhook.objects.aggregate(latest=Max("pk"))["latest"] or 0


def since(moment: datetime) -> LeasedQuerySet[Webhook]:
    """The webhooks received then or later."""
    return Webhook.objects.filter(date__gte=moment)


def _in_steps(rows: Any, change: Callable[[Any], int], progress: Progress) -> int:
    """Change the rows, so many in a transaction; tells `progress` of each step, and returns how many rows it changed."""
    total = last = 0
    while ids := list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:STEP]):
        last = ids[-1]
        changed = run_in_transaction(partial(change, rows.filter(pk__range=(ids[0], last))))
        total += changed
        progress(changed)
    return total
