"""What an AI may use in a day, also with several workers at the same time."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from bots.answering import ai_limits
from bots.models import AiConnection, AiUsage, Bot, BotRequest
from bots.remote.answers import RemoteAnswer
from bots.remote.exchanges import Exchange, Problem, failed
from contacts.models import Contact
from jobs.transactions import run_in_transaction
from organizations.models import Organization, PhoneNumber

pytestmark = pytest.mark.django_db(transaction=True)
DAY = datetime(2026, 11, 23, tzinfo=UTC).date()
ANSWERED = Exchange(answer=RemoteAnswer(), input_tokens=150, output_tokens=40)


def request_of(bot: Bot, contact: Contact | None = None, **columns: object) -> BotRequest:
    row: BotRequest = BotRequest.objects.create(key=uuid.uuid4(), bot=bot, contact=contact, attempts=0, reason="", **columns)
    return row


def reserve(request: BotRequest, *, input_tokens: int = 150, output_tokens: int = 50) -> int | Problem:
    limits = AiConnection.objects.get(pk=request.bot_id)
    work = partial(ai_limits.reserve, request, limits, day=DAY, input_tokens=input_tokens, output_tokens=output_tokens)
    return run_in_transaction(work)


def settle(request: BotRequest, exchange: Exchange = ANSWERED) -> None:
    def work() -> None:
        row = BotRequest.objects.select_for_update().get(pk=request.pk)
        ai_limits.settle(row, AiConnection.objects.get(pk=row.bot_id), exchange)

    run_in_transaction(work)


def usage() -> AiUsage:
    return AiUsage.objects.get()


def in_threads(*works: Callable[[], object]) -> list[object]:
    """Runs functions at the same time, and returns their results."""
    results: list[object] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        start.wait()
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_reservation_is_kept_until_it_is_settled(ai: Bot) -> None:
    request = request_of(ai)
    assert reserve(request) == ai_limits.ROUNDS
    assert (usage().reserved_tokens, request.reserved_tokens, request.reserved_on) == (1000, 1000, DAY)
    settle(request)
    assert (usage().reserved_tokens, usage().input_tokens, usage().output_tokens, usage().answers) == (0, 150, 40, 1)
    request.refresh_from_db()
    assert (request.reserved_on, request.input_tokens, request.output_tokens) == (None, 150, 40)


def test_what_lost_requests_reserved_is_released_and_nothing_else(ai: Bot) -> None:
    overtaken, merged, running, just_ended = (request_of(ai) for _ in range(4))
    for each in (overtaken, merged, running, just_ended):
        reserve(each)
    ended = {"state": "done", "outcome": "overtaken"}
    BotRequest.objects.filter(pk=overtaken.pk).update(answered_at=timezone.now() - timedelta(hours=1), **ended)
    BotRequest.objects.filter(pk=just_ended.pk).update(answered_at=timezone.now(), **ended)
    merged.delete()

    assert ai_limits.release_lost_reservations() == 2
    assert ai_limits.release_lost_reservations() == 0
    assert usage().reserved_tokens == 2 * 1000
    settle(overtaken)
    settle(just_ended)
    settle(running)
    assert (usage().reserved_tokens, usage().input_tokens) == (0, 2 * 150)


def test_a_request_is_settled_once(ai: Bot) -> None:
    request = request_of(ai)
    reserve(request)
    for _ in range(3):
        settle(request)
    assert (usage().input_tokens, usage().answers, usage().reserved_tokens) == (150, 1, 0)


def test_a_request_that_a_killed_worker_had_reserved_for_keeps_it(ai: Bot) -> None:
    request = request_of(ai)
    assert reserve(request) == reserve(BotRequest.objects.get(pk=request.pk)) == ai_limits.ROUNDS
    assert usage().reserved_tokens == 1000


def test_a_worker_that_settles_meanwhile_leaves_a_new_reservation(ai: Bot) -> None:
    request = request_of(ai)
    reserve(request)
    stale = BotRequest.objects.get(pk=request.pk)
    settle(request)
    assert reserve(stale) == ai_limits.ROUNDS
    assert usage().reserved_tokens == 1000, "the row as it is now has no reservation"


def test_a_failed_call_costs_what_it_used_and_is_no_answer(ai: Bot) -> None:
    request = request_of(ai)
    reserve(request)
    settle(request, failed(Problem.REFUSED, input_tokens=150, output_tokens=5))
    assert (usage().answers, usage().output_tokens, usage().reserved_tokens) == (0, 5, 0)


def test_what_is_left_limits_the_calls_of_a_request(ai: Bot) -> None:
    AiConnection.objects.update(tokens_per_day=799)
    assert reserve(request_of(ai)) == 3
    assert reserve(request_of(ai)) == Problem.TOKENS
    assert usage().reserved_tokens == 600


def test_money_is_rounded_up_and_reserved_too(ai: Bot) -> None:
    # 150 and 50 tokens at 10 and 30 units of money a million: 3,000 millionths a call.
    AiConnection.objects.update(micros_per_day=7_000, input_micros=10_000_000, output_micros=30_000_000)
    request = request_of(ai)
    assert reserve(request) == 2
    assert reserve(request_of(ai)) == Problem.MONEY
    settle(request)
    assert (usage().micros, usage().reserved_micros) == (2_700, 0)
    assert reserve(request_of(ai)) == 1


def test_calls_without_a_price_have_no_limit_of_money(ai: Bot) -> None:
    AiConnection.objects.update(micros_per_day=1)
    assert reserve(request_of(ai)) == ai_limits.ROUNDS


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_at_the_same_time_never_exceed_the_day(ai: Bot, workers: int) -> None:
    AiConnection.objects.update(tokens_per_day=1_250)
    requests = [request_of(ai) for _ in range(workers)]
    results = in_threads(*(partial(reserve, request) for request in requests))
    reserved = sum(result for result in results if isinstance(result, int))
    assert len(results) == workers
    assert reserved == 1_250 // 200
    assert usage().reserved_tokens == 200 * reserved <= 1_250
    in_threads(*(partial(settle, request) for request in requests))
    assert usage().reserved_tokens == 0


def test_two_workers_with_the_same_request_reserve_once_and_settle_once(ai: Bot) -> None:
    request = request_of(ai)
    rows = [BotRequest.objects.get(pk=request.pk) for _ in range(2)]
    assert in_threads(*(partial(reserve, row) for row in rows)) == [ai_limits.ROUNDS] * 2
    assert usage().reserved_tokens == 1000
    in_threads(*[partial(settle, request)] * 2)
    assert (usage().input_tokens, usage().answers, usage().reserved_tokens) == (150, 1, 0)


def test_answers_of_a_contact_count_by_session_and_by_day_of_the_organization(
    ai: Bot, organization: Organization, number: PhoneNumber
) -> None:
    organization.time_zone = "America/Sao_Paulo"
    contact = Contact.objects.create(create_for_phone_number=number, wa_id="556181500586", session_id=uuid.uuid4())
    other = Contact.objects.create(create_for_phone_number=number, wa_id="556181500587")
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    limits = AiConnection(answers_per_session=3, answers_per_contact_day=4)
    request = request_of(ai, contact, session_id=contact.session_id, create_in=now)

    def answered(count: int, at: datetime, *, outcome: str = "answered", who: Contact = contact, is_same: bool = True) -> None:
        for _ in range(count):
            request_of(ai, who, session_id=contact.session_id if is_same else None, outcome=outcome, create_in=at)

    def used_up() -> Problem | None:
        return ai_limits.used_up(request, limits, organization, now)

    answered(9, now, outcome="failed")
    answered(9, now, outcome="overtaken")
    answered(9, now, who=other)
    answered(9, now - timedelta(days=1), is_same=False)
    answered(2, now)
    assert used_up() is None
    answered(1, now, outcome="handed_over")
    assert used_up() == Problem.SESSION
    request.session_id = uuid.uuid4()
    assert used_up() is None
    answered(1, now.replace(hour=2), is_same=False)
    assert used_up() is None, "it was yesterday in São Paulo"
    answered(1, now.replace(hour=4), is_same=False)
    assert used_up() == Problem.CONTACT_DAY
    assert ai_limits.today_of(organization, now.replace(hour=1)) == DAY - timedelta(days=1)
