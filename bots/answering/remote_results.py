"""Stores what remote bots answered, in a response or by a call-back.

An answer is thrown away if it comes too late to be one: a person is in charge by now, or the customer has written again, which
makes a newer request. What it cost is counted all the same.
"""

import random
import uuid
from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from bots.answering import ai_limits, circuits
from bots.answering.answers import store_results
from bots.answering.conversations import Conversation, load_conversations, lock_contacts, published_settings
from bots.answering.decisions import TurnResult, decide_answer, decide_late, decide_step, remote_bot
from bots.models import AiConnection, Bot, BotKind, BotRequest
from bots.remote.exchanges import LIMITS, MAX_STORED_RESPONSE, UNHEALTHY, Exchange, Problem, failed
from bots.webhook_bots.settings import WebhookSettings
from chats.conversations.bot_turns import restart_turn
from chats.models import BotTurn, BotTurnMessage, Message
from chats.outbox.message_queue import WINDOW_MARGIN
from contacts.models import Contact
from contacts.owner_changes import chosen_owner
from contacts.owners import Owner
from jobs.bulk_writes import update_columns
from jobs.models import State

MAX_ATTEMPTS = 3
"""Of one request."""
Outcome = BotRequest.Outcome


def store_exchange(request_id: int, token: uuid.UUID, exchange: Exchange) -> None:
    """Stores the result of a leased request: retries it, waits for its call-back, or ends it. Must run in a transaction."""
    now = timezone.now()
    request = BotRequest.objects.filter(pk=request_id).only("contact_id").first()
    if request is None:
        return
    contacts = lock_contacts([request.contact_id] if request.contact_id else [])
    request = BotRequest.objects.select_for_update().filter(pk=request_id).first()
    if request is None:
        return
    _record_health(request, exchange, now)
    if request.bot.kind == BotKind.AI:
        ai_limits.settle(request, AiConnection.objects.defer("api_key").get(pk=request.bot_id), exchange)
    is_held = request.state == State.DUE and request.lease_token == token
    if not is_held:
        if _is_new_in_log(request, exchange):
            _record(request, exchange)
            request.save()
        return
    _record(request, exchange)
    if exchange.may_retry and request.attempts + 1 < MAX_ATTEMPTS:
        _retry(request)
    elif exchange.answer and exchange.answer.is_later:
        _await_callback(request)
    else:
        finish_request(request, contacts.get(request.contact_id or 0), exchange, now)


def _is_new_in_log(request: BotRequest, exchange: Exchange) -> bool:
    """Whether the log lacks the response to a request that has ended meanwhile: the customer wrote again, or the answer came by a
    call-back. Otherwise another worker has it, or has stored a response."""
    is_overtaken = request.outcome == Outcome.OVERTAKEN
    return request.state == State.DONE and (is_overtaken or (exchange.answer is not None and not request.status))


def finish_request(request: BotRequest, contact: Contact | None, exchange: Exchange, now: datetime) -> str:
    """Ends a locked request, and gives the customer its answer if it is still one. The contact is locked. Returns the outcome."""
    if contact is None:
        outcome = _outcome(exchange)
    elif BotTurn.objects.filter(pk=contact.pk).exists():
        outcome = Outcome.OVERTAKEN  # the next turn has these messages as well
    else:
        outcome = _answer(request, contact, exchange, now)
    request.outcome, request.state, request.lease_token = outcome.value, State.DONE.value, None
    request.pending_contact, request.is_awaited, request.answered_at = None, False, now
    request.save()
    return outcome.value


def end_requests(bot: Bot, now: datetime) -> None:
    """Ends the requests to a bot that is about to be deleted, and that no number names: who is in charge now answers. Locks the
    contacts. Must run in a transaction."""
    pending = BotRequest.objects.filter(bot=bot).exclude(pending_contact=None)
    contacts = lock_contacts(pending.values_list("pending_contact", flat=True))
    for request in pending.select_for_update().filter(pending_contact__in=contacts).order_by("pk"):
        finish_request(request, contacts[request.pending_contact_id or 0], failed(Problem.INTERNAL), now)


def _answer(request: BotRequest, contact: Contact, exchange: Exchange, now: datetime) -> Outcome:
    """Gives the customer the answer, unless a person is in charge by now. Either deals with the messages that it answers."""
    conversation = load_conversations({contact.pk: contact}, now)[0]
    if not _is_chosen(request, conversation):
        _mark_answered(request, contact, None)
        return Outcome.PERSON
    if not _is_in_charge(request, conversation):
        restart_turn(contact)
        return Outcome.OTHER_BOT
    if not conversation.number.is_applied or _is_after_window(exchange, contact, now):
        return _end_late(request, conversation, now)
    result = _decide(request, conversation, exchange)
    store_results([result], now)
    if not (result.request and result.request.wamids):  # otherwise the next step of the flow answers them
        _mark_answered(request, contact, result)
    return _outcome(exchange)


def _is_after_window(exchange: Exchange, contact: Contact, now: datetime) -> bool:
    """Whether the answer has a message that WhatsApp does not accept any more, because the service window has closed."""
    if exchange.answer is None or contact.is_window_open(now, margin=WINDOW_MARGIN):
        return False
    return any(each.message["type"] != "template" for each in exchange.answer.messages)


def _end_late(request: BotRequest, conversation: Conversation, now: datetime) -> Outcome:
    """Throws the answer away, because nothing can be sent any more: the customer waits for a person."""
    store_results([decide_late(conversation, f"request:{request.key}")], now)
    _mark_answered(request, conversation.contact, None)
    request.problem = Problem.LATE.value
    return Outcome.FAILED


def _decide(request: BotRequest, conversation: Conversation, exchange: Exchange) -> TurnResult:
    if request.purpose == BotRequest.Purpose.STEP:
        return decide_step(conversation, request.call_id, exchange, wamids=tuple(request.wamids))
    return decide_answer(conversation, request.key, published_settings(request.version_id or 0), exchange)


def _is_in_charge(request: BotRequest, conversation: Conversation) -> bool:
    """Whether the bot that was asked still answers at the number. The state of a flow knows which step it waits for."""
    if request.purpose == BotRequest.Purpose.STEP:
        return True
    bot = remote_bot(conversation, Owner(conversation.contact.owner))
    return bot is not None and bot.pk == request.bot_id


def _is_chosen(request: BotRequest, conversation: Conversation) -> bool:
    """Whether a bot of this kind is in charge, and was chosen to be."""
    contact = conversation.contact
    asks_ai = request.bot.kind == BotKind.AI and request.purpose != BotRequest.Purpose.STEP
    owner = Owner.AI if asks_ai else Owner.BOT
    return contact.owner == owner == chosen_owner(contact) and contact.blocked_at is None


def _outcome(exchange: Exchange) -> Outcome:
    if exchange.answer is None:
        return Outcome.LIMIT if exchange.problem in LIMITS else Outcome.FAILED
    if exchange.answer.hand_over is not None:
        return Outcome.HANDED_OVER
    return Outcome.ANSWERED if exchange.answer.messages else Outcome.SILENT


def _mark_answered(request: BotRequest, contact: Contact, result: TurnResult | None) -> None:
    """Marks the customer's messages as dealt with, and with a result whether it sends something. Messages that another turn has
    dealt with meanwhile stay as they are."""
    turns = list(BotTurnMessage.objects.filter(contact=contact, wamid__in=request.wamids, is_answered=False))
    BotTurnMessage.objects.filter(pk__in=[turn.pk for turn in turns]).update(is_answered=True)
    if result is None or not turns:
        return
    values = (bool(result.messages), result.copied_state if result.messages or result.flow else None)
    update_columns(BotTurnMessage, ("bot_replied", "flow_state"), {turn.pk: values for turn in turns})
    keys = [(turn.phone_number_id, turn.wamid) for turn in turns]
    rows = Message.objects.named(keys).values_list("pk", flat=True)
    update_columns(Message, ("bot_replied", "flow_state"), dict.fromkeys(rows, values))


def _record(request: BotRequest, exchange: Exchange) -> None:
    """Sets the columns of the log. Without a response, an earlier one stays, such as that of an announced answer."""
    if exchange.status or not (request.is_awaited or request.attempts):
        request.status, request.seconds = exchange.status, exchange.seconds
        request.response = exchange.response[:MAX_STORED_RESPONSE]
    request.problem = exchange.problem.value if exchange.problem else ""
    request.reason = exchange.detail[:500]
    request.model = exchange.model[:200] or request.model
    if exchange.tools:
        request.tools = [{"name": each.name, "arguments": each.arguments, "result": each.result} for each in exchange.tools]


def _record_health(request: BotRequest, exchange: Exchange, now: datetime) -> None:
    """Records in the circuit what came of an attempt, also of one whose request has ended meanwhile. Nothing was sent otherwise."""
    if exchange.problem in UNHEALTHY:
        circuits.record_failure(request.bot_id, exchange.problem or Problem.INTERNAL, now)
    elif exchange.status:
        circuits.record_success(request.bot_id, now)


def _retry(request: BotRequest) -> None:
    """Makes the request due again after about 2 seconds, then 4."""
    request.attempts += 1
    request.lease_token = None
    request.save()
    delay = 2.0**request.attempts * random.uniform(0.5, 1.5)  # noqa: S311  distribution, not a secret
    BotRequest.objects.filter(pk=request.pk).update(due_at=Now() + timedelta(seconds=delay))


def _await_callback(request: BotRequest) -> None:
    """Waits for the call-back. When the request is due again, it has not come."""
    document = request.version.document if request.version else request.bot.draft
    minutes = WebhookSettings.read(document).callback_minutes
    request.is_awaited, request.lease_token = True, None
    request.save()
    BotRequest.objects.filter(pk=request.pk).update(due_at=Now() + timedelta(minutes=minutes))
