"""Rounds of lanes run one after another, and a slow one delays the others only for a limited time."""

import threading
import time
from itertools import pairwise

import pytest

from jobs.round_queue import RoundQueue

PATIENCE = 5.0


class InThread(threading.Thread):
    """Runs a round that ends when it is told to."""

    def __init__(self, rounds: RoundQueue) -> None:
        super().__init__()
        self._rounds = rounds
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self._rounds.next():
            self.has_begun.set()
            self.may_end.wait(PATIENCE)


def test_a_round_begins_when_the_one_before_it_has_ended() -> None:
    rounds = RoundQueue(longest=PATIENCE)
    first = InThread(rounds)
    assert first.has_begun.wait(PATIENCE)
    second = InThread(rounds)
    assert not second.has_begun.wait(0.1)
    first.may_end.set()
    assert second.has_begun.wait(PATIENCE)
    second.may_end.set()
    second.join()


def test_a_slow_round_delays_each_other_one_for_a_limited_time() -> None:
    rounds = RoundQueue(longest=0.05)
    slow = InThread(rounds)
    assert slow.has_begun.wait(PATIENCE)
    started = time.monotonic()
    with rounds.next():
        assert 0.02 < time.monotonic() - started < PATIENCE
    with rounds.next():  # it does not delay a second time
        pass
    assert slow.is_alive()
    slow.may_end.set()
    slow.join()


def test_a_round_that_ends_late_does_not_end_the_one_beside_it() -> None:
    rounds = RoundQueue(longest=0.3)
    slow = InThread(rounds)
    assert slow.has_begun.wait(PATIENCE)
    second = InThread(rounds)
    assert second.has_begun.wait(PATIENCE)
    slow.may_end.set()
    slow.join()
    third = InThread(rounds)
    assert not third.has_begun.wait(0.1)
    for each in (second, third):
        each.may_end.set()
        each.join()


def test_a_round_that_fails_lets_the_next_one_begin() -> None:
    rounds = RoundQueue(longest=PATIENCE)
    with pytest.raises(ZeroDivisionError), rounds.next():
        1 / 0  # noqa: B018
    started = time.monotonic()
    with rounds.next():
        assert time.monotonic() - started < PATIENCE / 2


def test_lanes_that_always_have_work_begin_in_turns() -> None:
    rounds, begun, until = RoundQueue(), [], time.monotonic() + 0.3

    def work(name: str) -> None:
        while time.monotonic() < until:
            with rounds.next():
                begun.append(name)
                time.sleep(0.005)

    threads = [threading.Thread(target=work, args=[name]) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both = begun[begun.index("b") if begun[0] == "a" else begun.index("a") :][:-1]
    assert len(both) > 10
    assert all(one != other for one, other in pairwise(both))
