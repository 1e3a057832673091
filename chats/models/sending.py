"""The outbox: what is to be sent, whose turn it is, and how fast a number may send."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils.translation import gettext_lazy as _

from chats.models.conversations import Message
from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow, State
from organizations.models import PhoneNumber
from organizations.stopping import PROBED_EVERY


class SendProblem(models.TextChoices):
    """Why the hub itself, not Meta, could not send a message or does not know what became of it. It stands in `Message.errors` as
    `problem`, where Meta's errors have a `code`."""

    STORAGE = "storage", _("The hub could not read the file from its storage. Try again later, or attach the file again.")
    MALFORMED = "malformed", _("The hub cannot send this message as it is stored. Write it again.")
    INTERNAL = "internal", _("The hub could not send it because of an internal error.")
    UNSTORED = "unstored", _("WhatsApp answered, but the hub could not store the answer. The message may have arrived.")


class Outgoing(models.Model):
    """A message that is to be sent; gone once it is known, or known to be unknowable, what became of it."""

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.CASCADE, related_name="outgoing")
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, db_index=False, related_name="+")
    sending_at = models.DateTimeField(_("sending since"), null=True)
    """From then on its request may have reached Graph. Whoever finds it set, and did not set it, must not send."""

    class Meta:
        db_table = "chat_outgoing"
        verbose_name = _("outgoing message")
        verbose_name_plural = _("outgoing messages")
        indexes: ClassVar = [
            # The next message of a conversation.
            models.Index(fields=["contact", "message"], name="outgoing_next"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class TurnQuerySet(LeasedQuerySet["Turn"]):
    """The queue of each number."""

    def soonest(self) -> "models.QuerySet[Any, Any]":
        """Of each number that is on, when it may next send what its first turn has, as `soonest`. Asked number by number, because
        the index has the number before the time: however long a queue is, it costs no more."""
        waiting = self.filter(state=State.DUE, phone_number=models.OuterRef("phone_number_id"))
        first = waiting.order_by("state", "phone_number_id", "due_at").values("due_at")[:1]  # as the index has them, for MySQL
        free_at = NumberPace.objects.filter(pk=models.OuterRef("phone_number_id")).values("free_at")
        numbers = PhoneNumber.objects.active().annotate(first=models.Subquery(first)).exclude(first=None).order_by()
        return numbers.annotate(
            soonest=Greatest(
                "first",
                Coalesce(models.Subquery(free_at), Now()),
                Coalesce(models.F("sending_stopped_at") + PROBED_EVERY, Now()),
            )
        )

    def due_numbers(self, horizon: timedelta) -> "models.QuerySet[PhoneNumber]":
        """The numbers that are on, have a turn that is due, and may send within `horizon` from now."""
        of_number = {"phone_number": models.OuterRef("phone_number_id")}
        is_due = models.Exists(self.due().filter(**of_number))
        is_held = models.Exists(NumberPace.objects.filter(**of_number, free_at__gt=Now() + horizon))
        is_stopped = models.Q(sending_stopped_at__gt=Now() - PROBED_EVERY)
        return PhoneNumber.objects.active().filter(is_due, ~is_held, ~is_stopped)


class Turn(LeasedRow):
    """A conversation's turn to send. It is what workers lease, so of each conversation one message is under way at a time, in
    order; it is due when the next one may go, and done while there is none."""

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="+")
    phone_number = models.ForeignKey(
        PhoneNumber,
        on_delete=models.CASCADE,
        to_field="phone_number_id",
        db_index=False,  # the queue's index serves
        related_name="+",
    )
    paced_until = models.DateTimeField(null=True)
    """The pair limit's bucket: the moment at which it will be full again. See `chats.pacing`."""

    objects = TurnQuerySet.as_manager()

    class Meta:
        db_table = "chat_turn"
        verbose_name = _("turn to send")
        verbose_name_plural = _("turns to send")
        indexes: ClassVar = [
            # The numbers that have something to send, and of each the turns that are due.
            models.Index(fields=["state", "phone_number", "due_at"], name="turn_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class NumberPace(models.Model):
    """How far a number's sending has been planned: the moment before which it sends nothing more."""

    phone_number = models.OneToOneField(
        PhoneNumber, primary_key=True, on_delete=models.CASCADE, to_field="phone_number_id", related_name="+"
    )
    free_at = models.DateTimeField()

    class Meta:
        db_table = "chat_number_pace"

    def __str__(self) -> str:
        return str(self.pk)


class ReadReceipt(LeasedRow):
    """That a person has seen a conversation up to this message of the customer's, to be told to WhatsApp."""

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
