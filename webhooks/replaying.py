"""Applying stored webhooks again. The raw log is the source of truth: what came from it can be made anew from it."""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Max, Min, Model, Q, QuerySet

from chats.models import Message, StatusEvent
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import AccountEvent
from webhooks.models import HeldItem, Webhook

STEP = 5_000
Progress = Callable[[int], None]


def replay(webhooks: QuerySet[Webhook], progress: Progress) -> int:
    """Let workers apply these webhooks again, whatever became of them; returns how many. What was applied before does not change."""
    total = 0
    for first, last in _steps(webhooks):
        total += run_in_transaction(lambda first=first, last=last: webhooks.filter(pk__range=(first, last)).make_due())
        progress(total)
    return total


def replay_dead(progress: Progress) -> int:
    """Try again every webhook and every held item that is dead; returns how many."""
    items = run_in_transaction(HeldItem.objects.dead().make_due)
    return items + replay(Webhook.objects.dead(), progress)


def forget_what_webhooks_told(until: int, progress: Progress) -> None:
    """Delete messages, statuses and events that webhooks up to this id told, and what contacts know from them.

    Contacts stay, with their identifiers past and present, flags and all that staff wrote: applying the log again finds them.
    """
    told = Q(webhook_id__lte=until)
    done = 0
    for model in (StatusEvent, Message, AccountEvent):
        done = _delete(model._default_manager.filter(told), done, progress)
    for first, last in _steps(Contact.objects.all()):
        contacts = Contact.objects.filter(pk__range=(first, last))
        run_in_transaction(
            lambda contacts=contacts: contacts.update(
                name="",
                name_at=None,
                username="",
                parent_bsuid="",
                marketing_stopped=False,
                marketing_at=None,
                last_message_timestamp=None,
                last_customer_message_at=None,
                session_id=None,
                session_expires_at=None,
                session_is_active=False,
            )
        )


def latest_webhook() -> int:
    """The id of the newest webhook; 0 if there is none."""
    return Webhook.objects.aggregate(latest=Max("pk"))["latest"] or 0


def since(moment: datetime) -> QuerySet[Webhook]:
    return Webhook.objects.filter(date__gte=moment)


def _delete(rows: QuerySet[Model], done: int, progress: Progress) -> int:
    for first, last in _steps(rows):
        deleted, _ = run_in_transaction(lambda first=first, last=last: rows.filter(pk__range=(first, last)).delete())
        done += deleted
        progress(done)
    return done


def _steps(rows: QuerySet[Model]) -> list[tuple[int, int]]:
    """Ranges of ids that cover the rows, so that no transaction is large."""
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return []
    return [(start, start + STEP - 1) for start in range(ends["first"], ends["last"] + 1, STEP)]
