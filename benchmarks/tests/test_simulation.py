"""The simulation gives the known answers of queueing theory, and its plans are not overloaded."""

import json
from dataclasses import replace

import pytest

from benchmarks.simulation.plans import MAX_LOAD, MAX_PER_SHARD, Prices, plan
from benchmarks.simulation.queues import Stage, poisson_arrivals, simulate
from benchmarks.simulation.rates import MEASURED, simulate_rates

ONE_SECOND = Stage("work", servers=1, item_seconds=1.0)


def mean_wait(stage: Stage, rate: float, seconds: float) -> float:
    """Returns the mean seconds for which items wait before they are served."""
    outcome = simulate([stage], list(poisson_arrivals(rate, seconds)))
    return sum(outcome.lags) / len(outcome.lags) - stage.item_seconds


@pytest.mark.parametrize("load", [0.3, 0.5, 0.8, 0.9])
def test_one_server_with_random_arrivals_waits_as_the_formula_says(load) -> None:
    """M/D/1: the mean wait is load / (2 (1 - load)) times the time of service (Pollaczek and Khinchine)."""
    assert mean_wait(ONE_SECOND, load, 200_000) == pytest.approx(load / (2 * (1 - load)), rel=0.05)


def test_two_servers_with_random_arrivals_wait_as_the_formula_says() -> None:
    """M/D/2 with a load of 0.8. M/M/2 waits for 0.64 / 0.36; half of it, corrected by 1.0136 for constant times of service
    (Cosmetatos), is 0.901."""
    assert mean_wait(Stage("work", servers=2, item_seconds=1.0), 1.6, 200_000) == pytest.approx(0.901, rel=0.04)


def test_regular_arrivals_below_the_limit_never_wait() -> None:
    outcome = simulate([ONE_SECOND], [2.0 * index for index in range(100)])
    assert outcome.lags == [1.0] * 100


def test_arrivals_beyond_the_limit_wait_longer_and_longer() -> None:
    """Twice as many as are served: the last of 100 waits for half of them."""
    outcome = simulate([ONE_SECOND], [0.5 * index for index in range(100)])
    assert outcome.lags[-1] == pytest.approx(1.0 + 99 * 0.5)


def test_a_group_takes_all_that_have_come_during_the_previous_one() -> None:
    """A group commit of one second: the first item goes alone, the nine that come meanwhile go together."""
    group = Stage("commit", servers=1, item_seconds=0.0, batch_seconds=1.0, max_batch=100)
    outcome = simulate([group], [0.1 * index for index in range(10)])
    assert outcome.lags[0] == 1.0
    assert outcome.stage_lags["commit"] == pytest.approx([1.0, *(2.0 - 0.1 * index for index in range(1, 10))])
    assert group.most_per_second == 100


def test_a_batch_is_no_larger_than_its_limit() -> None:
    lease = Stage("apply", servers=1, item_seconds=0.1, batch_seconds=1.0, max_batch=2)
    assert simulate([lease], [0.0, 0.0, 0.0]).lags == pytest.approx([1.2, 1.2, 2.3])


def test_the_lag_of_stages_is_that_of_all_together() -> None:
    stages = [Stage("first", 1, 1.0), Stage("second", 1, 2.0)]
    outcome = simulate(stages, [0.0, 0.0])
    assert (outcome.lags, outcome.stage_lags) == ([3.0, 5.0], {"first": [1.0, 2.0], "second": [2.0, 3.0]})


def test_without_arrivals_there_is_nothing_to_simulate() -> None:
    with pytest.raises(ValueError, match="no arrivals"):
        simulate([ONE_SECOND], [])


@pytest.mark.parametrize("rate", [10, 100, 1_000, 10_000, 100_000])
def test_no_stage_of_a_plan_is_overloaded(rate) -> None:
    chosen = plan(rate, MEASURED, Prices())
    for stage in chosen.stages(MEASURED):
        assert chosen.busiest_shard <= MAX_LOAD * stage.most_per_second * 1.001, stage.name
    assert chosen.busiest_shard <= MAX_PER_SHARD


def test_a_plan_with_one_worker_fewer_would_be_overloaded() -> None:
    chosen = plan(10_000, MEASURED, Prices())
    assert chosen.workers > 1
    fewer = replace(chosen, workers=chosen.workers - 1)
    assert fewer.busiest_shard > MAX_LOAD * fewer.stages(MEASURED)[2].most_per_second


def test_figures_of_a_rate_are_shown(capsys) -> None:
    simulate_rates([100])
    figures = {figure["name"]: figure["value"] for figure in map(json.loads, capsys.readouterr().out.splitlines())}
    assert figures["simulation.100.shards"] == 1
    assert 0 < figures["simulation.100.lag_p50"] < figures["simulation.100.lag_p99"] < 1
    assert 0 < figures["simulation.100.apply_load"] < MAX_LOAD
