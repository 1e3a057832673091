"""What is wrong with a draft, for the page that shows it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from django.utils.translation import gettext, gettext_noop, ngettext

from bots.editor.steps.outputs import Document, get_at
from bots.editor.steps.step_types import name_of
from bots.flows.checks.billed_messages import BilledMessages, most_billed_messages
from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import FORMAT, Flow, InvalidFlow, read_flow
from bots.flows.problems import Problem
from bots.web_requests.operator_list import is_opened_by_operator

CACHED_DRAFTS = 64
"""Of each process. A change is compared with the draft before it, which was checked a moment ago."""
CACHED_STEPS = 4096
MAX_PATHS = 30
"""Ends of paths that the page lists."""
NO_MESSAGES = BilledMessages()


@dataclass(frozen=True, slots=True)
class DraftCheck:
    """The problems of a draft, and how many messages it sends."""

    problems: tuple[Problem, ...]
    billed: BilledMessages = NO_MESSAGES

    @property
    def blocking(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.blocks]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if not problem.blocks]


def check_draft(document: Document, files: frozenset[str] = frozenset(), ais: frozenset[str] = frozenset()) -> DraftCheck:
    """Returns what is wrong with a draft. `files` are the keys of stored files that it can send, `ais` those of AIs that it can
    ask."""
    return _check(json.dumps(document, sort_keys=True), files, ais)


@lru_cache(maxsize=CACHED_DRAFTS)
def _check(text: str, files: frozenset[str], ais: frozenset[str]) -> DraftCheck:
    document = json.loads(text)
    if not document["steps"]:
        return DraftCheck((Problem("too_few", field="steps", words=WORDS["steps"]),))
    try:
        flow = _read(document)
    except InvalidFlow as invalid:
        return DraftCheck(tuple(invalid.problems))
    found = check_flow(flow, is_allowed_url=is_opened_by_operator, is_stored_file=files.__contains__, is_ai=ais.__contains__)
    problems = [_in_plain_words(problem, flow) for problem in found]
    return DraftCheck((*problems, *_texts_in_place_of_json(flow)), most_billed_messages(flow))


def _texts_in_place_of_json(flow: Flow) -> Iterator[Problem]:
    """Warns of what was typed as JSON and is none: a form keeps it as a text."""
    for step in flow.step_list:
        for field in ("body", "example"):
            if step["type"] == "call" and isinstance(step.get(field), str):
                yield Problem("wrong_type", step["id"], field, words=WORDS["json"], blocks=False)


def _read(document: Document) -> Flow:
    """Reads a flow step by step: the schema takes a millisecond for each, and most have not changed since the last time."""
    rest = read_flow(document | {"steps": document["steps"][:1]})
    limits = [problem for problem in rest.limits if not problem.step]
    for step in document["steps"]:
        limits += _step_limits(json.dumps(step, sort_keys=True))
    return Flow(document, tuple(limits))


@lru_cache(maxsize=CACHED_STEPS)
def _step_limits(text: str) -> tuple[Problem, ...]:
    step = json.loads(text)
    flow = read_flow({"format": FORMAT, "name": "-", "start": step["id"], "steps": [step]})
    return flow.limits


WORDS = {
    "steps": gettext_noop("Add a first step."),
    "start": gettext_noop("Choose a step."),
    "words": gettext_noop("Write at least one word."),
    "json": gettext_noop("This is not JSON. It counts as a text."),
    "empty": gettext_noop("This must not be empty."),
    "ai": gettext_noop("Choose an AI."),
}
"""Sentences for a person who fills in a form, where the flow's own are about its file."""


def _in_plain_words(problem: Problem, flow: Flow) -> Problem:
    name = problem.field.rpartition(".")[2]
    if problem.code == "wrong_id" and problem.field == "start":
        return replace(problem, words=WORDS["start"])
    if problem.code == "too_few" and name == "words":
        return replace(problem, words=WORDS["words"])
    if problem.code == "empty" and problem.field == "ai":
        return replace(problem, words=WORDS["ai"])
    if problem.code == "wrong_variable" and get_at(flow.steps.get(problem.step, {}), problem.field) == "":
        return replace(problem, words=WORDS["empty"])
    return problem


def billed_words(check: DraftCheck) -> str:
    """Returns in words how many messages the draft sends at most, empty for a draft that sends none."""
    most = max((segment.most for segment in check.billed.segments), default=0)
    if not most:
        return ""
    words = ngettext("At most %(count)s message after each answer of the customer", "At most %(count)s messages after each answer"
                     " of the customer", most) % {"count": most}  # fmt: skip
    totals = [end.most for end in check.billed.ends]
    if not totals or None in totals:
        return gettext("%(words)s. A conversation can go round as often as the customer likes.") % {"words": words}
    return gettext("%(words)s, and at most %(total)s in a whole conversation.") % {
        "words": words,
        "total": max(map(int, filter(None, totals)), default=0),
    }


def billed_paths(document: Document, check: DraftCheck) -> list[tuple[str, str, int | None]]:
    """Returns the ends of all paths: id and name of the last step, and how many messages a conversation up to it has at most. None:
    as many as the customer likes. Empty if that is so for all."""
    if all(end.most is None for end in check.billed.ends):
        return []
    names = {step["id"]: name_of(step) for step in document["steps"]}
    return [(end.step, names[end.step], end.most) for end in check.billed.ends[:MAX_PATHS]]
