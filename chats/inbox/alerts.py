"""What tells staff that somebody has written: how many conversations have something unread, and what the latest of them says.
What is unread is the rule of `chats.conversations.read_state`."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chats.conversations.read_state import needs_reading
from chats.models import Message
from contacts.models import Contact
from organizations.models import Organization

MAX_COUNTED = 100
"""Conversations; where more are unread, people are told that they are many."""
MAX_NOTIFICATIONS = 3
"""Conversations that are told of by name; of more at once their number is told."""


@dataclass(frozen=True, slots=True)
class UnreadConversation:
    contact_id: int
    messages: int
    """How many are unread."""
    latest: datetime
    """When the latest of them was written, by Meta's clock."""


@dataclass(frozen=True, slots=True)
class UnreadConversations:
    """An organization's conversations that have something unread, the latest first, `MAX_COUNTED` at most."""

    conversations: list[UnreadConversation]

    @property
    def words(self) -> str:
        """How many there are, in figures."""
        count = len(self.conversations)
        return f"{count}" if count < MAX_COUNTED else f"{MAX_COUNTED - 1}+"

    @property
    def as_json(self) -> str:
        """For alerts.js: contact, unread messages, and the time of the latest in seconds since 1970."""
        return json.dumps([(each.contact_id, each.messages, int(each.latest.timestamp())) for each in self.conversations])


def unread_conversations(organization: Organization) -> UnreadConversations:
    """One query over an index, of `MAX_COUNTED` rows at most."""
    rows = Contact.objects.filter(organization=organization, unread_at__isnull=False).order_by("-unread_at")
    found = rows.values_list("pk", "unread_count", "unread_at")[:MAX_COUNTED]
    return UnreadConversations([UnreadConversation(pk, count, at) for pk, count, at in found if at])


def latest_unread_messages(organization: Organization, contact_ids: Collection[int]) -> list[Message]:
    """The latest unread message of each of these conversations, with its contact."""
    contacts = Contact.objects.filter(organization=organization, pk__in=contact_ids, unread_at__isnull=False)
    found = []
    for contact in contacts[:MAX_NOTIFICATIONS]:
        unread = needs_reading(Message.objects.filter(contact=contact, webhook_id__gt=contact.read_webhook_id))
        if message := unread.order_by("-create_in", "-pk").first():
            message.contact = contact
            found.append(message)
    return found
