"""What staff has read of a conversation. All members of an organization share it, as they share the conversations.

One rule says what is unread, for the count in the list, the line in the conversation and the read receipts: a live message of the
customer that does not change another message, is not a notice of WhatsApp's, and came with a later webhook than `read_webhook_id`.
A message that is stored later than its webhook's id suggests moves that mark back (docs/decisions/0024). A blocked contact has
nothing unread.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.models import Message, Origin
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions

UNCOUNTED_KINDS = (*ACTION_KINDS, "system")
"""Kinds that staff does not have to read: they show on another message, or are notices of WhatsApp's."""
MAX_CONTACTS = 250
"""Contacts in one query."""
NO_UNREAD: dict[str, Any] = {"count": 0, "latest": None}


def needs_reading(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Returns the messages that staff has to read, or had to."""
    return messages.filter(is_user_message=True, origin=Origin.LIVE, webhook_id__isnull=False).exclude(kind__in=UNCOUNTED_KINDS)


def message_needs_reading(message: Message) -> bool:
    """Whether staff has to read the message, or had to."""
    is_live = message.is_user_message and message.origin == Origin.LIVE
    return is_live and message.webhook_id is not None and message.kind not in UNCOUNTED_KINDS


def first_unread(contact: Contact, messages: Iterable[Message]) -> int | None:
    """Returns the id of the first unread message. A blocked contact has none."""
    if not contact.unread_count:
        return None
    read = contact.read_webhook_id
    return next((each.pk for each in messages if message_needs_reading(each) and (each.webhook_id or 0) > read), None)


def count_unread(new: Collection[Message], *, is_rebuilding: Callable[[], bool]) -> None:
    """Adds these newly stored messages to the unread counts of their contacts. The contacts are not saved.

    A message of an earlier webhook than the last one that was read was not shown when that was read: its webhook was applied late,
    or another node of a cluster has numbered it. It is unread, and what came after it is unread again. Only in a rebuild, which
    stores every message again, it was shown.
    """
    unread = [row for row in new if message_needs_reading(row)]
    late = [row for row in unread if (row.webhook_id or 0) <= row.contact.read_webhook_id]
    if late and is_rebuilding():
        late = []
    for row in late:
        row.contact.read_webhook_id = min(row.contact.read_webhook_id, (row.webhook_id or 0) - 1)
    recounted = {row.contact.pk: row.contact for row in late}
    for row in unread:
        if row.contact.pk not in recounted:
            row.contact.record_unread(row.create_in, row.webhook_id or 0)
    recount_unread(recounted.values())


def recount_unread(contacts: Collection[Contact]) -> None:
    """Counts the unread messages of these contacts. The contacts are locked, and not saved."""
    ordered = sorted(contacts, key=lambda contact: contact.pk)
    for start in range(0, len(ordered), MAX_CONTACTS):
        part = ordered[start : start + MAX_CONTACTS]
        condition = Q(pk__in=[])
        for contact in part:
            condition |= Q(contact=contact, webhook_id__gt=contact.read_webhook_id)
        counts = needs_reading(Message.objects.filter(condition)).order_by().values("contact")
        found: dict[int, Any] = {each["contact"]: each for each in counts.annotate(count=Count("pk"), latest=Max("create_in"))}
        for contact in part:
            own = found.get(contact.pk, NO_UNREAD) if not contact.blocked_at else NO_UNREAD
            contact.unread_count, contact.unread_at = own["count"], own["latest"]


def merged_read_mark(one: Contact, other: Contact) -> int:
    """Returns the `read_webhook_id` of two contacts that are merged. Unread messages of both stay unread. So read messages of one
    count as unread again if they came after unread messages of the other."""
    both = Q(contact=one, webhook_id__gt=one.read_webhook_id) | Q(contact=other, webhook_id__gt=other.read_webhook_id)
    first = needs_reading(Message.objects.filter(both)).aggregate(first=Min("webhook_id"))["first"]
    mark = max(one.read_webhook_id, other.read_webhook_id)
    return mark if first is None else min(mark, first - 1)


def mark_as_read(contact: Contact, *, up_to: int) -> None:
    """Marks the messages of that webhook and earlier ones as read. Later messages stay unread. Does nothing if the contact was
    merged into another one."""
    run_in_transaction(lambda: _mark_as_read(contact.pk, up_to))


def _mark_as_read(contact_id: int, up_to: int) -> None:
    contact = Contact.objects.select_for_update().filter(pk=contact_id).first()
    if contact is None:
        return
    before = (contact.read_webhook_id, contact.unread_count, contact.unread_at)
    if up_to <= contact.read_webhook_id and not contact.unread_count:
        return
    latest = Message.objects.filter(contact=contact).aggregate(latest=Max("webhook_id"))["latest"] or 0
    contact.read_webhook_id = max(contact.read_webhook_id, min(up_to, latest))
    recount_unread([contact])
    if before != (contact.read_webhook_id, contact.unread_count, contact.unread_at):
        contact.save(update_fields=["read_webhook_id", "unread_count", "unread_at"])
        publish_revisions([contact.organization_id or 0])


def mark_as_unread(contact: Contact) -> bool:
    """Marks the customer's latest message, and others of the same webhook, as unread. Returns False if there is none: the contact
    is blocked, or only the business has written."""
    return run_in_transaction(lambda: _mark_as_unread(contact.pk))


def _mark_as_unread(contact_id: int) -> bool:
    contact = Contact.objects.select_for_update().filter(pk=contact_id).first()
    if contact is None or contact.blocked_at:
        return False
    latest = needs_reading(Message.objects.filter(contact=contact)).aggregate(latest=Max("webhook_id"))["latest"]
    if latest is None:
        return False
    contact.read_webhook_id = min(contact.read_webhook_id, latest - 1)
    recount_unread([contact])
    contact.save(update_fields=["read_webhook_id", "unread_count", "unread_at"])
    publish_revisions([contact.organization_id or 0])
    return True
