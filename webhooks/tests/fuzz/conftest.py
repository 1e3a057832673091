"""How long each test of this package runs, and with which random numbers."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from webhooks.tests.fuzz.mutations import Mutator


@pytest.fixture
def seed() -> str:
    """`FUZZ_SEED`; else a new one for `script/fuzz`, and always the same one for the suite. A failure names it."""
    return os.environ.get("FUZZ_SEED") or (secrets.token_hex(4) if "FUZZ_SECONDS" in os.environ else "suite")


@pytest.fixture
def mutator(seed: str) -> Mutator:
    return Mutator(seed)


@pytest.fixture
def rounds() -> Iterator[int]:
    """Counts until the time is over: `FUZZ_SECONDS`, or 4 seconds."""
    return _rounds(float(os.environ.get("FUZZ_SECONDS", "4")))


def _rounds(seconds: float) -> Iterator[int]:
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield count
        count += 1


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line of figures, where somebody runs the test for them."""

    def write(line: str) -> None:
        if "FUZZ_SECONDS" in os.environ:
            with capsys.disabled():
                sys.stdout.write(f"\n{line}\n")

    return write
