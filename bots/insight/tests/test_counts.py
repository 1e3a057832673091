"""Counting turns: nothing is lost, also with many workers."""

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bots.flows.turns.actions import Action, Came, Count, End, FellThrough, HandedOver, HandOver, Left, Send, WentOn
from bots.insight.counts import COLUMNS, record_counts
from bots.models import Bot, BotVersion, StepCount

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KINDS: list[type[Count]] = [Came, WentOn, Left, HandedOver, FellThrough]


def record(*turns: tuple[BotVersion, Sequence[Action]], now: datetime = NOW) -> None:
    with transaction.atomic():
        record_counts([(version.pk, actions) for version, actions in turns], now=now)


def stored() -> dict[tuple[int, str, date], tuple[int, ...]]:
    rows = StepCount.objects.values_list("version_id", "step", "day", *COLUMNS.values())
    return {(version_id, step, day): tuple(counts) for version_id, step, day, *counts in rows}


def test_each_counting_action_has_its_column(version: BotVersion) -> None:
    actions = (Came("a"), WentOn("a"), Came("b"), Left("b"), HandedOver("b"), FellThrough("b"), Came("b"))
    record((version, actions))
    assert stored() == {
        (version.pk, "a", NOW.date()): (1, 1, 0, 0, 0),
        (version.pk, "b", NOW.date()): (2, 0, 1, 1, 1),
    }


def test_counts_are_added_to_those_of_the_day(version: BotVersion) -> None:
    record((version, [Came("a"), Came("b")]), (version, [Came("a")]))
    record((version, [Came("a"), Left("c")]))
    assert {step: counts[0] for (_, step, _), counts in stored().items()} == {"a": 3, "b": 1, "c": 0}


def test_a_day_is_one_in_utc(version: BotVersion) -> None:
    sao_paulo = timezone(timedelta(hours=-3))
    record((version, [Came("a")]), now=datetime(2026, 11, 26, 20, 59, tzinfo=sao_paulo))
    record((version, [Came("a")]), now=datetime(2026, 11, 26, 21, 0, tzinfo=sao_paulo))
    assert sorted(day for _, _, day in stored()) == [date(2026, 11, 26), date(2026, 11, 27)]


def test_versions_are_counted_apart(bot: Bot, version: BotVersion) -> None:
    second = BotVersion.objects.create(bot=bot, number=2, document=version.document)
    record((second, [Came("a")]), (version, [Came("a")]), (second, [Came("a")]))
    assert {version_id: counts[0] for (version_id, _, _), counts in stored().items()} == {version.pk: 1, second.pk: 2}


def test_actions_that_count_nothing_cost_no_statement(version: BotVersion) -> None:
    others: list[Action] = [Send({}, "a", {}), HandOver("step", step="a"), End()]
    with CaptureQueriesContext(connection) as queries:
        record_counts([(version.pk, others)], now=NOW)
        record_counts([], now=NOW)
    assert list(queries) == []
    assert stored() == {}


def test_many_turns_cost_one_statement(version: BotVersion) -> None:
    turns: list[tuple[int, list[Action]]] = [
        (version.pk, [Came(f"s{number % 40}"), WentOn(f"s{number % 40}")]) for number in range(500)
    ]
    record_counts(turns[:100], now=NOW)
    with CaptureQueriesContext(connection) as queries:
        record_counts(turns, now=NOW)
    assert len(queries) == 1
    assert sum(counts[0] for counts in stored().values()) == 600


def test_a_transaction_that_fails_counts_nothing(version: BotVersion) -> None:
    def fail() -> None:
        with transaction.atomic():
            record_counts([(version.pk, [Came("a")])], now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert stored() == {}


def test_steps_that_differ_by_case_are_counted_apart(version: BotVersion) -> None:
    """An identifier of a flow is in lower case. The column compares exactly all the same."""
    record((version, [Came("a"), Came("A")]))
    assert len(stored()) == 2


def test_concurrent_workers_lose_no_count_and_do_not_deadlock(bot: Bot, version: BotVersion) -> None:
    """Without `run_in_transaction`, which would run a deadlock's victim again."""
    versions = [version, BotVersion.objects.create(bot=bot, number=2, document=version.document)]
    expected: Counter[tuple[int, str, date, int]] = Counter()

    def work(seed: int) -> Counter[tuple[int, str, date, int]]:
        chance = random.Random(seed)  # noqa: S311  reproducible, not a secret
        own: Counter[tuple[int, str, date, int]] = Counter()
        try:
            for _ in range(25):
                counted = [(chance.choice(versions), chance.choice(KINDS)(f"s{chance.randrange(40)}")) for _ in range(6)]
                now = NOW + timedelta(days=chance.randrange(3))
                record(*((each, [action]) for each, action in counted), now=now)
                for each, action in counted:
                    own[each.pk, action.step, now.date(), KINDS.index(type(action))] += 1
        finally:
            connection.close()
        return own

    with ThreadPoolExecutor(8) as threads:
        for own in threads.map(work, range(8)):
            expected += own
    found = Counter({(*key, index): count for key, counts in stored().items() for index, count in enumerate(counts) if count})
    assert found == expected
    assert sum(found.values()) == 8 * 25 * 6
