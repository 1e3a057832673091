"""An hour after the first message."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from webhooks.tests.bodies import HOUR, START


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime.fromtimestamp(START + HOUR, UTC), tick=True) as traveller:
        yield traveller
