"""What staff has read of a conversation. All members of an organization share it, as they share the conversations.

One rule says what is unread, for the count in the list, the line in the conversation and the receipts alike: a customer's message
that came live, is no action upon another and no notice of WhatsApp's, and was told by a later webhook than `read_webhook_id`.
While a person is blocked, nothing of theirs is unread.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.models import Message, Origin
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions

NOBODY_S = (*ACTION_KINDS, "system")
"""Kinds that nobody has to read: they show on another message, or nobody wrote them."""
CONTACTS = 250
"""In one query."""
NOTHING: dict[str, Any] = {"count": 0, "latest": None}


def needs_reading(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Those of these messages that a person has to read, or had to."""
    return messages.filter(is_user_message=True, origin=Origin.LIVE, webhook_id__isnull=False).exclude(kind__in=NOBODY_S)


def is_to_be_read(message: Message) -> bool:
    """The same of one message."""
    is_live = message.is_user_message and message.origin == Origin.LIVE
    return is_live and message.webhook_id is not None and message.kind not in NOBODY_S


def first_unread(contact: Contact, messages: Iterable[Message]) -> int | None:
    """The id of the first of these messages that nobody has read. A blocked contact has none."""
    if not contact.unread_count:
        return None
    read = contact.read_webhook_id
    return next((each.pk for each in messages if is_to_be_read(each) and (each.webhook_id or 0) > read), None)


def count_unread(fresh: Iterable[Message]) -> None:
    """Count these messages, which are new here; the contacts are not saved."""
    for row in fresh:
        if is_to_be_read(row):
            row.contact.record_unread(row.create_in, row.webhook_id or 0)


def recount_unread(contacts: Collection[Contact]) -> None:
    """Count what these contacts have unread, from their messages. The contacts are locked, and not saved."""
    ordered = sorted(contacts, key=lambda contact: contact.pk)
    for start in range(0, len(ordered), CONTACTS):
        part = ordered[start : start + CONTACTS]
        which = Q(pk__in=[])
        for contact in part:
            which |= Q(contact=contact, webhook_id__gt=contact.read_webhook_id)
        counts = needs_reading(Message.objects.filter(which)).order_by().values("contact")
        found: dict[int, Any] = {each["contact"]: each for each in counts.annotate(count=Count("pk"), latest=Max("create_in"))}
        for contact in part:
            own = found.get(contact.pk, NOTHING) if not contact.blocked_at else NOTHING
            contact.unread_count, contact.unread_at = own["count"], own["latest"]


def merged_read_mark(one: Contact, other: Contact) -> int:
    """The `read_webhook_id` of two contacts that become one. What nobody has read of either stays unread. For that, what was read
    of the one may count as unread again, if it came after what was not read of the other."""
    both = Q(contact=one, webhook_id__gt=one.read_webhook_id) | Q(contact=other, webhook_id__gt=other.read_webhook_id)
    first = needs_reading(Message.objects.filter(both)).aggregate(first=Min("webhook_id"))["first"]
    mark = max(one.read_webhook_id, other.read_webhook_id)
    return mark if first is None else min(mark, first - 1)


def mark_as_read(contact: Contact, *, up_to: int) -> None:
    """What that webhook and earlier ones told has been read. What came meanwhile stays unread, whoever says what first. A contact
    that has just become another one has nothing to be read any more."""
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
    """The customer's latest message, and what the same webhook told, has not been read. Returns whether there is one: a blocked
    person has none, nor has a conversation to which only the business has written."""
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
