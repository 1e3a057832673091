"""Who is in charge of a conversation: `owner` of its contact, and what changes it. Each change is a line in the thread.

    bot, ia      what people chose (`profile`), until somebody else takes over
    person       the team: chosen, or a person answered, in the hub or in the phone app, or took over
    waiting      nobody yet: the bot handed over, or could not answer. Only a person ends it
    meta_agent   Meta's own agent, as long as messages come by `standby`

`bots`, above this package, decides when a bot hands over, and when it gets a conversation back.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chats.conversations import contact_columns
from chats.conversations.conversation_events import ReachedStatus, record_statuses
from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.models import Message, MessageStatus, Origin, QueuedMessage, SendQueue
from contacts.models import Contact
from contacts.owner_changes import OWNER_COLUMNS, OwnerChange, change_owners, chosen_owner
from contacts.owners import Owner, OwnerReason
from jobs.bulk_writes import update_rows
from jobs.transactions import run_in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import BotReturn, Profile, User

MAX_ECHO_DELAY = timedelta(minutes=5)
"""An echo or standby message that arrives later than this after it was sent changes no owner."""
BOT_ORIGINS = (Origin.BOT, Origin.AUTOMATIC)
BOTS = (Owner.BOT, Owner.AI)
WITHOUT_BOT = (Owner.PERSON, Owner.META_AGENT)
"""With these owners, what the bot queued before does not leave."""


# ---- what people do ----


def take_over(*, contact: Contact, by: User | None, now: datetime) -> bool:
    """Puts the team in charge, and withdraws what the bot has queued. Returns whether somebody else was in charge."""

    def take(locked: Contact) -> OwnerChange:
        return OwnerChange(
            contact=locked, owner=Owner.PERSON, reason=OwnerReason.TAKEN_OVER, by=by, until=_person_until(locked, now)
        )

    return _decide(contact, take, now)


def hand_back(*, contact: Contact, by: User | None, now: datetime) -> bool:
    """Puts the bot or AI in charge again. Returns False if it was, or if the team was chosen to answer this contact."""

    def give_back(locked: Contact) -> OwnerChange:
        return OwnerChange(contact=locked, owner=chosen_owner(locked), reason=OwnerReason.HANDED_BACK, by=by)

    return _decide(contact, give_back, now)


def person_answers(contact: Contact, *, by: User | None, reason: OwnerReason, now: datetime) -> None:
    """Puts the team in charge of a locked contact, because a person answers, and withdraws what the bot has queued. Must run
    before the contact's messages are locked. Saves the contact."""
    if contact.owner == Owner.PERSON and contact.profile == Profile.HUMAN:
        return
    until = _person_until(contact, now)
    change_owners([OwnerChange(contact=contact, owner=Owner.PERSON, reason=reason, by=by, until=until)], now)
    if withdraw_queued([contact.pk], now):
        contact_columns.recompute_times([contact])
    contact.save(update_fields=[*OWNER_COLUMNS, *contact_columns.TIME_COLUMNS])


def _person_until(contact: Contact, now: datetime) -> datetime | None:
    """Returns when the bot gets the conversation back, if the number sets a time."""
    if not contact.activate_bot:
        return None
    number = contact.create_for_phone_number
    return now + timedelta(minutes=number.bot_returns_minutes) if number.bot_returns == BotReturn.MINUTES else None


def _decide(contact: Contact, change: Callable[[Contact], OwnerChange], now: datetime) -> bool:
    def write() -> bool:
        locked = Contact.objects.select_for_update().filter(pk=contact.pk).first()
        if locked is None or not change_owners([change(locked)], now):
            return False
        if locked.owner == Owner.PERSON and withdraw_queued([locked.pk], now):
            contact_columns.recompute_times([locked])
        locked.save(update_fields=[*OWNER_COLUMNS, *contact_columns.TIME_COLUMNS])
        publish_revisions([locked.organization_id or 0])
        return True

    return run_in_transaction(write)


# ---- what messages say ----


def follow_messages(rows: Sequence[Message], contacts: Mapping[int, Contact], now: datetime) -> None:
    """Changes the owners of locked contacts because of messages that have just been stored: the phone app answered, Meta's agent
    answers or has stopped to, or a customer wrote to a number that does not answer automatically. Saves the owners. Messages that
    are late, or older than the present owner, change nothing."""
    changes = {}
    for row in sorted(rows, key=lambda each: each.create_in):
        contact = contacts[row.contact_id]
        owner, reason = _owner_after(row, contact, now)
        if owner and reason and owner != contact.owner:
            until = _person_until(contact, now) if owner == Owner.PERSON else None
            changes[contact.pk] = OwnerChange(contact=contact, owner=owner, reason=reason, until=until)
    changed = change_owners(changes.values(), now)
    withdraw_queued([contact.pk for contact in changed if contact.owner in WITHOUT_BOT], now)
    update_rows(changed, (*OWNER_COLUMNS, "waiting_since"))


def _owner_after(row: Message, contact: Contact, now: datetime) -> tuple[Owner, OwnerReason] | tuple[None, None]:
    is_old = contact.owner_since is not None and row.create_in <= contact.owner_since.replace(microsecond=0)
    if row.kind in ACTION_KINDS or row.group_id or is_old:
        return None, None
    is_from_customer = row.origin == Origin.LIVE and row.is_user_message
    if is_from_customer and contact.owner in BOTS and row.phone_number.answers_since is None:
        return Owner.PERSON, OwnerReason.NO_BOT
    if now - row.create_in > MAX_ECHO_DELAY:
        return None, None
    if row.origin == Origin.PHONE_APP and not row.is_user_message:
        return Owner.PERSON, OwnerReason.PHONE_APP
    if row.origin == Origin.STANDBY:
        return Owner.META_AGENT, OwnerReason.STANDBY
    if is_from_customer and contact.owner == Owner.META_AGENT:
        return chosen_owner(contact), OwnerReason.STANDBY_ENDED
    return None, None


# ---- what the bot had queued ----


def is_overtaken(message: Message) -> bool:
    """Returns whether a queued message of a bot must not leave, because somebody else is in charge since it was queued. The outbox
    asks before each attempt, so a choice among many contacts counts as well."""
    contact = message.contact
    if message.origin not in BOT_ORIGINS or contact.owner not in WITHOUT_BOT or contact.owner_since is None:
        return False
    return message.create_in < contact.owner_since


def withdraw_queued(contact_ids: Collection[int], now: datetime) -> int:
    """Withdraws the messages of bots that no attempt to send has begun. Their conversations are locked. Returns how many."""
    if not contact_ids:
        return 0
    # The outbox marks a message as being sent while it holds the lock of its queue.
    list(SendQueue.objects.select_for_update().filter(pk__in=contact_ids).order_by("pk").values_list("pk"))
    # A message with a wamid has left, although its attempt was refused.
    not_left = QueuedMessage.objects.filter(attempted_at=None, message__wamid=None)
    queued = not_left.filter(contact__in=contact_ids, message__origin__in=BOT_ORIGINS)
    messages = {row.message_id: row.message for row in queued.select_related("message").order_by("pk")}
    if not messages:
        return 0
    ids = list(messages)
    Message.objects.filter(pk__in=ids).update(message_status=MessageStatus.WITHDRAWN, updated_at=now)
    QueuedMessage.objects.filter(pk__in=ids).delete()
    record_statuses([replace(ReachedStatus.of(each, now), status=MessageStatus.WITHDRAWN) for each in messages.values()])
    return len(ids)


def recompute_after_withdrawal(contact_ids: Collection[int]) -> None:
    """Recomputes and saves what depends on whether these locked contacts have an answer: a withdrawn message counts as none."""
    if contact_ids:
        contacts = list(Contact.objects.filter(pk__in=contact_ids))
        contact_columns.recompute_times(contacts)
        update_rows(contacts, contact_columns.TIME_COLUMNS)
