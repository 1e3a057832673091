"""What staff has read of a conversation. All members of an organization share it, as they share the conversations."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Max, QuerySet

from chats.actions import ACTIONS
from chats.models import Message, Origin
from contacts.models import Contact
from organizations.live import announce


def unread_messages(contact: Contact) -> QuerySet[Message]:
    """The customer's messages that nobody has read: those that later webhooks told. See Contact.note_unread."""
    told_later = Message.objects.filter(contact=contact, is_user_message=True, webhook_id__gt=contact.read_webhook_id)
    return told_later.filter(origin=Origin.LIVE).exclude(kind__in=(*ACTIONS, "system"))


def first_unread(contact: Contact, messages: Iterable[Message]) -> int | None:
    """The id of the first of these messages that nobody has read."""
    if not contact.unread_count:
        return None
    return next((each.pk for each in messages if each.is_user_message and (each.webhook_id or 0) > contact.read_webhook_id), None)


@transaction.atomic
def mark_as_read(contact: Contact, *, up_to: int) -> None:
    """What that webhook and earlier ones told has been read. What came meanwhile stays unread, whoever says what first."""
    contact = Contact.objects.select_for_update().get(pk=contact.pk)
    latest = Message.objects.filter(contact=contact).aggregate(latest=Max("webhook_id"))["latest"] or 0
    up_to = min(up_to, latest)
    if up_to <= contact.read_webhook_id:
        return
    contact.read_webhook_id = up_to
    unread = unread_messages(contact)
    contact.unread_count = unread.count()
    contact.unread_at = unread.aggregate(at=Max("create_in"))["at"]
    contact.save(update_fields=["read_webhook_id", "unread_count", "unread_at"])
    announce([contact.organization_id or 0])
