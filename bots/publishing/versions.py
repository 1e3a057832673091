"""Drafts become versions. New conversations begin with the published version, and running ones go on with theirs.

draft ──publish_bot──> version 1, 2, 3 …   the published one answers
  ^                        │
  └────restore_version─────┘
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Max

from bots.files.stored_files import sendable_keys
from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import Flow, InvalidFlow, read_flow
from bots.flows.problems import Problem
from bots.models import Bot, BotVersion
from bots.publishing.assignments import refresh_numbers
from bots.publishing.services import lock_bot, name_in, replace_draft
from bots.web_requests.operator_list import is_opened_by_operator
from jobs.transactions import in_transaction
from organizations.live.revisions import publish_revisions
from organizations.models import User

KEPT_CHECKS = 32
"""Of each process."""


class CannotPublish(Exception):
    """The draft has problems that block. `problems` are at least one."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class CheckedFlow:
    """A flow and its problems, those that block first. No flow if the document is none."""

    flow: Flow | None
    problems: Sequence[Problem]

    @property
    def blocking(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.blocks]


def check_document(document: Mapping[str, Any], *, organization_id: int | None) -> CheckedFlow:
    """Reads and checks a flow of the organization, or of none, which has no files. The latest results are kept, because the try-out
    asks for each message."""
    return _check(json.dumps(document), sendable_keys(organization_id, document))


@lru_cache(maxsize=KEPT_CHECKS)
def _check(text: str, files: frozenset[str]) -> CheckedFlow:
    """`files` are the stored files that the flow can send: what is kept for one organization is not for another."""
    try:
        flow = read_flow(text)
    except InvalidFlow as refusal:
        return CheckedFlow(None, refusal.problems)
    problems = check_flow(flow, is_allowed_url=is_opened_by_operator, is_stored_file=files.__contains__)
    return CheckedFlow(flow, sorted(problems, key=lambda problem: not problem.blocks))


def flow_problems(document: Mapping[str, Any], *, organization_id: int | None) -> list[Problem]:
    """Returns all problems of a flow of the organization, or of none, those that block first."""
    return list(check_document(document, organization_id=organization_id).problems)


@in_transaction
def publish_bot(*, bot: Bot, by: User | None, now: datetime) -> BotVersion:
    """Makes the draft the published version, with which new conversations begin. A draft that is the same as the latest version
    makes no new one. Raises CannotPublish, and Bot.DoesNotExist if the bot was deleted."""
    locked = lock_bot(bot)
    if blocking := check_document(locked.draft, organization_id=locked.organization_id).blocking:
        raise CannotPublish(blocking)
    latest = locked.versions.order_by("-number").first()
    if latest is None or latest.flow != locked.draft:
        number = (locked.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        latest = BotVersion.objects.create(bot=locked, number=number, flow=locked.draft, published_by=by, create_in=now)
    locked.published = latest
    locked.name = name_in(locked.draft) or locked.name
    locked.save(update_fields=["published", "name"])
    refresh_numbers(bot=locked, now=now)
    publish_revisions([locked.organization_id])
    return latest


@in_transaction
def unpublish_bot(*, bot: Bot, by: User | None, now: datetime) -> None:
    """The bot begins no conversation any more. Running ones go on with their version. Versions and draft stay."""
    locked = lock_bot(bot)
    locked.published = None
    locked.save(update_fields=["published"])
    refresh_numbers(bot=locked, now=now)
    publish_revisions([locked.organization_id])


@in_transaction
def restore_version(*, version: BotVersion, by: User | None, now: datetime) -> Bot:
    """Makes the flow of the version the draft. The draft before can be restored with undo. What is published does not change."""
    locked = lock_bot(version.bot)
    replace_draft(bot=locked, flow=version.flow, now=now)
    publish_revisions([locked.organization_id])
    return locked
