"""What staff decides about whether a conversation needs them: it is done, it needs an answer after all, the person is blocked."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Q

from chats.conversations.read_state import recount_unread
from chats.models import Message, Origin
from contacts.change_log import record_changes
from contacts.models import Contact, ContactChange
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import User

Kind = ContactChange.Kind
COUNTS_AS_ANSWER = Q(group_id="") & ~Q(origin=Origin.HISTORY) & ~Q(kind="system")
"""Messages that can wait for an answer, or be one. A group has its own window."""
TICK = timedelta(microseconds=1)
COLUMNS = ("done_until", "blocked_at", "waiting_since", "unread_count", "unread_at")


def mark_as_done(*, contact: Contact, by: User, now: datetime, seen: datetime | None = None) -> bool:
    """The customer's messages so far need no answer: it stops waiting until the next one. With `seen`, those sent later than that
    wait on, since whoever decided did not have them before their eyes. Returns whether it waited."""

    def done(locked: Contact) -> Kind | None:
        if not locked.waiting_since:
            return None
        locked.done_until = min(filter(None, (locked.last_customer_message_at, seen)), default=None)
        return Kind.DONE

    return _decide(contact, done, by=by, now=now)


def reopen(*, contact: Contact, by: User, now: datetime) -> bool:
    """The customer's last message needs an answer after all. Returns whether it was marked as done."""

    def undone(locked: Contact) -> Kind | None:
        if not locked.is_done:
            return None
        locked.done_until = None
        return Kind.REOPENED

    return _decide(contact, undone, by=by, now=now)


def block(*, contact: Contact, by: User, now: datetime) -> bool:
    """The person's messages are kept and alert nobody. Returns whether they were not blocked yet."""

    def blocked(locked: Contact) -> Kind | None:
        if locked.blocked_at:
            return None
        locked.blocked_at = now.replace(microsecond=0)  # Meta tells when messages were written in whole seconds
        return Kind.BLOCKED

    return _decide(contact, blocked, by=by, now=now)


def unblock(*, contact: Contact, by: User, now: datetime) -> bool:
    """The person's messages count again, those too that nobody has read meanwhile. Returns whether they were blocked."""

    def unblocked(locked: Contact) -> Kind | None:
        if not locked.blocked_at:
            return None
        locked.blocked_at = None
        return Kind.UNBLOCKED

    return _decide(contact, unblocked, by=by, now=now)


def merged_done_until(one: Contact, other: Contact) -> datetime | None:
    """The `done_until` of two contacts that become one, while each has its own messages. What of either needed an answer still
    does. For that, what was done of the one may wait again, if it came after what waited of the other."""
    done = max(filter(None, (one.done_until, other.done_until)), default=None)
    if done is None:
        return None
    waiting = [at for contact in (one, other) if (at := _first_waiting(contact)) and at <= done]
    return min(waiting) - TICK if waiting else done


def _first_waiting(contact: Contact) -> datetime | None:
    """The time of the first of the customer's messages that needs an answer, whether the person is blocked or not."""
    rows = Message.objects.filter(COUNTS_AS_ANSWER, contact=contact, is_user_message=True)
    if settled_until := contact.answered_or_done_until:
        rows = rows.filter(create_in__gt=settled_until)
    return rows.order_by("create_in").values_list("create_in", flat=True).first()


def _decide(contact: Contact, change: Callable[[Contact], Kind | None], *, by: User, now: datetime) -> bool:
    """Change the locked contact, and store what follows from it and a line that says it. False if there was nothing to change."""

    def write() -> bool:
        locked = Contact.objects.select_for_update().filter(pk=contact.pk).first()
        kind = change(locked) if locked else None
        if locked is None or kind is None:
            return False
        locked.update_waiting()
        recount_unread([locked])
        locked.save(update_fields=COLUMNS)
        record_changes([(locked.pk, {})], kind=kind, by=by, now=now)
        publish_revisions([locked.organization_id or 0])
        return True

    return run_in_transaction(write)
