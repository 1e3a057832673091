"""The columns of a contact that come from its messages: names, phone times, message times, unread count and session.

The contacts are locked. Functions that do not save them say so.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import F, Max, Min, OuterRef, Q, QuerySet, Subquery

from chats.conversations import bot_turns, done_and_blocked, reactions_and_edits, read_state
from chats.conversations.sessions import session_assignment
from chats.models import Message, MessageStatus, Origin, ProposedMessage, SendQueue
from contacts.consent.ledger import MARKETING_COLUMNS, merge_decisions
from contacts.contact_events import record_changed
from contacts.identities.profile_names import ProfileNames, withdraw_names
from contacts.lists.search import index_names
from contacts.models import ConsentDecision, Contact
from contacts.owner_changes import OWNER_COLUMNS
from contacts.owners import Owner
from jobs.bulk_writes import update_rows

CONTACT_COLUMNS = [
    "name",
    "name_at",
    "name_since",
    "wa_id_at",
    "username",
    "parent_bsuid",
    "create_in",
    "last_message_timestamp",
    "last_customer_message_at",
    "last_question_at",
    "last_business_message_at",
    "waiting_since",
    "unread_count",
    "unread_at",
    "read_webhook_id",
    "search_name",
    "session_id",
    "session_expires_at",
    "session_is_active",
]
MERGED_COLUMNS = (
    *("done_until", "window_refused_at"),
    *("marketing_refused_at", *MARKETING_COLUMNS),
    *OWNER_COLUMNS,
)
"""Columns that a merge changes besides `CONTACT_COLUMNS`."""
TIME_COLUMNS = (
    *("last_message_timestamp", "last_customer_message_at", "last_question_at"),
    *("last_business_message_at", "waiting_since"),
)
IS_ANSWER = (
    ~Q(origin=Origin.AUTOMATIC)
    & ~Q(message_status=MessageStatus.WITHDRAWN)
    & ~Q(message_status=MessageStatus.FAILED, callback_data__isnull=False)
)
"""An automatic message is no answer: the customer still needs one. Neither is one of the hub that never left, or that failed."""
BATCH = 250
"""Contacts that are recomputed together."""


def merge_conversations(kept: Contact, absorbed: Contact, now: datetime) -> None:
    """Moves the messages of `absorbed` to `kept`, and deletes `absorbed`. Both are the same person."""
    kept.read_webhook_id = read_state.merged_read_mark(kept, absorbed)
    kept.done_until = done_and_blocked.merged_done_until(kept, absorbed)
    of_absorbed = Message.objects.filter(contact=absorbed)
    moved = list(of_absorbed.only("phone_number", "wamid", "target_wamid", "create_in"))
    _merge_owner(kept, absorbed)
    SendQueue.objects.merge(kept=kept, absorbed=absorbed)
    bot_turns.merge_turns(kept=kept, absorbed=absorbed)
    of_absorbed.update(contact=kept, updated_at=now)
    ProposedMessage.objects.filter(contact=absorbed).update(contact=kept)
    if moved:
        times = [row.create_in for row in moved]
        session_assignment.reassign([session_assignment.ReassignedSpan(kept, min(times), max(times))], now)
        reactions_and_edits.apply_to_targets(moved, now)
    kept.create_in = min(kept.create_in, absorbed.create_in)
    kept.last_message_timestamp = _later(kept.last_message_timestamp, absorbed.last_message_timestamp)
    _record_times(
        kept,
        customer=absorbed.last_customer_message_at,
        question=absorbed.question_at,
        business=absorbed.last_business_message_at,
    )
    kept.update_waiting()  # `absorbed` may have been blocked and have no message
    names = ProfileNames()
    names.merge(kept, absorbed)
    names.save()
    stopped_before = kept.marketing_stopped
    merge_decisions(kept, absorbed)
    read_state.recount_unread([kept])
    index_names([kept])
    kept.save(update_fields=[*CONTACT_COLUMNS, *MERGED_COLUMNS])
    if kept.marketing_stopped != stopped_before:
        record_changed([kept.pk], ["marketing_stopped"], now)
    absorbed.delete()


def _merge_owner(kept: Contact, absorbed: Contact) -> None:
    """Of two owners, Meta's agent counts, then a person in charge, then one who is waited for."""
    ranks = {Owner.META_AGENT: 0, Owner.PERSON: 1, Owner.WAITING: 2}
    chosen = min((kept, absorbed), key=lambda contact: ranks.get(Owner(contact.owner), len(ranks)))
    for column in OWNER_COLUMNS:
        setattr(kept, column, getattr(chosen, column))


def recompute_contacts(contacts: QuerySet[Contact], now: datetime) -> int:
    """Computes and saves the columns of these contacts from their messages, after other messages were deleted. Returns the number
    of contacts that have messages. Must run in a transaction."""
    locked = contacts.select_for_update().order_by("pk").in_bulk()
    ids = sorted(locked)
    return sum(_recompute({pk: locked[pk] for pk in ids[start : start + BATCH]}, now) for start in range(0, len(ids), BATCH))


def recompute_after_deletion(contacts: Mapping[int, Contact], session_ids: Collection[uuid.UUID], now: datetime) -> None:
    """Computes and saves the sessions and the unread counts of these contacts, by id, after their first messages were deleted.
    `session_ids` are the sessions of those messages. The contacts are locked. Their times stay."""
    cut = Message.objects.filter(session_id__in=session_ids, contact__in=contacts)
    left = Message.objects.filter(contact__in=set(cut.values_list("contact", flat=True))).order_by()
    starts = dict(left.values_list("contact").annotate(Min("create_in")))
    session_assignment.reassign([session_assignment.ReassignedSpan(contacts[pk], at, at) for pk, at in starts.items()], now)
    with_unread = [contact for contact in contacts.values() if contact.unread_count]
    read_state.recount_unread(with_unread)
    changed = {contact.pk: contact for contact in (*with_unread, *(contacts[pk] for pk in starts))}
    update_rows(list(changed.values()), ("unread_count", "unread_at", "session_id", "session_expires_at", "session_is_active"))


def recompute_times(contacts: Iterable[Contact]) -> None:
    """Computes the message times of these contacts, after the times of messages changed. Does not save."""
    by_id = {contact.pk: contact for contact in contacts}
    for contact in by_id.values():
        for column in TIME_COLUMNS:
            setattr(contact, column, None)
    _add_message_times(by_id)


def update_answered(failed: Mapping[int, Collection[datetime]], arrived: Collection[int] = ()) -> None:
    """Computes and saves whether contacts are answered, after messages that the hub sent have failed (`failed`: their times, by
    contact), or have arrived although they had failed (`arrived`: their contacts). Must run in a transaction."""
    locked = Contact.objects.select_for_update().filter(pk__in={*failed, *arrived}).order_by("pk").in_bulk()
    # A later answer has set another time. Of an answer that was deleted by age, the row is gone, and its time counts.
    changed = {
        pk: contact for pk, contact in locked.items() if pk in arrived or contact.last_business_message_at in failed.get(pk, ())
    }
    if not changed:
        return
    answers = Message.objects.filter(done_and_blocked.COUNTS_AS_ANSWER, IS_ANSWER, contact=OuterRef("pk"), is_user_message=False)
    latest = Subquery(answers.order_by("-create_in").values("create_in")[:1])
    rows = Contact.objects.filter(pk__in=changed).values_list("pk", latest, "organization__messages_pruned_until")
    for pk, answered_at, pruned_until in rows:
        contact = changed[pk]
        if pruned_until and contact.question_at and contact.question_at < pruned_until:
            continue  # the question is as old as messages that are deleted, and so may be its answer
        if contact.last_business_message_at in failed.get(pk, ()):
            contact.last_business_message_at = answered_at
        else:
            contact.last_business_message_at = _later(contact.last_business_message_at, answered_at)
        contact.update_waiting()
    update_rows(list(changed.values()), ("last_business_message_at", "waiting_since"))


def correct_phone_times(wrong_times: Iterable[tuple[Contact, datetime]], *, seen_at: datetime | None = None) -> None:
    """Sets `wa_id_at` of contacts that have it from a time that was wrong: the latest of their messages and choices counts, and
    `seen_at` if given. Does not save."""
    wrong = {contact.pk: contact for contact, time in wrong_times if contact.wa_id_at == time}
    if not wrong:
        return
    with_phone = Q(wa_id=F("contact__wa_id")) | Q(wa_id_received=F("contact__wa_id"))
    messages = _latest_times(Message.objects.filter(with_phone, contact__in=wrong, callback_data=None))
    choices = ConsentDecision.objects.filter(contact__in=wrong, wa_id=F("contact__wa_id")).order_by()
    chosen = dict(choices.values_list("contact").annotate(Max("decided_at")))
    for pk, contact in wrong.items():
        if latest := max(filter(None, (messages.get(pk), chosen.get(pk), seen_at)), default=None):
            contact.wa_id_at = latest


def correct_name_times(wrong_times: Sequence[tuple[Contact, datetime]]) -> None:
    """The same for profile names: the name of a message that is now earlier is replaced by the name that came after it. Does not
    save."""
    contacts = {contact.pk: contact for contact, time in wrong_times if contact.name_at == time}
    if not contacts:
        return
    messages = Message.objects.filter(contact__in=contacts, is_user_message=True)
    latest = _latest_times(messages.exclude(origin=Origin.HISTORY).exclude(kind="system"))
    withdraw_names({contact: latest.get(pk) for pk, contact in contacts.items() if latest.get(pk) != contact.name_at})


def _recompute(contacts: dict[int, Contact], now: datetime) -> int:
    first_and_last = _add_message_times(contacts)
    spans = [session_assignment.ReassignedSpan(contacts[pk], *times) for pk, times in first_and_last.items()]
    session_assignment.reassign(spans, now)
    found = [contacts[pk] for pk in first_and_last]
    read_state.recount_unread(found)
    update_rows(found, CONTACT_COLUMNS)
    return len(found)


def _add_message_times(contacts: Mapping[int, Contact]) -> dict[int, tuple[datetime, datetime]]:
    """Updates the message times of these contacts, by id, with those of their messages. Returns the first and the last time of each
    contact that has messages."""
    counts, opens_window = done_and_blocked.COUNTS_AS_ANSWER, done_and_blocked.OPENS_WINDOW
    rows = (
        Message.objects.filter(contact__in=contacts)
        .order_by()
        .values("contact")
        .annotate(
            first=Min("create_in"),
            last=Max("create_in"),
            customer=Max("create_in", filter=opens_window & Q(is_user_message=True)),
            question=Max("create_in", filter=counts & Q(is_user_message=True)),
            business=Max("create_in", filter=counts & IS_ANSWER & Q(is_user_message=False)),
        )
    )
    found = {}
    for row in rows:
        contact = contacts[row["contact"]]
        contact.last_message_timestamp = _later(contact.last_message_timestamp, row["last"])
        _record_times(contact, customer=row["customer"], question=row["question"], business=row["business"])
        found[contact.pk] = (row["first"], row["last"])
    return found


def _record_times(contact: Contact, *, customer: datetime | None, question: datetime | None, business: datetime | None) -> None:
    """Updates the contact with the times of the customer's last message, of the last one that may need an answer, and of the
    business's last answer."""
    if customer:
        contact.record_message(customer, from_customer=True, is_action=customer != question)
    if question:
        contact.record_message(question, from_customer=True)
    if business:
        contact.record_message(business, from_customer=False)


def _latest_times(messages: QuerySet[Message]) -> dict[int, datetime]:
    """Returns the time of the last of these messages, by contact."""
    return dict(messages.order_by().values_list("contact").annotate(Max("create_in")))


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
