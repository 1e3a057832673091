"""What an AI may still use. Tokens and money are reserved before a call, so that calls at the same time stay within the day's
limits, and settled afterwards."""

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from django.db.models import F, Sum
from django.utils import timezone

from bots.ai.tokens import cost_micros
from bots.automatic.services import zone_of
from bots.models import AiConnection, AiProofAnswer, AiUsage, BotRequest
from bots.remote.exchanges import Exchange, Problem
from jobs.models import State
from jobs.transactions import run_in_transaction
from jobs.workers.worker import MAX_WORK_SECONDS
from organizations.models import Organization

ROUNDS = 5
"""Calls of the model for one answer at most: tools make further ones necessary."""
RESERVED = ("reserved_tokens", "reserved_micros", "reserved_on")
LOST_AFTER = timedelta(seconds=MAX_WORK_SECONDS)
"""After its end, a request's result can no longer come."""
ANSWERS = (BotRequest.Outcome.ANSWERED, BotRequest.Outcome.HANDED_OVER)


def used_up(request: BotRequest, connection: AiConnection, organization: Organization, now: datetime) -> Problem | None:
    """Returns the limit of answers that the conversation or contact has reached. None if there is none."""
    answers = BotRequest.objects.filter(contact=request.contact_id, bot=request.bot_id, outcome__in=ANSWERS)
    since = _start_of_day(today_of(organization, now), organization)
    if (
        answers.filter(session_id=request.session_id, create_in__gte=now - timedelta(days=7)).count()
        >= connection.answers_per_session
    ):
        return Problem.SESSION
    if answers.filter(create_in__gte=since).count() >= connection.answers_per_contact_day:
        return Problem.CONTACT_DAY
    return None


def today_of(organization: Organization, now: datetime) -> date:
    """Returns the day of usage: today in the time zone of the organization."""
    return now.astimezone(zone_of(organization)).date()


def _start_of_day(day: date, organization: Organization) -> datetime:
    return datetime.combine(day, time(), zone_of(organization))


def reserve(
    request: BotRequest | AiProofAnswer, connection: AiConnection, *, day: date, input_tokens: int, output_tokens: int
) -> int | Problem:
    """Reserves the tokens and money of up to `ROUNDS` calls with so many tokens each. Returns how many calls fit into what is left
    of the day, or the limit that is reached. A request that has reserved before keeps it."""
    tokens = max(1, input_tokens + output_tokens)
    micros = cost_micros(connection.input_micros, connection.output_micros, input_tokens, output_tokens)
    # Another worker that had the request before may just be settling it.
    locked: Any = type(request)._base_manager.select_for_update()
    request.refresh_from_db(fields=RESERVED, from_queryset=locked)
    if request.reserved_on is not None:
        return max(1, min(ROUNDS, request.reserved_tokens // tokens))
    AiUsage.objects.get_or_create(bot_id=request.bot_id, day=day)
    usage = AiUsage.objects.select_for_update().get(bot_id=request.bot_id, day=day)
    left = connection.tokens_per_day - usage.input_tokens - usage.output_tokens - usage.reserved_tokens
    rounds = min(ROUNDS, left // tokens)
    if rounds < 1:
        return Problem.TOKENS
    if connection.micros_per_day and micros:
        rounds = min(rounds, (connection.micros_per_day - usage.micros - usage.reserved_micros) // micros)
        if rounds < 1:
            return Problem.MONEY
    request.reserved_tokens, request.reserved_micros, request.reserved_on = rounds * tokens, rounds * micros, day
    request.save(update_fields=RESERVED)
    AiUsage.objects.filter(pk=usage.pk).update(
        reserved_tokens=F("reserved_tokens") + request.reserved_tokens,
        reserved_micros=F("reserved_micros") + request.reserved_micros,
    )
    return int(rounds)


def settle(request: BotRequest | AiProofAnswer, connection: AiConnection, exchange: Exchange) -> None:
    """Counts what the request has used, and returns what it had reserved. Once: a request without a reservation is left alone. The
    request is locked, and its columns are changed but not saved, except those of the reservation. A proof is no answer to a
    customer."""
    if request.reserved_on is None:
        return
    micros = cost_micros(connection.input_micros, connection.output_micros, exchange.input_tokens, exchange.output_tokens)
    AiUsage.objects.filter(bot=request.bot_id, day=request.reserved_on).update(
        input_tokens=F("input_tokens") + exchange.input_tokens,
        output_tokens=F("output_tokens") + exchange.output_tokens,
        micros=F("micros") + micros,
        answers=F("answers") + (1 if exchange.answer and isinstance(request, BotRequest) else 0),
        reserved_tokens=F("reserved_tokens") - request.reserved_tokens,
        reserved_micros=F("reserved_micros") - request.reserved_micros,
    )
    request.input_tokens += exchange.input_tokens
    request.output_tokens += exchange.output_tokens
    request.micros += micros
    request.reserved_tokens = request.reserved_micros = 0
    request.reserved_on = None
    request.save(update_fields=["input_tokens", "output_tokens", "micros", *RESERVED])


def release_lost_reservations() -> int:
    """Releases what requests reserved whose results were lost: the worker was killed, and the customer wrote again, or the contact
    was merged. Returns how many rows changed. A chore."""
    lost = BotRequest.objects.filter(reserved_on__isnull=False, state=State.DONE, answered_at__lt=timezone.now() - LOST_AFTER)
    released = lost.update(reserved_tokens=0, reserved_micros=0, reserved_on=None)
    reserving = AiUsage.objects.filter(reserved_tokens__gt=0).values_list("pk", flat=True)
    return released + sum(run_in_transaction(partial(_recompute_reserved, pk)) for pk in reserving)


def _recompute_reserved(usage_id: int) -> int:
    """Sets what is reserved to the sum of the requests and proofs. Returns 1 if it was something else."""
    usage = AiUsage.objects.select_for_update().get(pk=usage_id)
    tokens = micros = 0
    for model in (BotRequest, AiProofAnswer):
        rows: Any = model._base_manager.filter(bot=usage.bot_id, reserved_on=usage.day)
        found = rows.aggregate(tokens=Sum("reserved_tokens"), micros=Sum("reserved_micros"))
        tokens += found["tokens"] or 0
        micros += found["micros"] or 0
    if (usage.reserved_tokens, usage.reserved_micros) == (tokens, micros):
        return 0
    AiUsage.objects.filter(pk=usage_id).update(reserved_tokens=tokens, reserved_micros=micros)
    return 1
