"""Numbers of drills, known to the hub and to the stand-in for Meta."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from benchmarks.environment.hub import Hub
from benchmarks.load.bodies import Number
from simulator.standin import RunningStandIn

FIRST_ID = 760_000_000_000_000
FIRST_WA_ID = 556_133_000_000
THROUGHPUT = 1000
"""Messages a second that the stand-in takes of one number."""

_serial = count(1)


@dataclass(frozen=True)
class ConnectedNumber:
    """A number of an organization of its own. `session` is the session key of its only member, who may do everything."""

    meta: Number
    organization_id: int
    number_id: int
    session: str

    @property
    def id(self) -> str:
        return self.meta.phone_number_id


def connect_numbers(hub: Hub, standin: RunningStandIn, bots: Sequence[str | None]) -> list[ConnectedNumber]:
    """Connects a number for each element of `bots`: None, "flow" or the URL of a webhook bot."""
    numbers = [_new_number() for _ in bots]
    described = [
        {
            "phone_number_id": number.phone_number_id,
            "app_secret": number.app_secret,
            "token": token_of(number),
            "wa_id": number.wa_id,
            "bot": bot,
        }
        for number, bot in zip(numbers, bots, strict=True)
    ]
    rows = json.loads(hub.run("-m", "drills.environment.number_rows", timeout=300, input=json.dumps(described)))
    for number in numbers:
        connect_at_standin(standin, number)
    return [ConnectedNumber(number, **row) for number, row in zip(numbers, rows, strict=True)]


def connect_at_standin(standin: RunningStandIn, number: Number, *, statuses: bool = True) -> None:
    """Connects the number, or changes whether the stand-in reports the statuses of its messages."""
    standin.connect(
        number.phone_number_id,
        waba_id=number.waba_id,
        wa_id=number.wa_id,
        token=token_of(number),
        app_secret=number.app_secret,
        throughput=THROUGHPUT,
        statuses=statuses,
    )


def token_of(number: Number) -> str:
    return f"token-of-{number.phone_number_id}"


def _new_number() -> Number:
    serial = next(_serial)
    return Number(
        phone_number_id=str(FIRST_ID + serial),
        wa_id=str(FIRST_WA_ID + serial),
        waba_id=str(2 * FIRST_ID + serial),
        app_secret=secrets.token_hex(16),
    )
