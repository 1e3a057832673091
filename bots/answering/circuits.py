"""The circuit breaker of remote bots.

closed   requests are sent
open     `FAILURES` attempts in a row failed: none is sent until `open_until`, and conversations go to people at once
trial    after that time one request is sent. It closes the circuit, or opens it for twice as long
"""

from datetime import datetime, timedelta

from bots.models import BotCircuit
from bots.remote.exchanges import Problem

FAILURES = 5
"""Failed attempts in a row that open the circuit."""
FIRST_PAUSE = timedelta(minutes=1)
MAX_PAUSE = timedelta(minutes=15)
TRIAL = timedelta(minutes=3)
"""Longer than one request takes. If no result of the trial is stored by then, another one tries."""


def claim_send(bot_id: int, now: datetime) -> bool:
    """Returns whether a request may be sent now. If the pause is over, one caller gets True: its request is the trial."""
    circuit = BotCircuit.objects.filter(pk=bot_id).first()
    if circuit is None or circuit.open_until is None:
        return True
    if now < circuit.open_until:
        return False
    same = BotCircuit.objects.filter(pk=bot_id, open_until=circuit.open_until)
    return bool(same.update(open_until=now + TRIAL, is_on_trial=True, changed_at=now))


def end_pause(bot_id: int, now: datetime) -> None:
    """Lets the next request try at once, although the pause is not over."""
    BotCircuit.objects.filter(pk=bot_id, open_until__gt=now).update(open_until=now, is_on_trial=False, changed_at=now)


def record_success(bot_id: int, now: datetime) -> None:
    """Closes the circuit."""
    failing = BotCircuit.objects.filter(pk=bot_id).exclude(failures=0, open_until=None)
    failing.update(failures=0, open_until=None, pause_seconds=0, is_on_trial=False, problem="", changed_at=now)


def record_failure(bot_id: int, problem: Problem, now: datetime) -> None:
    """Counts a failed attempt, and opens the circuit if there were too many. Attempts that were under way when it opened change
    nothing more: only the trial makes the pause longer. Must run in a transaction."""
    BotCircuit.objects.get_or_create(pk=bot_id)
    circuit = BotCircuit.objects.select_for_update().get(pk=bot_id)
    if circuit.open_until is not None and now < circuit.open_until and not circuit.is_on_trial:
        return
    circuit.failures += 1
    circuit.problem, circuit.changed_at, circuit.is_on_trial = problem.value, now, False
    if circuit.failures >= FAILURES:
        circuit.pause_seconds = int(_next_pause(timedelta(seconds=circuit.pause_seconds)).total_seconds())
        circuit.open_until = now + timedelta(seconds=circuit.pause_seconds)
    circuit.save()


def _next_pause(before: timedelta) -> timedelta:
    return min(MAX_PAUSE, max(FIRST_PAUSE, 2 * before))
