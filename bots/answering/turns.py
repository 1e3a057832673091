"""The lane of customers' messages that wait for an automatic message or a bot.

The answer, the state of the flow and the end of the turn are one transaction, so a message is answered once, whatever dies. A
conversation whose answer fails alone is handed over to a person, and delays no other one.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial

from django.utils import timezone

from bots.answering.answers import store_results
from bots.answering.conversations import load_conversations, lock_contacts
from bots.answering.decisions import TurnResult, decide_failure, decide_turn
from bots.answering.remote_requests import end_pending
from chats.models import BotTurn, BotTurnMessage, Message
from jobs.batches import apply_batch
from jobs.bulk_writes import update_columns
from jobs.models import Lease
from jobs.transactions import run_in_transaction
from jobs.workers.worker import Lane, format_without_message

log = logging.getLogger(__name__)

MAX_TURNS = 500
"""Turns of one transaction. Some queries have a condition for each number, and SQLite takes 1,000."""


def answer_turns(lease: Lease) -> None:
    """Answers the customers of these turns, and deletes the turns."""

    def reject(contact_id: int, failure: Exception) -> None:
        log.error("the turn of contact %s failed: %s", contact_id, format_without_message(failure))
        run_in_transaction(partial(_hand_over, lease, contact_id))

    apply_batch(lease.ids, apply=lambda ids: run_in_transaction(partial(_answer, lease, ids)), reject=reject)


LANE = Lane("bots", BotTurn, answer_turns, limit=MAX_TURNS)


def _answer(lease: Lease, contact_ids: Sequence[int]) -> None:
    now = timezone.now()
    contacts = lock_contacts(contact_ids)
    held = set(lease.held(contact_ids).values_list("pk", flat=True))
    turns = _open_messages(held)
    rows = _rows(turns)
    results = []
    for conversation in load_conversations({pk: contacts[pk] for pk in sorted(rows)}, now):
        pk = conversation.contact.pk
        in_time = [row for row in rows[pk] if not turns[pk][row.key].is_late]
        results.append(decide_turn(conversation, in_time or rows[pk], is_late=not in_time))
    end_pending([result.conversation.contact.pk for result in results if result.request is None], now)
    store_results(results, now)
    _store_replies(results, turns, rows)
    lease.held([pk for pk in held if pk in rows or pk not in turns]).delete()
    # The messages of the others were deleted by a rebuild. When it stores them again, it makes their turns due.
    lease.set_waiting([pk for pk in held if pk in turns and pk not in rows], "its messages are being rebuilt")


def _hand_over(lease: Lease, contact_id: int) -> None:
    """Ends a turn that cannot be answered: a person is called."""
    now = timezone.now()
    contacts = lock_contacts([contact_id])
    if not lease.held([contact_id]).exists():
        return
    conversations = load_conversations(contacts, now)
    store_results([decide_failure(each, f"failed:{contact_id}") for each in conversations], now)
    BotTurnMessage.objects.filter(contact=contact_id, is_answered=False).update(is_answered=True)
    lease.held([contact_id]).delete()


TurnMessages = Mapping[int, Mapping[tuple[str, str], BotTurnMessage]]
"""The unanswered messages of turns, by contact and by message."""


def _open_messages(contact_ids: Collection[int]) -> TurnMessages:
    found: dict[int, dict[tuple[str, str], BotTurnMessage]] = defaultdict(dict)
    for each in BotTurnMessage.objects.filter(contact__in=contact_ids, is_answered=False):
        found[each.contact_id][each.phone_number_id, each.wamid] = each
    return found


def _rows(turns: TurnMessages) -> dict[int, list[Message]]:
    """Returns the messages of each turn in order of time. A deleted message needs no answer."""
    keys = [key for of_contact in turns.values() for key in of_contact]
    columns = ("phone_number", "wamid", "contact", "kind", "content", "payload", "create_in", "revoked_at")
    found: dict[int, list[Message]] = defaultdict(list)
    for row in Message.objects.named(keys).only(*columns).order_by("create_in", "pk"):
        found[row.contact_id].append(row)
    return {pk: rows for pk, rows in found.items() if pk in turns}


def _store_replies(results: Sequence[TurnResult], turns: TurnMessages, rows: Mapping[int, Sequence[Message]]) -> None:
    """Marks the messages as answered, and stores on them that they were, and where the flow is."""
    originals: dict[int, tuple[bool, object]] = {}
    copies: dict[int, tuple[bool, object]] = {}
    answered: list[int] = []
    for result in results:
        if result.request and result.request.wamids:
            continue  # `bots.answering.remote_results` marks them, when the bot has answered
        pk = result.conversation.contact.pk
        answered += [each.pk for each in turns[pk].values()]
        if result.messages or result.flow_state is not None:
            values = (bool(result.messages), result.copied_state)
            originals |= {each.pk: values for each in turns[pk].values()}
            copies |= {row.pk: values for row in rows[pk]}
    BotTurnMessage.objects.filter(pk__in=answered).update(is_answered=True)
    update_columns(BotTurnMessage, ("bot_replied", "flow_state"), originals)
    update_columns(Message, ("bot_replied", "flow_state"), copies)
