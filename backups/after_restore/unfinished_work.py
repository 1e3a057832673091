"""Ends what was under way when the backup was made. The hub went on afterwards, so most of it has happened. Nothing of it happens
again: a message that may have left is uncertain, and a person decides."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from django.db.models import Q
from django.utils import timezone

from bots.models import BotConversation, BotRequest, BotWebCall
from chats.models import BotTurn, BotTurnMessage, Message, MessageStatus, QueuedMessage, ReadReceipt, SendQueue
from events.models import EventDelivery, EventQueue
from jobs.models import State
from jobs.transactions import run_in_transaction
from organizations.models import Event, Mail

STEP = 2_000
"""Rows of one transaction."""
REASON = "restored from a backup"


def end_unfinished_work() -> dict[str, int]:
    """Ends all of it, and returns how many rows of each kind. Safe to repeat. No worker may run."""
    return {
        "messages that became uncertain": _in_steps(QueuedMessage.objects.all(), _make_uncertain),
        "turns of bots": _end_turns(),
        "requests to bots": _in_steps(BotRequest.objects.exclude(state=State.DONE), _end_requests),
        "flows that waited for a call, a request or a timer": _end_waiting_flows(),
        "events": _in_steps(Event.objects.all(), lambda ids: Event.objects.filter(pk__in=ids).delete()[0]),
        "deliveries that were given up": _give_up_deliveries(),
        "e-mails that were not sent": _end_mails(),
        "read receipts": ReadReceipt.objects.filter(state=State.DUE).update(state=State.DONE, lease_token=None),
    }


def _make_uncertain(ids: Collection[int]) -> int:
    messages = Message.objects.filter(pk__in=ids, message_status__in=(MessageStatus.QUEUED, MessageStatus.SENDING))
    count = messages.update(message_status=MessageStatus.UNCERTAIN, updated_at=timezone.now())
    contacts = list(QueuedMessage.objects.filter(pk__in=ids).values_list("contact", flat=True))
    QueuedMessage.objects.filter(pk__in=ids).delete()
    left = QueuedMessage.objects.filter(contact__in=contacts).values("contact")
    SendQueue.objects.filter(pk__in=contacts).exclude(pk__in=left).update(state=State.DONE, lease_token=None, attempts=0)
    return count


def _end_turns() -> int:
    """Counts what customers have written so far as answered."""
    unanswered = BotTurnMessage.objects.filter(is_answered=False)
    _in_steps(unanswered, lambda ids: BotTurnMessage.objects.filter(pk__in=ids).update(is_answered=True))
    return _in_steps(BotTurn.objects.all(), lambda ids: BotTurn.objects.filter(pk__in=ids).delete()[0])


def _end_requests(ids: Collection[int]) -> int:
    ended: dict[str, Any] = {"state": State.DONE, "outcome": BotRequest.Outcome.OVERTAKEN, "answered_at": timezone.now()}
    return BotRequest.objects.filter(pk__in=ids).update(**ended, lease_token=None, pending_contact=None, is_awaited=False)


def _end_waiting_flows() -> int:
    """Ends flows that would go on without the customer. The customer's next message begins the flow again. The rows stay: without
    one, the state would be read from the messages."""
    calling = BotWebCall.objects.values("contact")
    waiting = BotConversation.objects.filter(Q(state=State.DUE) | Q(pk__in=calling))
    ended: dict[str, Any] = {"flow_state": {"ended": True}, "state": State.WAITING, "lease_token": None, "attempts": 0}
    count = _in_steps(waiting, lambda ids: BotConversation.objects.filter(pk__in=ids).update(**ended))
    _in_steps(BotWebCall.objects.all(), lambda ids: BotWebCall.objects.filter(pk__in=ids).delete()[0])
    return count


def _give_up_deliveries() -> int:
    pending = EventDelivery.objects.filter(outcome=EventDelivery.Outcome.PENDING)
    count = _in_steps(pending, lambda ids: EventDelivery.objects.filter(pk__in=ids).update(outcome=EventDelivery.Outcome.DEAD))
    EventQueue.objects.filter(state=State.DUE).update(state=State.DONE, lease_token=None, attempts=0)
    return count


def _end_mails() -> int:
    return Mail.objects.filter(state=State.DUE).update(state=State.DEAD, lease_token=None, reason=REASON)


def _in_steps(rows: Any, change: Callable[[list[Any]], int]) -> int:
    """Changes the rows in transactions of `STEP` rows, in the order of their ids. Returns how many it changed."""
    total, last = 0, None
    while True:
        following = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        ids = list(following.values_list("pk", flat=True)[:STEP])
        if not ids:
            return total
        last = ids[-1]
        total += run_in_transaction(partial(change, ids))
