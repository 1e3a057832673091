"""Call-backs: answers of webhook bots that come later than the response to their request."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bots.answering.conversations import lock_contacts
from bots.answering.remote_results import Outcome, finish_request
from bots.models import BotKind, BotRequest
from bots.remote.answers import RemoteAnswer
from bots.remote.exchanges import Exchange
from bots.webhook_bots.answers import InvalidAnswer, read_answer
from bots.webhook_bots.signatures import is_signed, new_secret
from jobs.models import State
from jobs.transactions import run_in_transaction

MAX_STORED = 10
"""Call-backs of one request that its line in the log has."""
MAX_STORED_BODY = 16 * 2**10
UNKNOWN_SECRET = new_secret()
"""Of no bot."""
TOO_LATE: Mapping[str, Promise] = {
    Outcome.OVERTAKEN: _("The customer has written again: a newer request has these messages as well."),
    Outcome.PERSON: _("A person is in charge of the conversation."),
    Outcome.OTHER_BOT: _("Another bot is in charge of the conversation."),
    Outcome.ANSWERED: _("The request has been answered already."),
    Outcome.SILENT: _("The request has been answered already."),
    Outcome.HANDED_OVER: _("The conversation has been handed over to a person already."),
    Outcome.FAILED: _("The time for the answer is over: a person was called."),
    Outcome.LIMIT: _("The time for the answer is over: a person was called."),
}


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """What the sender of a call-back gets. `reason` is a sentence, or empty if the answer was taken."""

    status: HTTPStatus
    reason: str = ""


NO_REQUEST = CallbackResult(HTTPStatus.NOT_FOUND, "There is no such request.")


def receive_callback(key: uuid.UUID, headers: Mapping[str, str], body: bytes, now: datetime) -> CallbackResult:
    """Takes the answer to the request with this key. 404 without such a request, 401 without a valid signature, 422 for a body that
    is no answer, 409 for an answer that is too late, repeated or overtaken: it sends nothing. All but the first two are in the log.
    """
    # Outside a transaction: whoever has no secret causes two reads and no lock.
    signed = BotRequest.objects.filter(key=key, bot__kind=BotKind.WEBHOOK, bot__webhook_secret__isnull=False)
    known = signed.select_related("bot__webhook_secret").first()
    if known is None:
        is_signed(headers, body, [UNKNOWN_SECRET])  # takes as long as the check of a request that exists
        return NO_REQUEST
    if not is_signed(headers, body, known.bot.webhook_secret.live(now)):
        return CallbackResult(HTTPStatus.UNAUTHORIZED, "The signature is not valid.")
    try:
        answer = read_answer(body, is_callback=True)
    except InvalidAnswer as invalid:
        return run_in_transaction(partial(_refuse, known, f"{invalid.problem.label} {invalid.detail}".strip(), body, now))
    return run_in_transaction(partial(_take, known, answer, body, now))


def _refuse(known: BotRequest, reason: str, body: bytes, now: datetime) -> CallbackResult:
    """Stores that a call-back is no answer. The bot may send a better one."""
    request = BotRequest.objects.select_for_update().filter(pk=known.pk).first()
    if request is None:
        return NO_REQUEST
    result = CallbackResult(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
    _log(request, result, body, now)
    return result


def _take(known: BotRequest, answer: RemoteAnswer, body: bytes, now: datetime) -> CallbackResult:
    """Ends the request with this answer, unless it has ended before."""
    contacts = lock_contacts([known.contact_id] if known.contact_id else [])
    request = BotRequest.objects.select_for_update().filter(pk=known.pk).first()
    if request is None:
        return NO_REQUEST
    result = CallbackResult(HTTPStatus.OK)
    if request.state != State.DUE:
        result = CallbackResult(HTTPStatus.CONFLICT, str(TOO_LATE[request.outcome]))
    else:
        request.problem = request.reason = ""  # of an attempt before
        exchange = Exchange(answer=answer, status=request.status, seconds=request.seconds)
        outcome = finish_request(request, contacts.get(request.contact_id or 0), exchange, now)
        if outcome in (Outcome.OVERTAKEN, Outcome.PERSON, Outcome.OTHER_BOT, Outcome.FAILED):
            result = CallbackResult(HTTPStatus.CONFLICT, str(TOO_LATE[outcome]))
    _log(request, result, body, now)
    return result


def _log(request: BotRequest, result: CallbackResult, body: bytes, now: datetime) -> None:
    """Adds a call-back to the line of its request."""
    if len(request.callbacks) >= MAX_STORED:
        return
    text = body[:MAX_STORED_BODY].decode(errors="replace").replace("\x00", "")
    stored = {"at": now.isoformat(), "status": int(result.status), "reason": result.reason, "body": text}
    request.callbacks = [*request.callbacks, stored]
    request.has_late_callback |= result.status == HTTPStatus.CONFLICT
    request.save(update_fields=["callbacks", "has_late_callback"])
