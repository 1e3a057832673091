"""What a rate of webhooks needs: processes, shards and databases by the measured figures, and what they cost a month.

A shard is a database with its workers, and has all rows of its phone numbers. Web processes serve every shard.
"""

from dataclasses import dataclass
from math import ceil

from benchmarks.simulation.queues import Stage

MAX_LOAD = 0.6
"""Share of its time for which a server is busy at the planned rate. The rest is for bursts, and for a host that is away."""
SKEW = 1.25
"""Items of the busiest shard over those of an average one."""
MAX_PER_SHARD = 5_000
"""Items a second for which one database is planned. More may be possible, but nobody has measured it for this hub."""
LEASE_ITEMS = 1_000
GROUP_ITEMS = 1_000
PEAK = 3.0
"""The planned rate over the average rate of a month. Storage grows with the average."""
SECONDS_OF_MONTH = 30 * 86_400


@dataclass(frozen=True)
class Measured:
    """Figures of one core of the machine that was measured. docs/scaling.md says how."""

    receive_seconds: float
    """Processor time of a web process for one webhook."""
    commit_seconds: float
    """A durable commit of the database, which all webhooks of a group share."""
    insert_seconds: float
    """What each webhook adds to it."""
    lease_seconds: float
    """What a worker needs for a lease, however few items it has."""
    apply_seconds: float
    """What each item adds to it, the time of the database included."""
    database_seconds: float
    """Processor time of the database for one item, from its receipt until it is applied."""
    stored_bytes: float
    """What the tables and indexes grow by with one item."""


@dataclass(frozen=True)
class Prices:
    """US$ a month, without discounts: assumptions, to be replaced by those of a provider."""

    core: float = 30.0
    """A virtual core with 4 GB of memory."""
    disk_gigabyte: float = 0.12
    object_gigabyte: float = 0.023
    days_of_rows: float = 30.0
    """How long webhooks and messages are kept (docs/privacy.md). They are the size of the disks."""
    media_share: float = 0.05
    """Items with a file."""
    media_bytes: float = 200_000.0


@dataclass(frozen=True)
class Plan:
    """Processes and machines for one rate."""

    rate: float
    """Webhooks of one item a second, at the busiest time."""
    shards: int
    web_processes: int
    """In all."""
    workers: int
    """Worker processes of each shard."""
    database_cores: int
    """Of each node of a shard."""
    database_nodes: int
    """Of each shard: one, or a cluster of three that loses nothing with one of them."""
    cost: float
    """US$ a month."""

    def stages(self, measured: Measured) -> list[Stage]:
        """Returns the way of a webhook through the busiest shard."""
        web = max(1, self.web_processes // self.shards)
        return [
            Stage("receive", web, measured.receive_seconds),
            Stage("store", 1, measured.insert_seconds, measured.commit_seconds, GROUP_ITEMS),
            Stage("apply", self.workers, measured.apply_seconds, measured.lease_seconds, LEASE_ITEMS),
            Stage("database", self.database_cores, measured.database_seconds),
        ]

    @property
    def busiest_shard(self) -> float:
        """Webhooks a second of the busiest shard."""
        return self.rate if self.shards == 1 else SKEW * self.rate / self.shards


def plan(rate: float, measured: Measured, prices: Prices) -> Plan:
    """Returns the smallest plan whose servers are busy for no more than `MAX_LOAD`."""
    shards = 1 if rate <= MAX_PER_SHARD else ceil(SKEW * rate / MAX_PER_SHARD)
    shard_rate = rate if shards == 1 else SKEW * rate / shards
    web = shards * ceil(shard_rate * measured.receive_seconds / MAX_LOAD)
    workers = ceil(shard_rate * (measured.apply_seconds + measured.lease_seconds / LEASE_ITEMS) / MAX_LOAD)
    cores = ceil(shard_rate * measured.database_seconds / MAX_LOAD)
    nodes = 1 if rate <= 100 else 3
    # Each process may use a core. Web processes and workers of a small hub share the machine of the database.
    all_cores = web + shards * (workers + nodes * cores)
    items = rate / PEAK * SECONDS_OF_MONTH
    kept = items * prices.days_of_rows / 30
    disks = kept * measured.stored_bytes * nodes / 1e9
    objects = kept * prices.media_share * prices.media_bytes / 1e9
    cost = all_cores * prices.core + disks * prices.disk_gigabyte + objects * prices.object_gigabyte
    return Plan(rate, shards, web, workers, cores, nodes, cost)
