"""The steps of a flow with their counts, as a page lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bots.editor.steps.step_types import name_of
from bots.insight.charts import bar_length
from bots.insight.selectors import StepTotals

BAR_LENGTH = 100


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step. `number` is None for a step that the flow does not have any more. `bar` is the length of its bar, of 100."""

    id: str
    number: int | None
    name: str
    totals: StepTotals
    bar: int


def step_lines(flow: Mapping[str, Any], totals: Mapping[str, StepTotals]) -> Sequence[StepLine]:
    """Returns the steps in the order of the flow, and then those that only earlier versions have."""
    highest = max((each.came for each in totals.values()), default=0)

    def line(step_id: str, number: int | None, name: str) -> StepLine:
        counts = totals.get(step_id, StepTotals())
        return StepLine(step_id, number, name, counts, bar_length(counts.came, highest, BAR_LENGTH))

    lines = [line(step["id"], number, name_of(step)) for number, step in enumerate(flow["steps"], 1)]
    shown = {each.id for each in lines}
    return lines + [line(step_id, None, step_id) for step_id in sorted(totals.keys() - shown)]
