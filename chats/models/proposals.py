"""Messages that a program proposed, and that a person sends or discards."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from chats.models.conversations import Message
from contacts.models import Contact
from organizations.models import User


class ProposedMessage(models.Model):
    """A text for a customer, proposed by an assistant with an API key.

    proposed ──a person sends it──> approved
        ├──────a person discards it──> rejected
        └──────a day passes──> expired
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        EXPIRED = "expired", _("expired")
        """Not stored: see `state_at`."""

    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        db_index=False,  # an index begins with it
        related_name="+",
    )
    token = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    """Of the message: however often the proposal is approved, one message is sent."""
    text = models.TextField(_("text"))
    proposed_by = models.CharField(_("proposed by"), max_length=150)
    """The name of the API key."""
    key_id = models.BigIntegerField(null=True, editable=False)
    """The API key. Not a foreign key, because keys belong to the API, above conversations."""
    create_in = models.DateTimeField(_("proposed at"))
    expires_at = models.DateTimeField(_("expires"))
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.PROPOSED)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    message = models.OneToOneField(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    """What was sent. Its text may differ, because the person may edit it."""

    class Meta:
        db_table = "chat_proposed_message"
        verbose_name = _("proposed message")
        verbose_name_plural = _("proposed messages")
        indexes: ClassVar = [
            # The open proposals of a conversation.
            models.Index(fields=["contact", "state", "expires_at"], name="proposal_of_contact"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def state_at(self, now: datetime) -> "ProposedMessage.State":
        """Returns the state at `now`. A proposal that nobody decided expires."""
        state = self.State(self.state)
        return self.State.EXPIRED if state is self.State.PROPOSED and self.expires_at <= now else state
