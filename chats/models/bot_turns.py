"""Models of what bots and automatic messages have to answer. `bots` answers, above this package."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from contacts.models import Contact
from jobs.models import LeasedQuerySet, LeasedRow
from organizations.fields import IdentifierField


class BotTurn(LeasedRow):
    """A conversation in which customers' messages wait for the bot or an automatic message. The row that workers lease.

    It is due after some seconds without another message, because people write in pieces. It is written in the transaction that
    stores the messages, and deleted in the one that stores the answer.
    """

    contact = models.OneToOneField(Contact, primary_key=True, on_delete=models.CASCADE, related_name="+")
    organization_id = models.BigIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    """When the first of the messages was stored."""

    objects = LeasedQuerySet["BotTurn"].as_manager()
    queue_column = "organization_id"

    class Meta:
        db_table = "chat_bot_turn"
        indexes: ClassVar = [
            # The worker's next batch, by organization.
            models.Index(fields=["state", "organization_id", "due_at", "contact"], name="bot_turn_queue"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BotTurnMessage(models.Model):
    """A customer's message that started a turn, or belongs to one. It is kept after the answer and no rebuild deletes it, so that a
    message that is applied again is never answered again."""

    phone_number_id = IdentifierField(max_length=64)
    wamid = IdentifierField(max_length=255)
    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        db_index=False,  # an index begins with it
        related_name="+",
    )
    is_answered = models.BooleanField(default=False)
    """Whether a turn has dealt with it, with an answer or without."""
    is_late = models.BooleanField(default=False)
    """It was applied so long after it was sent that it gets no automatic answer."""
    bot_replied = models.BooleanField(default=False)
    flow_state: "models.JSONField[Any, Any]" = models.JSONField(null=True)
    """The originals of the columns of its message, from which a rebuild restores them."""

    class Meta:
        db_table = "chat_bot_turn_message"
        constraints: ClassVar = [
            # A message has one turn, however often it is delivered or applied again.
            models.UniqueConstraint(fields=["phone_number_id", "wamid"], name="one_bot_turn_per_wamid"),
        ]
        indexes: ClassVar = [
            # The messages of a turn.
            models.Index(fields=["contact", "is_answered"], name="bot_turn_messages"),
        ]

    def __str__(self) -> str:
        return str(self.wamid)
