"""What goes wrong on purpose: per number, so often or until it is cleared, on some of Graph's calls.

slow            the answer takes `seconds` longer
429, 500        HTTP statuses without a code of Meta's
131056, error:N refused with this code
half_closed     done, but the answer breaks off in the middle
no_answer       done, but never answered
status:N        accepted, and later failed with this code
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from simulator.standin.errors import Refusal
from simulator.standin.web import Answer
from simulator.standin.world import Number

Content = dict[str, Any]

SLOW = "slow"
DEFAULT_SECONDS = 5.0
MOST_SECONDS = 600.0
DEFAULT_CALL = "POST messages"
EVERY_CALL = "*"
TOO_MANY = Answer(429, b"Too Many Requests", "text/plain", {"retry-after": "1"})
OUT_OF_ORDER = Answer(500, b"<html><body><h1>Sorry, something went wrong.</h1></body></html>", "text/html")

_KIND = re.compile(r"slow|429|500|half_closed|no_answer|(?:error:|status:)?[0-9]{1,7}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of one call. `refused` is in place of its answer; `error` is the code that the message fails with later."""

    seconds: float = 0.0
    refused: Answer | Refusal | None = None
    ending: Literal["whole", "half", "never"] = "whole"
    error: int | None = None


NO_TROUBLE = Trouble()


def is_kind(kind: str) -> bool:
    return _KIND.fullmatch(kind) is not None


def set_fault(number: Number, *, kind: str, times: int | None, seconds: float, on: str) -> None:
    """From now on, in place of the same fault that was set before."""
    others = [each for each in number.faults if (each["kind"], each["on"]) != (kind, on)]
    number.faults = [*others, {"kind": kind, "times": times, "seconds": seconds, "on": on}]


def take(number: Number, call: str) -> tuple[Trouble, bool]:
    """What goes wrong with this call: slowness, and one thing more. Also whether a fault has been used up a little."""
    concerned = [each for each in number.faults if each["on"] in (call, EVERY_CALL)]
    slow = next((each for each in concerned if each["kind"] == SLOW), None)
    other = next((each for each in concerned if each["kind"] != SLOW), None)
    counted = [each for each in (slow, other) if each and each["times"] is not None]
    for each in counted:
        each["times"] -= 1
    number.faults = [each for each in number.faults if each["times"] != 0]
    return _trouble(other["kind"] if other else "", slow["seconds"] if slow else 0.0), bool(counted)


def _trouble(kind: str, seconds: float) -> Trouble:
    match kind.split(":"):
        case [""]:
            return Trouble(seconds)
        case ["429"]:
            return Trouble(seconds, TOO_MANY)
        case ["500"]:
            return Trouble(seconds, OUT_OF_ORDER)
        case ["half_closed"]:
            return Trouble(seconds, ending="half")
        case ["no_answer"]:
            return Trouble(seconds, ending="never")
        case ["status", code]:
            return Trouble(seconds, error=int(code))
    return Trouble(seconds, Refusal(int(kind.removeprefix("error:"))))
