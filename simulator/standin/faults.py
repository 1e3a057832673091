"""Simulated faults of a number, for some of Graph's calls, for a number of times or until they are cleared.

slow            the response takes `seconds` longer
429, 500        HTTP statuses without a code of Meta's
131056, error:N refused with this code
half_closed     executed, but the response breaks off in the middle
no_answer       executed, but without a response
status:N        accepted, and later failed with this code
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from simulator.standin.errors import ErrorResponse
from simulator.standin.state.world import Number
from simulator.standin.web import Response

Content = dict[str, Any]

SLOW = "slow"
DEFAULT_SECONDS = 5.0
MAX_SECONDS = 600.0
DEFAULT_CALL = "POST messages"
EVERY_CALL = "*"
TOO_MANY_REQUESTS = Response(429, b"Too Many Requests", "text/plain", {"retry-after": "1"})
SERVER_ERROR = Response(500, b"<html><body><h1>Sorry, something went wrong.</h1></body></html>", "text/html")

_KIND = re.compile(r"slow|429|500|half_closed|no_answer|(?:error:|status:)?[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class FaultEffect:
    """The effect of the faults on one call. `replacement` is sent instead of its response. `error` is the code with which the
    message fails later."""

    seconds: float = 0.0
    replacement: Response | ErrorResponse | None = None
    ending: Literal["whole", "half", "never"] = "whole"
    error: int | None = None


NO_FAULT = FaultEffect()


def is_kind(kind: str) -> bool:
    return _KIND.fullmatch(kind) is not None


def set_fault(number: Number, *, kind: str, times: int | None, seconds: float, on: str) -> None:
    """Sets a fault, which replaces an earlier one of the same kind for the same call."""
    others = [each for each in number.faults if (each["kind"], each["on"]) != (kind, on)]
    number.faults = [*others, {"kind": kind, "times": times, "seconds": seconds, "on": on}]


def apply_faults(number: Number, call: str) -> tuple[FaultEffect, bool]:
    """Returns the effect of the number's faults on this call: slowness and one other fault. Also returns whether the remaining
    number of times of a fault has changed."""
    concerned = [each for each in number.faults if each["on"] in (call, EVERY_CALL)]
    slow = next((each for each in concerned if each["kind"] == SLOW), None)
    other = next((each for each in concerned if each["kind"] != SLOW), None)
    counted = [each for each in (slow, other) if each and each["times"] is not None]
    for each in counted:
        each["times"] -= 1
    number.faults = [each for each in number.faults if each["times"] != 0]
    return _effect(other["kind"] if other else "", slow["seconds"] if slow else 0.0), bool(counted)


def _effect(kind: str, seconds: float) -> FaultEffect:
    match kind.split(":"):
        case [""]:
            return FaultEffect(seconds)
        case ["429"]:
            return FaultEffect(seconds, TOO_MANY_REQUESTS)
        case ["500"]:
            return FaultEffect(seconds, SERVER_ERROR)
        case ["half_closed"]:
            return FaultEffect(seconds, ending="half")
        case ["no_answer"]:
            return FaultEffect(seconds, ending="never")
        case ["status", code]:
            return FaultEffect(seconds, error=int(code))
    return FaultEffect(seconds, ErrorResponse(int(kind.removeprefix("error:"))))
