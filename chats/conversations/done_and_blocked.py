"""Decisions of staff: a conversation is done or reopened, a contact is blocked or unblocked."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.conversations.read_state import recount_unread
from chats.models import Message, Origin
from contacts.change_log import record_staff_changes
from contacts.models import Contact, ContactChange
from contacts.owner_changes import OWNER_COLUMNS, OwnerChange, change_owners, chosen_owner
from contacts.owners import Owner, OwnerReason
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import User

Kind = ContactChange.Kind
OPENS_WINDOW = Q(group_id="") & ~Q(origin=Origin.HISTORY) & ~Q(kind="system")
"""Messages that open the window if the customer wrote them. A group has its own window."""
COUNTS_AS_ANSWER = OPENS_WINDOW & ~Q(kind__in=ACTION_KINDS)
"""Messages that can need an answer, or be one."""
TICK = timedelta(microseconds=1)
COLUMNS = ("done_until", "blocked_at", "waiting_since", "unread_count", "unread_at", *OWNER_COLUMNS)


def mark_as_done(*, contact: Contact, by: User | None, now: datetime, seen: datetime | None = None) -> bool:
    """Marks that the customer's messages so far need no answer. Messages that were sent after `seen`, if given, stay unanswered,
    because the user had not seen them. Returns whether the conversation was unanswered."""

    def done(locked: Contact) -> Kind | None:
        if not locked.waiting_since:
            return None
        locked.done_until = min(filter(None, (locked.question_at, seen)), default=None)
        if locked.owner == Owner.WAITING and locked.done_until == locked.question_at:
            change_owners([OwnerChange(contact=locked, owner=chosen_owner(locked), reason=OwnerReason.DONE, by=by)], now)
        return Kind.DONE

    return _decide(contact, done, by=by, now=now)


def reopen(*, contact: Contact, by: User | None, now: datetime) -> bool:
    """Marks that the customer's last message needs an answer. Returns whether it was marked as done."""

    def undone(locked: Contact) -> Kind | None:
        if not locked.is_done:
            return None
        locked.done_until = None
        return Kind.REOPENED

    return _decide(contact, undone, by=by, now=now)


def block(*, contact: Contact, by: User | None, now: datetime) -> bool:
    """Blocks the contact: its messages are stored, and do not count as unread. Returns whether it was not blocked before."""

    def blocked(locked: Contact) -> Kind | None:
        if locked.blocked_at:
            return None
        locked.blocked_at = now.replace(microsecond=0)  # Meta's times of messages are whole seconds
        return Kind.BLOCKED

    return _decide(contact, blocked, by=by, now=now)


def unblock(*, contact: Contact, by: User | None, now: datetime) -> bool:
    """Unblocks the contact. Messages that arrived meanwhile count as unread too. Returns whether it was blocked."""

    def unblocked(locked: Contact) -> Kind | None:
        if not locked.blocked_at:
            return None
        locked.blocked_at = None
        return Kind.UNBLOCKED

    return _decide(contact, unblocked, by=by, now=now)


def merged_done_until(one: Contact, other: Contact) -> datetime | None:
    """Returns the `done_until` of two contacts that are merged, while each has its own messages. Unanswered messages of both stay
    unanswered. So a message of one that was done is unanswered again if it came after an unanswered message of the other."""
    done = max(filter(None, (one.done_until, other.done_until)), default=None)
    if done is None:
        return None
    unanswered = [sent_at for contact in (one, other) if (sent_at := _first_unanswered(contact)) and sent_at <= done]
    return min(unanswered) - TICK if unanswered else done


def _first_unanswered(contact: Contact) -> datetime | None:
    """Returns the time of the customer's first unanswered message, whether the contact is blocked or not."""
    rows = Message.objects.filter(COUNTS_AS_ANSWER, contact=contact, is_user_message=True)
    if settled_until := contact.answered_or_done_until:
        rows = rows.filter(create_in__gt=settled_until)
    return rows.order_by("create_in").values_list("create_in", flat=True).first()


def _decide(contact: Contact, change: Callable[[Contact], Kind | None], *, by: User | None, now: datetime) -> bool:
    """Changes the locked contact, and stores what depends on it and a line in the conversation. Returns False if `change` changed
    nothing."""

    def write() -> bool:
        locked = Contact.objects.select_for_update().filter(pk=contact.pk).first()
        kind = change(locked) if locked else None
        if locked is None or kind is None:
            return False
        locked.update_waiting()
        recount_unread([locked])
        locked.save(update_fields=COLUMNS)
        record_staff_changes([(locked.pk, {})], organization=locked.organization_id, kind=kind, by=by, now=now)
        publish_revisions([locked.organization_id or 0])
        return True

    return run_in_transaction(write)
