"""Rounds of lanes run one after another, and slow ones delay the others only for a limited time."""

import threading
import time

import pytest

from jobs.workers.round_queue import RoundQueue

PATIENCE = 10.0


class InThread(threading.Thread):
    """Runs a round that lasts until `end`."""

    def __init__(self, rounds: RoundQueue) -> None:
        super().__init__()
        self._rounds = rounds
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with self._rounds.next():
            self.has_begun.set()
            self.may_end.wait(PATIENCE)

    def end(self) -> None:
        self.may_end.set()
        self.join()


def test_a_round_begins_when_the_one_before_it_has_ended() -> None:
    rounds = RoundQueue(longest=PATIENCE)
    first = InThread(rounds)
    assert first.has_begun.wait(PATIENCE)
    second = InThread(rounds)
    assert not second.has_begun.wait(0.1)
    first.end()
    assert second.has_begun.wait(PATIENCE / 2)
    second.end()


def test_rounds_begin_in_the_order_in_which_they_came() -> None:
    rounds, begun = RoundQueue(longest=PATIENCE), []

    def run(place: int) -> None:
        with rounds.next():
            begun.append(place)

    first = InThread(rounds)
    assert first.has_begun.wait(PATIENCE)
    threads = [threading.Thread(target=run, args=[place]) for place in range(5)]
    for place, thread in enumerate(threads, start=1):
        thread.start()
        while len(rounds._waiting) < place:
            time.sleep(0.001)
    first.end()
    for thread in threads:
        thread.join()
    assert begun == [0, 1, 2, 3, 4]


def test_a_slow_round_delays_another_one_once_and_for_a_limited_time() -> None:
    rounds = RoundQueue(longest=0.3)
    started = time.monotonic()
    slow = InThread(rounds)
    assert slow.has_begun.wait(PATIENCE)
    with rounds.next():
        assert 0.3 <= time.monotonic() - started < PATIENCE
    started = time.monotonic()
    with rounds.next():
        assert time.monotonic() - started < 0.3
    assert slow.is_alive()
    slow.end()


def test_a_round_that_ends_late_does_not_end_the_one_after_it() -> None:
    rounds = RoundQueue(longest=1.0)
    slow = InThread(rounds)
    assert slow.has_begun.wait(PATIENCE)
    second = InThread(rounds)
    assert second.has_begun.wait(PATIENCE)
    slow.end()
    third = InThread(rounds)
    assert not third.has_begun.wait(0.1)
    second.end()
    third.end()


def test_a_round_that_fails_lets_the_next_one_begin() -> None:
    rounds = RoundQueue(longest=PATIENCE)
    with pytest.raises(ZeroDivisionError), rounds.next():
        1 / 0  # noqa: B018
    started = time.monotonic()
    with rounds.next():
        assert time.monotonic() - started < PATIENCE / 2
