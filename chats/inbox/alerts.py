"""Alerts for staff: how many conversations have unread messages, and the latest of these messages. `chats.conversations.read_state`
decides what is unread."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chats.conversations.read_state import needs_reading
from chats.models import Message
from contacts.models import Contact
from contacts.owners import Owner
from organizations.models import Organization

MAX_COUNTED = 100
"""Unread conversations that are counted. Pages show “99+” for more."""
ANSWERED_BY_PEOPLE = (Owner.PERSON, Owner.WAITING)
"""Owners whose conversations alert the team. What a bot answers alerts nobody."""
MAX_NOTIFICATIONS = 3
"""Conversations with a notification each. For more at once, one notification has their number."""


@dataclass(frozen=True, slots=True)
class UnreadConversation:
    contact_id: int
    messages: int
    """The number of unread messages."""
    latest: datetime
    """Meta's time of the latest unread message."""


@dataclass(frozen=True, slots=True)
class UnreadConversations:
    """The organization's conversations with unread messages, the latest first, at most `MAX_COUNTED`."""

    conversations: list[UnreadConversation]

    @property
    def words(self) -> str:
        """The number of conversations as text."""
        count = len(self.conversations)
        return f"{count}" if count < MAX_COUNTED else f"{MAX_COUNTED - 1}+"

    @property
    def as_json(self) -> str:
        """For alerts.js: contact id, number of unread messages, and time of the latest one in seconds since 1970."""
        return json.dumps([(each.contact_id, each.messages, int(each.latest.timestamp())) for each in self.conversations])


def unread_conversations(organization: Organization) -> UnreadConversations:
    """Returns the organization's unread conversations that a person has to answer. Needs two queries, which read at most
    `MAX_COUNTED` index entries each."""
    found: list[UnreadConversation] = []
    for owner in ANSWERED_BY_PEOPLE:
        rows = Contact.objects.filter(organization=organization, owner=owner, unread_at__isnull=False).order_by("-unread_at")
        unread = rows.values_list("pk", "unread_count", "unread_at")[:MAX_COUNTED]
        found += [UnreadConversation(pk, count, at) for pk, count, at in unread if at]
    return UnreadConversations(sorted(found, key=lambda each: each.latest, reverse=True)[:MAX_COUNTED])


def latest_unread_messages(organization: Organization, contact_ids: Collection[int]) -> list[Message]:
    """Returns the latest unread message of each of these conversations, with its contact."""
    contacts = Contact.objects.filter(
        organization=organization, pk__in=contact_ids, owner__in=ANSWERED_BY_PEOPLE, unread_at__isnull=False
    )
    found = []
    for contact in contacts[:MAX_NOTIFICATIONS]:
        unread = needs_reading(Message.objects.filter(contact=contact, webhook_id__gt=contact.read_webhook_id))
        if message := unread.order_by("-create_in", "-pk").first():
            message.contact = contact
            found.append(message)
    return found
