"""The group commit: one group at a time, and all inputs that arrive meanwhile in the next one. Each caller gets its own result."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from webhooks.intake.group_commit import MAX_HANGING_THREADS, GroupCommit, Overloaded

Work = Callable[[Sequence[str]], Sequence[str | Exception]]


class Gate:
    """Work that waits until `open` is set, and records its groups."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.groups: list[list[str]] = []

    def __call__(self, inputs: Sequence[str]) -> list[str | Exception]:
        self.groups.append(list(inputs))
        self.open.wait(10)
        return [ValueError(each) if each.startswith("bad") else each.upper() for each in inputs]


async def submitted(commit: GroupCommit[str, str], inputs: Sequence[str], *, within: float = 10.0) -> list["asyncio.Future[str]"]:
    deadline = asyncio.get_running_loop().time() + within
    futures = [commit.submit(each, deadline=deadline) for each in inputs]
    await asyncio.sleep(0.01)
    return futures


def test_inputs_that_arrive_during_a_group_form_the_next_group() -> None:
    gate = Gate()

    async def scenario() -> list[str]:
        commit = GroupCommit(gate)
        first = await submitted(commit, ["a"])
        rest = await submitted(commit, ["b", "c", "d"])
        gate.open.set()
        return await asyncio.gather(*first, *rest)

    assert asyncio.run(scenario()) == ["A", "B", "C", "D"]
    assert gate.groups == [["a"], ["b", "c", "d"]]


def test_each_caller_gets_its_own_failure_only() -> None:
    gate = Gate()
    gate.open.set()

    async def scenario() -> list[str | BaseException]:
        commit = GroupCommit(gate)
        return await asyncio.gather(*await submitted(commit, ["a", "bad", "c"]), return_exceptions=True)

    first, bad, third = asyncio.run(scenario())
    assert (first, third) == ("A", "C")
    assert isinstance(bad, ValueError)


def test_work_that_raises_fails_the_whole_group_and_the_next_goes_on() -> None:
    def breaking(inputs: Sequence[str]) -> list[str | Exception]:
        if "break" in inputs:
            raise RuntimeError
        return list(inputs)

    async def scenario() -> str:
        commit: GroupCommit[str, str] = GroupCommit(breaking)
        (broken,) = await submitted(commit, ["break"])
        with pytest.raises(RuntimeError):
            await broken
        (whole,) = await submitted(commit, ["whole"])
        return await whole

    assert asyncio.run(scenario()) == "whole"


@pytest.mark.parametrize(
    ("options", "groups"),
    [
        ({"max_inputs": 2}, [["a"], ["bb", "ccc"], ["dddd"]]),
        ({"max_bytes": 5}, [["a"], ["bb", "ccc"], ["dddd"]]),
        ({"max_bytes": 1}, [["a"], ["bb"], ["ccc"], ["dddd"]]),
    ],
)
def test_a_group_is_bounded_in_inputs_and_bytes_but_always_has_one(options, groups) -> None:
    gate = Gate()

    async def scenario() -> None:
        commit = GroupCommit(gate, size_of=len, **options)
        tasks = await submitted(commit, ["a"]) + await submitted(commit, ["bb", "ccc", "dddd"])
        gate.open.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert gate.groups == groups


def test_more_than_the_capacity_is_refused() -> None:
    gate = Gate()

    async def scenario() -> None:
        commit = GroupCommit(gate, size_of=len, capacity=4)
        tasks = await submitted(commit, ["a"]) + await submitted(commit, ["bbb"])
        with pytest.raises(Overloaded):
            await submitted(commit, ["cc"])
        gate.open.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_a_group_that_hangs_is_abandoned_and_does_not_delay_the_next() -> None:
    gate = Gate()

    def work(inputs: Sequence[str]) -> Sequence[str | Exception]:
        return gate(inputs) if "hangs" in inputs else list(inputs)

    async def scenario() -> str:
        commit: GroupCommit[str, str] = GroupCommit(work, timeout=0.05)
        (hanging,) = await submitted(commit, ["hangs"])
        with pytest.raises(TimeoutError):
            await hanging
        (going,) = await submitted(commit, ["goes"])
        return await going

    assert asyncio.run(scenario()) == "goes"
    gate.open.set()


def test_only_so_many_threads_hang_and_work_goes_on_when_one_ends() -> None:
    gate = Gate()

    async def scenario() -> str:
        commit = GroupCommit(gate, timeout=0.02)
        for index in range(2 * MAX_HANGING_THREADS):
            (hanging,) = await submitted(commit, [str(index)], within=0.1)
            with pytest.raises(TimeoutError):
                await hanging
        assert len(gate.groups) == MAX_HANGING_THREADS
        gate.open.set()
        (going,) = await submitted(commit, ["goes"])
        return await going

    assert asyncio.run(scenario()) == "GOES"


def test_no_caller_waits_longer_than_its_deadline() -> None:
    gate = Gate()

    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        commit = GroupCommit(gate)
        began = loop.time()
        (patient,) = await submitted(commit, ["a"], within=0.2)
        (impatient,) = await submitted(commit, ["b"], within=0.05)
        waits = []
        for future in (impatient, patient):
            with pytest.raises(TimeoutError):
                await future
            waits.append(loop.time() - began)
        gate.open.set()
        (last,) = await submitted(commit, ["c"])
        assert await last == "C"
        return waits

    early, late = asyncio.run(scenario())
    assert 0.05 <= early < 0.15
    assert 0.2 <= late < 0.4


def test_an_input_whose_caller_has_gone_is_not_processed() -> None:
    gate = Gate()

    async def scenario() -> None:
        commit = GroupCommit(gate)
        first = await submitted(commit, ["a"])
        gone, stays = await submitted(commit, ["b", "c"])
        gone.cancel()
        await asyncio.sleep(0.01)
        gate.open.set()
        await asyncio.gather(*first, stays)

    asyncio.run(scenario())
    assert gate.groups == [["a"], ["c"]]
