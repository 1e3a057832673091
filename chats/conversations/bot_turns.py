"""Writes what bots and automatic messages have to answer, in the transaction that stores the messages. `bots.answering` answers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Now

from chats.conversations.reactions_and_edits import ACTION_KINDS
from chats.models import BotTurn, BotTurnMessage, Message, Origin
from contacts.models import Contact
from jobs.bulk_writes import insert_rows
from jobs.models import State
from jobs.wakeups import wake_after_commit
from organizations.models import PhoneNumber

KINDS_WITHOUT_TURN = (*ACTION_KINDS, "system", "call")
CHOICE_KINDS = ("interactive", "button")
"""The customer tapped: no more text follows."""
MAX_BURST = timedelta(seconds=30)
"""Longest time from the first message of a burst to its answer."""
MessageKey = tuple[str, str]


def restore_answers(rows: Sequence[Message]) -> set[MessageKey]:
    """Sets `bot_replied` and `flow_state` of messages that had a turn before, as before a rebuild. Does not save. Returns the keys
    of these messages: they have no other turn."""
    answering = [row for row in rows if row.is_user_message and row.phone_number.answers_since]
    turns = {(turn.phone_number_id, turn.wamid): turn for turn in _find([row.key for row in answering])}
    for row in answering:
        if turn := turns.get(row.key):
            row.bot_replied, row.flow_state = turn.bot_replied, turn.flow_state
    return set(turns)


def start_turns(rows: Sequence[Message], had_turn: Collection[MessageKey], contacts: Mapping[int, Contact], now: datetime) -> None:
    """Makes the conversations of these new messages due for an answer, if their numbers answer automatically. `had_turn` are the
    keys of those that had their turn before, or whose turn waits for them during a rebuild. The contacts are locked."""
    if had_turn:
        again = {row.contact_id for row in rows if row.key in had_turn}
        BotTurn.objects.filter(contact__in=again, state=State.WAITING).make_due()
    candidates = {row.key: row for row in rows if starts_turn(row, contacts[row.contact_id]) and row.key not in had_turn}
    if not candidates:
        return
    insert_rows([_turn_message(row, now) for row in candidates.values()])
    delays: dict[int, timedelta] = {}
    for row in candidates.values():
        delays[row.contact_id] = timedelta(seconds=0 if row.kind in CHOICE_KINDS else row.phone_number.burst_seconds)
    _schedule(delays, contacts)
    wake_after_commit(BotTurn)


def starts_turn(row: Message, contact: Contact) -> bool:
    """Returns whether a bot or an automatic message may answer such a message at all."""
    since = row.phone_number.answers_since
    if since is None or row.create_in < since.replace(microsecond=0) or row.origin != Origin.LIVE or not row.is_user_message:
        return False
    if row.kind in KINDS_WITHOUT_TURN or row.group_id or contact.blocked_at:
        return False
    return contact.activate_bot or contact.activate_automatic_message


def _find(keys: Collection[MessageKey]) -> Iterable[BotTurnMessage]:
    by_number: dict[str, list[str]] = defaultdict(list)
    for number, wamid in keys:
        by_number[number].append(wamid)
    condition = Q(pk__in=[])
    for number, wamids in by_number.items():
        condition |= Q(phone_number_id=number, wamid__in=wamids)
    return BotTurnMessage.objects.filter(condition) if by_number else ()


def merge_turns(*, kept: Contact, absorbed: Contact) -> None:
    """Moves what has to be answered to `kept`, who is the same person. Must run in a transaction."""
    of_absorbed = BotTurnMessage.objects.filter(contact=absorbed)
    # Without a turn, a remote bot was asked. Its request goes with `absorbed`, so the turn begins again.
    is_unanswered = of_absorbed.filter(is_answered=False).exists() or BotTurn.objects.filter(contact=absorbed).exists()
    of_absorbed.update(contact=kept)
    if is_unanswered:
        _schedule({kept.pk: timedelta()}, {kept.pk: kept})
        wake_after_commit(BotTurn)


def restart_turn(contact: Contact) -> None:
    """Makes a turn due for the messages of a locked contact that are not answered: another bot than the one that was asked has to.
    Must run in a transaction."""
    _schedule({contact.pk: timedelta()}, {contact.pk: contact})
    wake_after_commit(BotTurn)


def _turn_message(row: Message, now: datetime) -> BotTurnMessage:
    number: PhoneNumber = row.phone_number
    is_late = now - row.create_in > timedelta(minutes=number.late_after_minutes)
    return BotTurnMessage(phone_number_id=row.phone_number_id, wamid=row.wamid or "", contact_id=row.contact_id, is_late=is_late)


def _schedule(delays: Mapping[int, timedelta], contacts: Mapping[int, Contact]) -> None:
    """Makes the turns of these contacts due after so much time, or sooner if the first of their messages has waited too long. A
    worker that has one of them loses it, and answers nothing: there is more to answer now."""
    stored = {turn.pk: turn for turn in BotTurn.objects.filter(pk__in=delays).annotate(now=Now())}
    missing = [pk for pk in delays if pk not in stored]
    if missing:
        now = _database_now(contacts[missing[0]])
        insert_rows([_new_turn(contacts[pk], now, delays[pk]) for pk in missing])
    for pk, turn in stored.items():
        due_at, row = turn.now + delays[pk], BotTurn.objects.filter(pk=pk)
        if turn.state == State.DUE:
            row.update(lease_token=None, due_at=min(due_at, turn.started_at + MAX_BURST))
        else:
            row.update(lease_token=None, due_at=due_at, started_at=turn.now, state=State.DUE, attempts=0)


def _new_turn(contact: Contact, now: datetime, delay: timedelta) -> BotTurn:
    return BotTurn(
        contact=contact, organization_id=contact.organization_id or 0, started_at=now, due_at=now + delay, state=State.DUE.value
    )


def _database_now(contact: Contact) -> datetime:
    now: datetime = Contact.objects.filter(pk=contact.pk).values_list(Now(), flat=True).get()
    return now
