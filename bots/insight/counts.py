"""Counts what turns of bots did at their steps."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from bots.flows.turns.actions import Action, Came, FellThrough, HandedOver, Left, WentOn
from bots.models import StepCount
from jobs.bulk_writes import insert_or_add

COLUMNS = {Came: "came", WentOn: "went_on", Left: "left", HandedOver: "handed_over", FellThrough: "fell_through"}
"""The column of each counting action. Other actions count nothing."""


def record_counts(turns: Iterable[tuple[int, Iterable[Action]]], *, now: datetime) -> None:
    """Adds the counting actions of turns to the counts of the day. Each turn has the id of the version with which it ran.

    Must run in the transaction that stores the turns, once and as the last statement: other workers that count the same steps
    wait until it commits.
    """
    added = Counter(
        (version_id, action.step, COLUMNS[type(action)])
        for version_id, actions in turns
        for action in actions
        if isinstance(action, Came | WentOn | Left | HandedOver | FellThrough)
    )
    day = now.astimezone(UTC).date()
    # The order of the unique columns is the order of locks, so that transactions wait for each other in no circle.
    keys = sorted({(version_id, step) for version_id, step, _ in added})
    rows = [
        StepCount(
            version_id=version_id,
            day=day,
            step=step,
            **{column: added[version_id, step, column] for column in COLUMNS.values()},
        )
        for version_id, step in keys
    ]
    insert_or_add(rows, columns=list(COLUMNS.values()), unique=["version_id", "day", "step"])
