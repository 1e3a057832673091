"""The lane in which AIs answer the questions of proofs, so that no page waits for a slow model.

    lease     leases questions that are due, and reserves tokens and money for them
    do        in a thread, outside any transaction: asks the model. Tools answer with their example
    store     the answer, and what is wrong with it

If a worker dies after the question, it is asked again. The answer is stored once.
"""

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from cryptography.fernet import InvalidToken
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bots.ai.client import AiEndpoint
from bots.ai.dialogues import ask_model, prompt_tokens
from bots.ai.questions import Dialogue, PastMessage
from bots.ai.settings import AiSettings
from bots.ai_pages.proof_checks import faults_of
from bots.answering import ai_limits
from bots.automatic.services import hours_of, load_automatic, zone_of
from bots.models import AiConnection, AiProofAnswer, Bot
from bots.publishing.services import numbers_naming
from bots.remote.exchanges import Exchange, Problem, failed
from bots.remote.rights import addresses_of
from jobs.models import State
from jobs.transactions import is_away, is_contention, run_in_transaction
from jobs.workers.worker import SideLane, format_without_message

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 8
"""Concurrent questions of one worker."""
LEASE_SECONDS = 90.0
HAND_OVER = "hand_over"
"""The tool that calls a person, which `hands_over` says already."""
KEYS = uuid.UUID("a52b8c2e-90c5-4a0e-8b2c-3f6f5a0f6f0a")
"""Namespace of the keys of questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofTask:
    """A leased question: what the model is asked, or an exchange that is known without asking it."""

    pk: int
    token: uuid.UUID
    dialogue: Dialogue | None = None
    exchange: Exchange | None = None


def lease_questions(free: int) -> Iterator[ProofTask]:
    """Leases and yields up to `free` questions that are due."""
    lease = AiProofAnswer.objects.lease(limit=free, seconds=LEASE_SECONDS)
    if lease is None:
        return
    for row in lease.held().select_related("proof", "bot__organization"):
        yield _prepare(row, lease.token)


def _prepare(row: AiProofAnswer, token: uuid.UUID) -> ProofTask:
    """Returns the task of a leased question. What cannot be prepared is known to have failed. If the database is the reason, the
    error is raised, and the question is due again when its lease ends."""
    try:
        found = run_in_transaction(partial(_read_task, row, timezone.now()))
    except Exception as error:  # one question that cannot be read must not hold up the others
        if is_away(error) or is_contention(error):
            raise
        log.error("proof answer %s cannot be prepared: %s", row.pk, format_without_message(error))
        found = failed(Problem.INTERNAL)
    if isinstance(found, Dialogue):
        return ProofTask(pk=row.pk, token=token, dialogue=found)
    return ProofTask(pk=row.pk, token=token, exchange=found)


def _read_task(row: AiProofAnswer, now: datetime) -> Dialogue | Exchange:
    """Returns the question to the model, for which tokens and money are reserved, or the limit that is reached."""
    connection, organization, settings = _connection(row), row.bot.organization, AiSettings.read(row.document)
    try:
        key = connection.api_key
    except InvalidToken:
        return failed(Problem.KEY)
    endpoint = AiEndpoint(
        base_url=connection.base_url,
        api_key=key,
        timeout_seconds=connection.timeout_seconds,
        allowed=addresses_of(organization.pk),
    )
    dialogue = partial(
        Dialogue,
        key=uuid.uuid5(KEYS, f"{row.pk}:{row.create_in.isoformat()}"),
        settings=settings,
        endpoint=endpoint,
        history=[PastMessage("customer", "text", row.proof.question)],
        organization_name=organization.organization_name,
        now_text=now.astimezone(zone_of(organization)).strftime("%A, %Y-%m-%d %H:%M"),
        hours=_hours(row.bot),
        messages_per_answer=connection.messages_per_answer,
        uses_examples=True,
    )
    rounds = ai_limits.reserve(
        row,
        connection,
        day=ai_limits.today_of(organization, now),
        input_tokens=prompt_tokens(dialogue()),
        output_tokens=settings.answer_tokens,
    )
    return failed(rounds) if isinstance(rounds, Problem) else dialogue(max_rounds=rounds)


def _connection(row: AiProofAnswer) -> AiConnection:
    """Returns the connection without its key, which is read only to be used: it may be one that cannot be decrypted."""
    return AiConnection.objects.defer("api_key").get(pk=row.bot_id)


def _hours(bot: Bot) -> str:
    """Returns the business hours of a number of the AI. Empty without one."""
    number = next(iter(numbers_naming(bot)), None)
    if number is None:
        return ""
    return hours_of(load_automatic({number.pk})[number.pk], bot.organization).hours_text("en")


def ask(task: ProofTask) -> Exchange:
    """Asks the model. Runs in a thread, so it must not use the database."""
    if task.exchange:
        return task.exchange
    return ask_model(task.dialogue) if task.dialogue else failed(Problem.INTERNAL)


def store_answers(exchanges: Sequence[tuple[ProofTask, Exchange]]) -> None:
    """Stores answers, in one transaction each. May be repeated: an answer that is stored is left alone."""
    for task, exchange in exchanges:
        run_in_transaction(partial(_store, task, exchange))


def _store(task: ProofTask, exchange: Exchange) -> None:
    held = AiProofAnswer.objects.select_for_update().filter(pk=task.pk, lease_token=task.token, state=State.DUE)
    row = held.select_related("proof", "bot").first()
    if row is None:
        return
    ai_limits.settle(row, _connection(row), exchange)
    answer = exchange.answer
    row.messages = [_text_of(each.message) for each in answer.messages] if answer else []
    row.hands_over = answer is not None and answer.hand_over is not None
    row.problem = exchange.problem or ""
    row.faults = faults_of(row.proof, row.messages, hands_over=row.hands_over) if answer else []
    row.tools = [call.name for call in exchange.tools if call.name != HAND_OVER]
    row.seconds = exchange.seconds
    row.state, row.lease_token = State.DONE, None
    row.save(update_fields=["messages", "hands_over", "problem", "faults", "tools", "seconds", "state", "lease_token"])


def _text_of(message: object) -> str:
    """Returns the text of an API object. An AI sends texts only."""
    text = message.get("text") if isinstance(message, dict) else None
    return str(text.get("body", "")) if isinstance(text, dict) else ""


def reject_answer(task: ProofTask, exchange: Exchange, error: Exception) -> None:
    """Ends a question whose answer cannot be stored. The tokens that it has used are counted."""
    log.error("proof answer %s cannot be stored: %s", task.pk, format_without_message(error))
    used = failed(Problem.INTERNAL, input_tokens=exchange.input_tokens, output_tokens=exchange.output_tokens)
    run_in_transaction(partial(_store, task, used))


LANE = SideLane(
    "ai-proofs",
    model=AiProofAnswer,
    take=lease_questions,
    do=ask,
    store=store_answers,
    width=MAX_IN_FLIGHT,
    fail=lambda _task, _error: failed(Problem.INTERNAL),
    reject=reject_answer,
    give_back=lambda tasks: _held(tasks).update(due_at=Now(), lease_token=None),
    renew=lambda tasks: _held(tasks).update(due_at=Now() + timedelta(seconds=LEASE_SECONDS)),
    lease=LEASE_SECONDS,
)


def _held(tasks: Sequence[ProofTask]) -> QuerySet[AiProofAnswer]:
    """Returns the questions that this worker still has."""
    tokens = {task.token for task in tasks}
    return AiProofAnswer.objects.filter(pk__in=[task.pk for task in tasks], lease_token__in=tokens)
