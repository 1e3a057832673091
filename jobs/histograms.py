"""Histograms of Prometheus that take many values at once."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from prometheus_client import Histogram


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """Like `observe` for each value, but with one write for each bucket: if processes share metrics, a write takes as long as the
    work on a small webhook."""
    bounds = histogram._upper_bounds  # the client has no public way to add several values
    for index, count in Counter(bisect_left(bounds, value) for value in values).items():
        histogram._buckets[index].inc(count)
    histogram._sum.inc(sum(values))
