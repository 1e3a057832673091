"""Events that wait for the app `events`, and the keys of all events so far."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from organizations.fields import IdentifierField
from organizations.models.organizations import Organization


class Event(models.Model):
    """Something that happened, for other systems. It is stored in the transaction of the change. The lane of events makes a
    delivery of it for each address that wants it, and deletes it."""

    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        db_index=False,  # few rows, read in the order of their ids
        db_constraint=False,  # its check would lock the organization in the transactions that store messages
        related_name="+",
    )
    event_id = models.UUIDField(default=uuid.uuid4)
    """The id of the event for receivers."""
    kind = models.CharField(max_length=32)
    phone_number_id = IdentifierField(max_length=64, blank=True, default="")
    """The number that it is about. Empty: an account, or several numbers."""
    contact_id = models.BigIntegerField(default=0)
    """The conversation that it belongs to. 0: none."""
    facts: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    """References to other rows, and what was true at that time. No values of customers."""
    occurred_at = models.DateTimeField()
    create_in = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "event"

    def __str__(self) -> str:
        return str(self.event_id)


class EventKey(models.Model):
    """The key of an event that was recorded, so that what is applied again is not reported again. Keys stay after their events, as
    long as the raw log can be applied again."""

    organization_id = models.BigIntegerField()
    digest = IdentifierField(max_length=32)

    class Meta:
        db_table = "event_key"
        constraints: ClassVar = [
            # An event is recorded once.
            models.UniqueConstraint(fields=["organization_id", "digest"], name="one_event_per_key"),
        ]

    def __str__(self) -> str:
        return str(self.digest)
