"""Simulates the way of webhooks through hubs of one machine up to many, by figures that were measured on one (docs/scaling.md)."""

from collections.abc import Sequence

from benchmarks.figures import percentile, say, show
from benchmarks.simulation.plans import Measured, Plan, Prices, plan
from benchmarks.simulation.queues import Outcome, poisson_arrivals, simulate

RATES = (10, 100, 1_000, 10_000, 100_000)
ARRIVALS = 50_000
"""Webhooks of one shard that are simulated."""
MEASURED = Measured(
    receive_seconds=0.000_540,
    commit_seconds=0.004_8,
    insert_seconds=0.000_041,
    lease_seconds=0.020,
    apply_seconds=0.000_880,
    database_seconds=0.000_435,
    stored_bytes=3_350,
)
"""Of docs/scaling.md, which says how they were measured."""


def simulate_rates(rates: Sequence[int] = RATES, measured: Measured = MEASURED, prices: Prices | None = None) -> None:
    """Shows for each rate what it needs, the lag from a webhook's arrival until it is applied, and how loaded each stage is."""
    for rate in rates:
        chosen = plan(rate, measured, prices or Prices())
        outcome = _run(chosen, measured)
        name = f"simulation.{rate}"
        for what in ("shards", "web_processes", "workers", "database_cores", "database_nodes"):
            show(f"{name}.{what}", getattr(chosen, what), "count")
        for stage in chosen.stages(measured):
            show(f"{name}.{stage.name}_load", chosen.busiest_shard / stage.most_per_second, "share")
            show(f"{name}.{stage.name}_lag_p99", percentile(outcome.stage_lags[stage.name], 0.99), "s")
        show(f"{name}.lag_p50", percentile(outcome.lags, 0.5), "s")
        show(f"{name}.lag_p99", percentile(outcome.lags, 0.99), "s")
        show(f"{name}.cost", chosen.cost, "US$/month")
        say(f"  {rate:,} a second saturate first: {_first_limit(chosen, measured)}")


def _run(chosen: Plan, measured: Measured) -> Outcome:
    rate = chosen.busiest_shard
    return simulate(chosen.stages(measured), list(poisson_arrivals(rate, ARRIVALS / rate)))


def _first_limit(chosen: Plan, measured: Measured) -> str:
    stage = min(chosen.stages(measured), key=lambda each: each.most_per_second)
    return f"{stage.name}, at {stage.most_per_second / chosen.busiest_shard:.1f} times the planned rate"
