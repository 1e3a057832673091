"""Models of the outbox: messages to send, the send queue of each conversation, the rate limit of each number."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, ClassVar, cast

from django.db import models
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils.translation import gettext_lazy as _

from chats.models.conversations import Message
from contacts.models import Contact
from jobs.bulk_writes import insert_rows
from jobs.models import LeasedQuerySet, LeasedRow, State
from organizations.models import PhoneNumber
from organizations.numbers.suspension import PROBE_INTERVAL


class SendProblem(models.TextChoices):
    """Why the hub itself, not Meta, could not send a message or could not store its result. Stored in `Message.errors` as
    `problem`, next to the `code` of Meta's errors."""

    STORAGE = "storage", _("The hub could not read the file from its storage. Try again later, or attach the file again.")
    MALFORMED = "malformed", _("The hub cannot send this message as it is stored. Write it again.")
    INTERNAL = "internal", _("The hub could not send it because of an internal error.")
    MARKETING = "marketing", _("The customer stopped marketing messages before it was sent.")
    UNSTORED = "unstored", _("WhatsApp answered, but the hub could not store the answer. The message may have arrived.")


class QueuedMessage(models.Model):
    """A message in its conversation's send queue. Deleted when the result of its last attempt is stored."""

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.CASCADE, related_name="outgoing")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="+")
    attempted_at = models.DateTimeField(_("sending since"), null=True, db_column="sending_at")
    """When an attempt began. While it is set, the request may have reached Graph, so no other worker may send the message."""

    class Meta:
        db_table = "chat_outgoing"
        verbose_name = _("outgoing message")
        verbose_name_plural = _("outgoing messages")
        indexes: ClassVar = [
            # The head of a conversation's queue.
            models.Index(fields=["contact", "message"], name="outgoing_next"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


EMPTY_LEASE: dict[str, Any] = {"lease_token": None, "attempts": 0, "reason": "", "due_at": Now()}
"""Columns of a queue without a lease, whose head has not been attempted yet."""


class SendQueueQuerySet(LeasedQuerySet["SendQueue"]):
    """Send queues. Lock order of a conversation: first its contact, then its queue, then its messages (docs/decisions/0012)."""

    def schedule(self, contact: Contact) -> None:
        """Makes the contact's queue due if it is done. Creates the queue if it does not exist. Must run in the transaction that
        queues a message, after the contact is locked and before its messages are."""
        # A queue that is leased, or waits for a retry, is due too. It keeps its lease: `advance` finds the new message later. It is
        # updated all the same, because the lock of the row makes `advance` wait. MySQL sets columns from left to right.
        columns = {name: self._unless_due(name, value) for name, value in EMPTY_LEASE.items()} | {"state": State.DUE}
        if not self.filter(pk=contact.pk).update(**columns):
            self.create(contact=contact, phone_number_id=contact.create_for_phone_number_id, state=State.DUE, **EMPTY_LEASE)

    def _unless_due(self, column: str, value: Any) -> Case:
        """Returns `value` for a queue that is done, and what the column has for one that is due."""
        default = value if isinstance(value, Now) else Value(value)
        field = cast("models.Field[Any, Any]", self.model._meta.get_field(column))
        return Case(When(state=State.DUE, then=F(column)), default=default, output_field=field)

    def schedule_all(self, contacts: Sequence[Contact]) -> None:
        """The same for many contacts, in few statements."""
        ids = [contact.pk for contact in contacts]
        stored = dict(self.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", "state"))
        missing = [contact for contact in contacts if contact.pk not in stored]
        # `due_at` is null: it gets the database's clock, because that of this host may be wrong.
        due: dict[str, Any] = {"state": State.DUE.value, "attempts": 0, "reason": "", "due_at": None}
        insert_rows([SendQueue(contact=each, phone_number_id=each.create_for_phone_number_id, **due) for each in missing])
        idle = [pk for pk, state in stored.items() if state != State.DUE]
        self.filter(pk__in=idle).update(state=State.DUE, **EMPTY_LEASE)

    def advance(self, contact_ids: Collection[int]) -> None:
        """Moves queues on to their next message. A queue without messages becomes done.

        Must run in a transaction that has these queues locked and holds their leases, which this ends.
        """
        if not contact_ids:
            return
        # The lock: a message that is added at the same time is either seen here, or makes the queue due afterwards.
        with_messages = set(QueuedMessage.objects.filter(contact__in=contact_ids).values_list("contact", flat=True).distinct())
        self.filter(pk__in=with_messages).update(state=State.DUE, **EMPTY_LEASE)
        self.filter(pk__in=set(contact_ids) - with_messages).update(state=State.DONE, **EMPTY_LEASE)

    def merge(self, *, kept: Contact, absorbed: Contact) -> None:
        """Moves the queued messages of `absorbed` to the queue of `kept`. Must run in a transaction, before the messages of either
        contact are changed, because it locks both queues."""
        list(self.select_for_update().filter(pk__in=(kept.pk, absorbed.pk)).order_by("pk").values_list("pk"))
        if QueuedMessage.objects.filter(contact=absorbed).update(contact=kept):
            self.schedule(kept)

    def soonest(self) -> "models.QuerySet[Any, Any]":
        """Returns the active numbers with a queue that is or will be due, each with `soonest`: when it may send its next message.

        The query makes one index lookup for each number, so the length of the queues does not matter.
        """
        queues = self.filter(state=State.DUE, phone_number=models.OuterRef("phone_number_id"))
        # In the order of the index, so that MySQL uses it.
        first = queues.order_by("state", "phone_number_id", "due_at").values("due_at")[:1]
        next_slot_at = NumberRateLimit.objects.filter(pk=models.OuterRef("phone_number_id")).values("next_slot_at")
        numbers = PhoneNumber.objects.active().annotate(first=models.Subquery(first)).exclude(first=None).order_by()
        return numbers.annotate(
            soonest=Greatest(
                "first",
                Coalesce(models.Subquery(next_slot_at), Now()),
                Coalesce(models.F("sending_stopped_at") + PROBE_INTERVAL, Now()),
            )
        )

    def due_numbers(self, within: timedelta) -> "models.QuerySet[PhoneNumber]":
        """Returns the active numbers that have a due queue and a slot within `within` from now, and are not stopped."""
        of_number = {"phone_number": models.OuterRef("phone_number_id")}
        is_due = models.Exists(self.due().filter(**of_number))
        has_no_slot = models.Exists(NumberRateLimit.objects.filter(**of_number, next_slot_at__gt=Now() + within))
        is_stopped = models.Q(sending_stopped_at__gt=Now() - PROBE_INTERVAL)
        return PhoneNumber.objects.active().filter(is_due, ~has_no_slot, ~is_stopped)


class SendQueue(LeasedRow):
    """The send queue of a conversation: the row that workers lease.

    One lease per conversation keeps at most one of its messages in flight, so messages leave in order. The queue is due at
    `due_at` while it has messages, and done while it is empty.
    """

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="+")
    phone_number = models.ForeignKey(
        PhoneNumber,
        on_delete=models.CASCADE,
        to_field="phone_number_id",
        db_index=False,  # the queue's index serves
        related_name="+",
    )
    bucket_full_at = models.DateTimeField(null=True, db_column="paced_until")
    """When the token bucket of Meta's pair limit is full again. See `chats.outbox.rate_limits`."""

    objects = SendQueueQuerySet.as_manager()

    class Meta:
        db_table = "chat_turn"
        verbose_name = _("turn to send")
        verbose_name_plural = _("turns to send")
        indexes: ClassVar = [
            # Numbers with queued messages, and the due queues of each.
            models.Index(fields=["state", "phone_number", "due_at"], name="turn_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class NumberRateLimit(models.Model):
    """How far ahead the slots of a number are reserved."""

    phone_number = models.OneToOneField(
        PhoneNumber, primary_key=True, on_delete=models.CASCADE, to_field="phone_number_id", related_name="+"
    )
    next_slot_at = models.DateTimeField(db_column="free_at")
    """The first slot that is not reserved. Nothing more is sent before it."""

    class Meta:
        db_table = "chat_number_pace"

    def __str__(self) -> str:
        return str(self.pk)


class ReadReceipt(LeasedRow):
    """A read receipt: staff has read the conversation up to this message of the customer. A lane sends it to WhatsApp."""

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="+")
    wamid = models.CharField(_("message ID"), max_length=255)

    objects = LeasedQuerySet["ReadReceipt"].as_manager()

    class Meta:
        db_table = "chat_read_receipt"
        indexes: ClassVar = [
            # The worker's next batch.
            models.Index(fields=["state", "due_at"], name="read_receipt_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
