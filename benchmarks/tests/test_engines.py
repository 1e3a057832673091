"""The time in which work engines are measured: it begins when all workers work, and has at least half of the rows."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.environment.hosts import Host
from benchmarks.figures import Failed
from benchmarks.measurements.engines import POLL, SETTLE_SECONDS, Workers, _wait_until_done

HOSTS = [Host(f"hub-bench-{number}", f"10.213.7.{number}", "10.213.7.1") for number in (11, 12)]


@dataclass
class ProcessList:
    """A database with these connections, one list of addresses for each time it is asked; the last one stays."""

    asked: Iterator[Sequence[str]]
    url: str = "mysql://root@127.0.0.1/hub_bench"

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return [(f"{address}:{port}",) for port, address in enumerate(next(self.asked), start=40_000)]


def database(*asked: Sequence[str]) -> Any:
    return ProcessList(itertools.chain(asked, itertools.repeat(asked[-1] if asked else ())))


def workers(hosts: Sequence[Host] = ()) -> Workers:
    return Workers("database", 2, "", hosts)


def counts(*values: int) -> Any:
    return iter(values).__next__


def test_without_hosts_the_time_begins_with_the_first_rows() -> None:
    assert _wait_until_done(workers(), database(), counts(0, 10, 60, 100), 100).rows == 90


def test_the_time_begins_when_all_hosts_are_connected_and_stay_so() -> None:
    both = [host.address for host in HOSTS]
    polls = int(SETTLE_SECONDS / POLL) + 20
    done = itertools.chain(range(1, polls), itertools.repeat(10 * polls))
    period = _wait_until_done(workers(HOSTS), database(both, both[:1], both), done.__next__, 10 * polls)

    assert 10 * polls - polls < period.rows < 10 * polls - 10


@pytest.mark.parametrize("done", [(100,), (51, 100), (0, 0, 99, 100)])
def test_a_time_with_less_than_half_of_the_rows_is_refused(done) -> None:
    with pytest.raises(Failed, match="choose more --items"):
        _wait_until_done(workers(), database(), counts(*done), 100)


def test_a_host_that_never_connects_is_not_left_out() -> None:
    with pytest.raises(Failed, match="before all workers were connected"):
        _wait_until_done(workers(HOSTS), database([HOSTS[0].address]), counts(1, 2, 100), 100)
