"""Stages that items pass one after the other, simulated item by item.

A stage has servers. A free server takes the items that wait, at most `max_batch` of them, in the order of their arrival. It has
them for `batch_seconds` and `item_seconds` for each of them, then all go to the next stage. With batches of one item and Poisson
arrivals this is the queue M/D/c. With larger ones it is a group commit or a lease.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    name: str
    servers: int
    item_seconds: float
    batch_seconds: float = 0.0
    max_batch: int = 1

    @property
    def most_per_second(self) -> float:
        """Items a second of full batches."""
        return self.servers * self.max_batch / (self.batch_seconds + self.max_batch * self.item_seconds)


Event = tuple[float, int]
"""The second at which an item arrives or leaves, and its index."""


@dataclass(frozen=True)
class Outcome:
    """Seconds from an item's arrival to its departure: at all stages together, and at each, in no particular order."""

    lags: list[float]
    stage_lags: dict[str, list[float]]


def poisson_arrivals(rate: float, seconds: float, *, seed: int = 1) -> Iterator[float]:
    """Yields times of arrival, at random, `rate` a second on average."""
    dice = random.Random(seed)  # noqa: S311  repeatable, not secret
    at = dice.expovariate(rate)
    while at < seconds:
        yield at
        at += dice.expovariate(rate)


def simulate(stages: Sequence[Stage], arrivals: Sequence[float]) -> Outcome:
    """Lets items that arrive at these times, in ascending order, pass all stages. ValueError if there are none."""
    if not arrivals:
        raise ValueError("no arrivals")
    events: list[Event] = [(at, index) for index, at in enumerate(arrivals)]
    stage_lags: dict[str, list[float]] = {}
    for stage in stages:
        arrived = {index: at for at, index in events}
        events = departures(stage, events)
        stage_lags[stage.name] = [at - arrived[index] for at, index in events]
    return Outcome([at - arrivals[index] for at, index in events], stage_lags)


def departures(stage: Stage, arrivals: Sequence[Event]) -> list[Event]:
    """Returns when each item leaves the stage, in ascending order like the arrivals."""
    free = [0.0] * stage.servers
    """When each server is free, as a heap."""
    left: list[Event] = []
    position = 0
    while position < len(arrivals):
        begin = max(heapq.heappop(free), arrivals[position][0])
        end = position + 1
        while end < len(arrivals) and end - position < stage.max_batch and arrivals[end][0] <= begin:
            end += 1
        end_of_work = begin + stage.batch_seconds + (end - position) * stage.item_seconds
        heapq.heappush(free, end_of_work)
        left += [(end_of_work, index) for _, index in arrivals[position:end]]
        position = end
    return sorted(left)
