"""Rebuilds what came from webhooks: deletes it, then applies the whole raw log again, part by part.

    not running ──start──> rows are being deleted ──apply──> the log is applied, up to a position ──> not running

The state is one row (`RebuildProgress`), so a rebuild that was interrupted goes on where it was. The process that started last has
the rebuild. An earlier one that still runs raises `TakenOver` at its next step, because it would delete rows that are new.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from chats.conversations.contact_columns import recompute_contacts
from chats.conversations.pruned_items import MAX_STATUS_DELAY
from chats.models import Message, StatusEvent, UnmatchedStatus
from contacts.models import Contact, ContactChange
from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.events.wishes import mark_as_rebuilt
from organizations.models import AccountEvent, Organization
from webhooks.models import RebuildProgress, Webhook
from webhooks.processing.replay import STEP, Progress, in_steps

MAX_DUE = 4 * STEP
"""Webhooks that are due again at once. Enough for the leases of a dozen processes, few enough that a new webhook, which is applied
after them, waits for some seconds only."""
PAUSE = 0.05
"""Seconds between two looks at the due webhooks while other processes apply them."""
WEBHOOK_COLUMNS = {
    "name": "",
    "name_at": None,
    "name_since": None,
    "username": "",
    "parent_bsuid": "",
}
"""Columns of a contact that only webhooks contain. What Graph refused in a response stays: it is in no webhook. So does the consent
ledger with its columns: it is evidence, and applying a webhook again adds nothing to it."""
UNREAD_COLUMNS: dict[str, Any] = {"unread_count": 0, "unread_at": None}
SESSION_COLUMNS: dict[str, Any] = {"session_id": None, "session_expires_at": None, "session_is_active": False}
TIME_COLUMNS = (
    *("waiting_since", "last_customer_message_at", "last_question_at"),
    *("last_business_message_at", "last_message_timestamp"),
)
CLEARED_COLUMNS = WEBHOOK_COLUMNS | UNREAD_COLUMNS | SESSION_COLUMNS | dict.fromkeys(TIME_COLUMNS)
"""Columns of a contact that come from webhooks, apart from the identifiers."""


class TakenOver(Exception):
    """Another process has started after this one and goes on with the rebuild."""


@dataclass(frozen=True)
class Rebuild:
    """The rebuild, as long as this process has it."""

    token: uuid.UUID
    is_resumed: bool
    """Whether it goes on with one that was interrupted."""
    is_deleted: bool
    """Whether the rows that it deletes are gone already."""

    @classmethod
    def start(cls) -> "Rebuild":
        """Starts a rebuild, or takes over the one that is running or was interrupted. Waits for a transaction that deletes
        webhooks."""
        return run_in_transaction(cls._start)

    @classmethod
    def _start(cls) -> "Rebuild":
        row, _ = RebuildProgress.objects.select_for_update().get_or_create(pk=1)
        is_resumed = row.is_running and row.deleted_until is not None
        if not is_resumed:
            row.is_running, row.deleted_until, row.last_id, row.position = True, latest_webhook(), None, 0
        row.token = uuid.uuid4()
        row.save()
        return cls(row.token, is_resumed, is_deleted=row.last_id is not None)

    def delete_rows(self, progress: Progress) -> None:
        """Deletes the messages, statuses and events of the webhooks that were stored when the rebuild began, and clears the columns
        of contacts that come from them. Raises TakenOver.

        Contacts stay, with their present and retired identifiers, flags, their consent ledger, and what staff wrote, changed and
        decided: applying the log again finds them. What the hub itself sent stays too, and is assigned to sessions again. What
        webhooks contained that are deleted since stays as well: see `_is_in_log` and `_clear_contacts`.
        """
        until = run_in_transaction(self._locked).deleted_until or 0
        mark_as_rebuilt(until)
        for model in (UnmatchedStatus, StatusEvent, Message):
            rows = model._default_manager.filter(_is_in_log(since=_first_replayed()), webhook_id__lte=until)
            self._in_steps(rows, lambda step: step.only("pk").delete()[0], progress)
        events = AccountEvent.objects.filter(_is_in_log(), webhook_id__lte=until)
        self._in_steps(events, lambda step: step.delete()[0], progress)
        self._clear_contacts(progress)
        with_messages = Message.objects.values("contact")  # that the hub sent, that arrived since, or whose webhooks are deleted
        contacts = Contact.objects.filter(pk__in=with_messages)
        self._in_steps(contacts, lambda step: recompute_contacts(step, timezone.now()), progress)
        run_in_transaction(self._end_deletion)

    def _end_deletion(self) -> None:
        row = self._locked()
        row.last_id = latest_webhook()  # webhooks that arrived since the start contain names too
        row.save()

    def count_webhooks(self) -> tuple[int, int]:
        """Returns how many webhooks were made due so far, and how many there are in all. Raises TakenOver."""
        row = run_in_transaction(self._locked)
        made_due, total = (Webhook.objects.filter(pk__lte=last).count() for last in (row.position, row.last_id or 0))
        return made_due, total

    def apply(self, work: Callable[[], int], progress: Progress) -> None:
        """Makes the log due, part by part, until all of it is applied. Raises TakenOver.

        `work` applies due webhooks, or leaves that to other processes, and returns how many it applied. Webhooks that a process
        leased before it was killed are awaited.
        """
        before = 0
        while True:
            left = self._count_due()
            if left <= MAX_DUE - STEP:
                made_due = run_in_transaction(self._make_next_due)
                left, before = left + made_due, before + made_due
            progress(before - left)
            before = left
            if not left:
                break
            if not work():
                time.sleep(PAUSE)
        run_in_transaction(self._end)

    def _make_next_due(self) -> int:
        """Makes the next webhooks due, up to `STEP`. Returns how many. Must run in a transaction."""
        row = self._locked()
        ids = Webhook.objects.filter(pk__gt=row.position, pk__lte=row.last_id).order_by("pk").values_list("pk", flat=True)
        if not (last := list(ids[:STEP])[-1:]):
            return 0
        count = Webhook.objects.filter(pk__gt=row.position, pk__lte=last[0]).make_due()
        row.position = last[0]
        row.save()
        return count

    def _count_due(self) -> int:
        """Returns how many webhooks that were made due are not applied yet, and not dead."""
        position = RebuildProgress.objects.filter(token=self.token).values("position")
        return Webhook.objects.filter(state=State.DUE, pk__lte=Subquery(position)).count()

    def _end(self) -> None:
        row = self._locked()
        row.is_running, row.token = False, None
        row.save()

    def _locked(self) -> RebuildProgress:
        """Returns the row, locked. Raises TakenOver. Must run in a transaction."""
        row = RebuildProgress.objects.select_for_update().filter(token=self.token).first()
        if row is None:
            raise TakenOver
        return row

    def _in_steps(self, rows: Any, change: Callable[[Any], int], progress: Progress) -> None:
        def change_if_held(step: Any) -> int:
            self._locked()
            return change(step)

        in_steps(rows, change_if_held, progress)

    def _clear_contacts(self, progress: Progress) -> None:
        """Clears the columns that the log restores. In an organization that deletes webhooks or messages, names stay, because they
        may have been in those: applying the rest of the log again changes nothing about them."""
        pruning = Organization.objects.exclude(webhooks_pruned_until=None, messages_pruned_until=None)
        pruned, of_contact = (pruning.filter(pk=OuterRef(name)) for name in ("organization_id", "contact__organization_id"))
        rows = ContactChange.objects.exclude(key=None).exclude(Exists(of_contact))
        self._in_steps(rows, lambda step: step.only("pk").delete()[0], progress)
        self._in_steps(Contact.objects.exclude(Exists(pruned)), lambda step: step.update(**CLEARED_COLUMNS), progress)
        self._in_steps(Contact.objects.filter(Exists(pruned)), lambda step: step.update(**_columns_of_pruned()), progress)


def is_rebuild_running() -> bool:
    """Returns whether messages that were stored before are being stored again."""
    return RebuildProgress.objects.filter(pk=1, is_running=True).exists()


def latest_webhook() -> int:
    """Returns the id of the newest webhook; 0 if there is none."""
    return Webhook.objects.aggregate(latest=Max("pk"))["latest"] or 0


def _is_in_log(*, since: Any = None) -> Exists:
    """Returns the condition that the webhook of a row is stored and, with `since`, arrived at that time or later."""
    webhooks = Webhook.objects.filter(pk=OuterRef("webhook_id"))
    return Exists(webhooks if since is None else webhooks.filter(date__gte=since))


def _first_replayed() -> Any:
    """Returns the time from which the log restores everything about messages. A status of an earlier webhook may be of a message
    that is deleted, and is not applied again."""
    until = OuterRef("phone_number__organization__messages_pruned_until")
    after = ExpressionWrapper(until + Value(MAX_STATUS_DELAY), output_field=DateTimeField())
    return Coalesce(after, Value(datetime(1970, 1, 1, tzinfo=UTC)), output_field=DateTimeField())


def _columns_of_pruned() -> dict[str, Any]:
    """Returns new values of columns that come from messages. Times before those that the organization keeps stay, because no
    message has them any more, and so does a session without messages."""
    organization = Organization.objects.filter(pk=OuterRef("organization_id"))
    until = Subquery(organization.values("messages_pruned_until")[:1])
    is_kept = {name: Q(**{f"{name}__lt": until}) for name in TIME_COLUMNS}
    has_message = Q(last_customer_message_at__gte=until) | Q(last_business_message_at__gte=until)
    has_session = Q(Exists(organization.exclude(messages_pruned_until=None))) & ~has_message
    # MySQL computes the values in this order, each with the new values of the columns before it.
    columns = {name: Case(When(has_session, then=F(name)), default=Value(none)) for name, none in SESSION_COLUMNS.items()}
    columns |= {name: Case(When(is_kept[name], then=F(name)), default=None) for name in TIME_COLUMNS}
    return columns | UNREAD_COLUMNS
