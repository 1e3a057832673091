"""The interpreter: (flow, state, event) -> (actions, state).

It has no database, no clock and no chance of its own. For a flow without blocking problems it never raises, whatever the state and
the event contain, and it never runs for long: a turn has at most `MAX_STEPS` steps and `MAX_SENDS` messages.
"""

from collections.abc import Mapping
from typing import Any

from bots.flows.flow import Flow
from bots.flows.turns.actions import Turn
from bots.flows.turns.events import AiEnded, CallEnded, CustomerAnswered, Event, TimedOut
from bots.flows.turns.running_turn import RunningTurn
from bots.flows.turns.state import read_state


def run(flow: Flow, state: Mapping[str, Any] | None, event: Event) -> Turn:
    """Returns what the flow does on an event, and its new state. Without actions the event meant nothing in this state, and the
    state is as it was."""
    turn = RunningTurn(flow, read_state(flow, state), event)
    if isinstance(event, CustomerAnswered):
        turn.answer(event)
    elif isinstance(event, TimedOut):
        turn.time_out(event)
    elif isinstance(event, CallEnded):
        turn.end_call(event)
    elif isinstance(event, AiEnded):
        turn.end_ai(event)
    return Turn(tuple(turn.actions), turn.state.as_json())
