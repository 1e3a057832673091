"""How requests to a remote bot are doing, in words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bots.models import Bot, BotCircuit
from bots.remote.exchanges import Problem


class CircuitState(StrEnum):
    """`TRIAL`: the pause is over, and the next request tries whether the bot works again."""

    WORKING = "working"
    FAILING = "failing"
    PAUSED = "paused"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class CircuitDisplay:
    """`failures` requests in a row failed, the last one because of `problem`. `until`: when a pause ends."""

    state: CircuitState
    failures: int = 0
    problem: Any = ""
    until: datetime | None = None


def describe_circuit(bot: Bot, now: datetime) -> CircuitDisplay:
    """Returns how requests to the bot are doing. One query."""
    circuit = BotCircuit.objects.filter(pk=bot.pk).first()
    if circuit is None or not circuit.failures:
        return CircuitDisplay(CircuitState.WORKING)
    return CircuitDisplay(_state(circuit, now), circuit.failures, problem_sentence(circuit.problem), circuit.open_until)


def _state(circuit: BotCircuit, now: datetime) -> CircuitState:
    if circuit.open_until is None:
        return CircuitState.FAILING
    return CircuitState.PAUSED if now < circuit.open_until else CircuitState.TRIAL


def problem_sentence(code: str) -> Any:
    """Returns a problem as a sentence. The code itself if this version of the hub does not have it."""
    return Problem(code).label if code in Problem.values else code
