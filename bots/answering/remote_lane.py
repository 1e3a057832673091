"""The lane of requests to remote bots.

    lease     leases requests that are due, and reads what each needs
    do        in a thread, outside any transaction: asks the webhook bot or the model
    store     `remote_results`: the answer, the end of the request and the messages to the customer are one transaction

If a worker dies after the request, it is sent again, with the same `webhook-id`. The answer is stored once. A bot that hangs takes
threads of its own only: each bot has at most `PER_BOT` of them, and one that fails has a few.
"""

import logging
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from cryptography.fernet import InvalidToken
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bots.ai.client import AiEndpoint
from bots.ai.dialogues import Dialogue, StepTask, ask_model, prompt_tokens
from bots.ai.settings import AiSettings
from bots.answering import ai_limits, circuits
from bots.answering.ai_history import read_history
from bots.answering.remote_results import store_exchange
from bots.automatic.services import hours_of, load_automatic, zone_of
from bots.flows.flow import MAX_AI_MESSAGES
from bots.models import AiConnection, BotCircuit, BotKind, BotRequest
from bots.remote.exchanges import Exchange, Problem, failed
from bots.remote.rights import addresses_of
from bots.webhook_bots.posts import WebhookPost, post_request
from bots.webhook_bots.settings import WebhookSettings
from contacts.owners import Owner
from jobs.models import State
from jobs.transactions import is_away, is_contention, run_in_transaction
from jobs.workers.worker import SideLane, format_without_message
from organizations.models import PhoneNumber

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 512
"""Concurrent requests of one worker."""
PER_BOT = 200
PER_FAILING_BOT = 16
LEASE_SECONDS = 90.0
MAX_ATTEMPT = timedelta(seconds=70)
"""One attempt with its time-out, and the pause after it. The time of attempts does not make a request too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTask:
    """A leased request: what is to be sent, or an exchange that is known without sending anything."""

    pk: int
    token: uuid.UUID
    contact_id: int | None
    post: WebhookPost | None = None
    dialogue: Dialogue | None = None
    exchange: Exchange | None = None


def lease_requests(free: int) -> Iterator[RequestTask]:
    """Leases and yields up to `free` requests that are due, with equal shares of bots."""
    rows = BotRequest.objects.all()
    due = list(rows.due().order_by().values_list("bot").annotate(Count("pk")))
    if not due:
        return
    busy = dict(
        rows.filter(state=State.DUE, due_at__gt=Now()).exclude(lease_token=None).order_by().values_list("bot").annotate(Count("pk"))
    )
    failing = set(BotCircuit.objects.filter(pk__in=[bot_id for bot_id, _ in due], failures__gt=0).values_list("pk", flat=True))
    random.shuffle(due)
    for index, (bot_id, _count) in enumerate(due):
        room = (PER_FAILING_BOT if bot_id in failing else PER_BOT) - busy.get(bot_id, 0)
        limit = min(room, -(-free // (len(due) - index)))
        lease = rows.filter(bot=bot_id).lease(limit=limit, seconds=LEASE_SECONDS) if limit > 0 else None
        if lease is None:
            continue
        # Without the key of an AI: one that cannot be decrypted must not hold up the requests of others.
        held = lease.held().select_related("bot__ai_connection", "version", "contact").defer("bot__ai_connection__api_key")
        for request in held:
            free -= 1
            yield _prepare(request, lease.token)


def _prepare(request: BotRequest, token: uuid.UUID) -> RequestTask:
    """Returns the task of a leased request. What cannot be prepared is known to have failed. If the database is the reason, the
    error is raised, and the request is due again when its lease ends."""
    task = partial(RequestTask, pk=request.pk, token=token, contact_id=request.contact_id)
    try:
        found = run_in_transaction(partial(_read_task, request, timezone.now()))
    except Exception as error:  # one request that cannot be read must not hold up the others
        if is_away(error) or is_contention(error):
            raise
        log.error("request %s cannot be prepared: %s", request.key, format_without_message(error))
        found = failed(Problem.INTERNAL)
    if isinstance(found, WebhookPost):
        return task(post=found)
    return task(dialogue=found) if isinstance(found, Dialogue) else task(exchange=found)


def _read_task(request: BotRequest, now: datetime) -> WebhookPost | Dialogue | Exchange:
    """Returns what is to be sent, or the exchange that is known already."""
    if request.is_awaited:
        return failed(Problem.NO_CALLBACK)
    number = _number_of(request)
    if problem := _problem_before(request, number, now):
        return failed(problem)
    found = _read_question(request, number, now)
    if isinstance(found, Exchange) or request.purpose == BotRequest.Purpose.TEST or circuits.claim_send(request.bot_id, now):
        return found
    return failed(Problem.PAUSED)


def _read_question(request: BotRequest, number: PhoneNumber | None, now: datetime) -> WebhookPost | Dialogue | Exchange:
    """Returns what is to be sent, or the limit that is reached."""
    allowed = addresses_of(request.bot.organization_id, number)
    document = request.version.document if request.version else request.bot.draft
    if request.bot.kind == BotKind.WEBHOOK:
        settings = WebhookSettings.read(document)
        return WebhookPost(
            key=request.key,
            url=settings.url,
            body=request.request,
            timeout_seconds=settings.timeout_seconds,
            secrets=request.bot.webhook_secret.live(now),
            allowed=allowed,
        )
    connection = request.bot.ai_connection
    try:
        key = connection.api_key
    except InvalidToken:
        return failed(Problem.KEY)
    endpoint = AiEndpoint(base_url=connection.base_url, api_key=key, timeout_seconds=connection.timeout_seconds, allowed=allowed)
    return _dialogue(request, number, connection, AiSettings.read(document), endpoint, now)


def _number_of(request: BotRequest) -> PhoneNumber | None:
    if request.contact is None:
        return None
    numbers = PhoneNumber.objects.select_related("organization").defer(*PhoneNumber.SECRETS)
    return numbers.get(phone_number_id=request.contact.create_for_phone_number_id)


def _problem_before(request: BotRequest, number: PhoneNumber | None, now: datetime) -> Problem | None:
    """Returns why nothing is sent, whatever the circuit says."""
    contact = request.contact
    if contact and (contact.owner not in (Owner.AI, Owner.BOT) or contact.blocked_at):
        return Problem.LATE  # nobody waits for it: `remote_results` sees who is in charge
    if number and not number.is_applied:
        return Problem.LATE
    age = now - request.create_in - request.attempts * MAX_ATTEMPT
    is_late = number is not None and age > timedelta(minutes=number.late_after_minutes)
    return Problem.LATE if is_late else None


def _dialogue(
    request: BotRequest,
    number: PhoneNumber | None,
    connection: AiConnection,
    settings: AiSettings,
    endpoint: AiEndpoint,
    now: datetime,
) -> Dialogue | Exchange:
    """Returns the question to the model, for which tokens and money are reserved, or the limit that is reached."""
    contact = request.contact
    if contact is None or number is None:
        return failed(Problem.INTERNAL)
    organization, automatic = number.organization, load_automatic({number.pk})[number.pk]
    if problem := ai_limits.used_up(request, connection, organization, now):
        return failed(problem)
    step = _step_of(request)
    dialogue = partial(
        Dialogue,
        key=request.key,
        settings=settings,
        endpoint=endpoint,
        history=read_history(contact, settings),
        customer_name=contact.alias or contact.name,
        organization_name=organization.organization_name,
        now_text=now.astimezone(zone_of(organization)).strftime("%A, %Y-%m-%d %H:%M"),
        hours=hours_of(automatic, organization).hours_text("en"),
        messages_per_answer=min(connection.messages_per_answer, MAX_AI_MESSAGES) if step else connection.messages_per_answer,
        step=step,
    )
    rounds = ai_limits.reserve(
        request,
        connection,
        day=ai_limits.today_of(organization, now),
        input_tokens=prompt_tokens(dialogue()),
        output_tokens=settings.answer_tokens,
    )
    return failed(rounds) if isinstance(rounds, Problem) else dialogue(max_rounds=rounds)


def _step_of(request: BotRequest) -> StepTask | None:
    if request.purpose != BotRequest.Purpose.STEP:
        return None
    wanted = request.request
    branches = tuple((name, description) for name, description in wanted.get("branches", ()))
    return StepTask(instructions=wanted["instructions"], branches=branches, until=wanted.get("until", ""))


def send(task: RequestTask) -> Exchange:
    """Sends a request. Runs in a thread, so it must not use the database."""
    if task.exchange:
        return task.exchange
    return post_request(task.post) if task.post else ask_model(task.dialogue) if task.dialogue else failed(Problem.INTERNAL)


def store_exchanges(exchanges: Sequence[tuple[RequestTask, Exchange]]) -> None:
    """Stores results, in one transaction each. May be repeated: a request that is done is left alone."""
    for task, exchange in exchanges:
        run_in_transaction(partial(store_exchange, task.pk, task.token, exchange))


def reject_exchange(task: RequestTask, exchange: Exchange, error: Exception) -> None:
    """Ends a request whose answer cannot be stored: a person is called. What it used is counted."""
    log.error("the answer to request %s cannot be stored: %s", task.pk, format_without_message(error))
    unusable = replace(exchange, answer=None, problem=Problem.INTERNAL, may_retry=False, branch="")
    run_in_transaction(partial(store_exchange, task.pk, task.token, unusable))


LANE = SideLane(
    "bot-requests",
    model=BotRequest,
    take=lease_requests,
    do=send,
    store=store_exchanges,
    width=MAX_IN_FLIGHT,
    fail=lambda _task, _error: failed(Problem.INTERNAL),
    reject=reject_exchange,
    give_back=lambda tasks: _held(tasks).update(due_at=Now(), lease_token=None),
    renew=lambda tasks: _held(tasks).update(due_at=Now() + timedelta(seconds=LEASE_SECONDS)),
    lease=LEASE_SECONDS,
)


def _held(tasks: Sequence[RequestTask]) -> QuerySet[BotRequest]:
    """Returns the requests that this worker still has."""
    tokens = {task.token for task in tasks}
    return BotRequest.objects.filter(pk__in=[task.pk for task in tasks], lease_token__in=tokens)
