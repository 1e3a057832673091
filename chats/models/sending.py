"""The outbox: what is to be sent, whose turn it is, and how fast a number may send."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from chats.models.conversations import Message
from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.models import PhoneNumber


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

    objects = LeasedQuerySet["Turn"].as_manager()

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
