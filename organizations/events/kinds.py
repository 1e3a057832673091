"""The kinds of events."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventKind(models.TextChoices):
    """What happened. The value is the `type` of the event's body (docs/events.md)."""

    MESSAGE_RECEIVED = "message.received", _("message received")
    MESSAGE_STATUS = "message.status", _("status of a sent message")
    CONVERSATION_OPENED = "conversation.opened", _("conversation opened")
    CONVERSATION_CLOSED = "conversation.closed", _("conversation closed")
    CONVERSATION_OWNER_CHANGED = "conversation.owner_changed", _("somebody else answers")
    CONTACT_CREATED = "contact.created", _("new contact")
    CONTACT_CHANGED = "contact.changed", _("contact changed")
    NUMBER_HEALTH = "number.health", _("state of a number")
    TEMPLATE_CHANGED = "template.changed", _("message template changed")


DERIVED = frozenset(
    {
        EventKind.CONVERSATION_OPENED,
        EventKind.CONVERSATION_CLOSED,
        EventKind.CONTACT_CREATED,
        EventKind.CONTACT_CHANGED,
    }
)
"""Kinds that follow from comparing a row with its former state. A rebuild clears that state, so what it finds there is not new."""
