"""Stores requests to remote bots. `remote_lane` sends them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from bots.answering.decisions import NewRequest, TurnResult
from bots.models import BotRequest
from contacts.models import Contact
from jobs.models import State
from jobs.wakeups import wake_after_commit


def store_requests(results: Sequence[TurnResult], now: datetime) -> None:
    """Stores the requests of these turns, and ends those that the same conversations waited for: the customer has written more.
    The contacts are locked. Must run in a transaction."""
    rows = [_row(result.conversation.contact, result.request, now) for result in results if result.request]
    if not rows:
        return
    end_pending([row.contact_id or 0 for row in rows], now)
    BotRequest.objects.bulk_create(rows)
    wake_after_commit(BotRequest)


def end_pending(contact_ids: Collection[int], now: datetime) -> None:
    """Ends the requests that these conversations wait for: a newer turn deals with the messages. The contacts are locked."""
    if contact_ids:
        pending = BotRequest.objects.filter(pending_contact__in=contact_ids)
        pending.update(
            state=State.DONE, outcome=BotRequest.Outcome.OVERTAKEN, pending_contact=None, lease_token=None, answered_at=now
        )


def _row(contact: Contact, request: NewRequest, now: datetime) -> BotRequest:
    return BotRequest(
        key=request.key,
        bot=request.bot,
        version_id=request.bot.published_id,
        contact=contact,
        pending_contact=contact,
        session_id=contact.session_id,
        purpose=request.purpose,
        call_id=request.call_id,
        request=dict(request.content),
        wamids=list(request.wamids),
        create_in=now,
        state=State.DUE,
        attempts=0,
        reason="",
    )
