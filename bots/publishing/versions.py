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
from django.utils.functional import Promise

from bots.files.stored_files import sendable_keys
from bots.flow_ais import askable_ais
from bots.flows.checks.flow_checks import check_flow
from bots.flows.flow import Flow, InvalidFlow, read_flow
from bots.flows.problems import Problem
from bots.models import Bot, BotKind, BotVersion
from bots.publishing.assignments import refresh_numbers
from bots.publishing.services import audited_url, lock_bot, name_in, record_bot, replace_draft
from bots.publishing.settings_checks import settings_problems
from bots.web_requests.operator_list import is_opened_by_operator
from jobs.transactions import in_transaction
from organizations.audit.actions import AuditAction
from organizations.audit.log import differences
from organizations.live.revisions import publish_revisions
from organizations.models import User

KEPT_CHECKS = 32
"""Of each process."""


class CannotPublish(Exception):
    """The draft has problems that block. `problems` are at least one."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems


class IncompleteSettings(Exception):
    """The settings of a webhook bot or AI cannot be published. `texts` are at least one sentence."""

    def __init__(self, texts: list[Promise]) -> None:
        super().__init__(len(texts))
        self.texts = texts


@dataclass(frozen=True)
class CheckedFlow:
    """A flow and its problems, those that block first. No flow if the document is none."""

    flow: Flow | None
    problems: Sequence[Problem]

    @property
    def blocking(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.blocks]


def check_document(document: Mapping[str, Any], *, organization_id: int | None) -> CheckedFlow:
    """Reads and checks a flow of the organization, or of none, which has neither files nor AIs. The latest results
    are kept, because the try-out asks for each message."""
    return _check(json.dumps(document), sendable_keys(organization_id, document), askable_ais(organization_id, document))


@lru_cache(maxsize=KEPT_CHECKS)
def _check(text: str, files: frozenset[str], ais: frozenset[str]) -> CheckedFlow:
    """`files` are the stored files that the flow can send, `ais` the AIs that it can ask: what is kept for one organization is not
    for another."""
    try:
        flow = read_flow(text)
    except InvalidFlow as refusal:
        return CheckedFlow(None, refusal.problems)
    problems = check_flow(flow, is_allowed_url=is_opened_by_operator, is_stored_file=files.__contains__, is_ai=ais.__contains__)
    return CheckedFlow(flow, sorted(problems, key=lambda problem: not problem.blocks))


def flow_problems(document: Mapping[str, Any], *, organization_id: int | None) -> list[Problem]:
    """Returns all problems of a flow of the organization, or of none, those that block first."""
    return list(check_document(document, organization_id=organization_id).problems)


def publish_bot(*, bot: Bot, by: User | None, now: datetime) -> BotVersion:
    """Makes the draft the published version, with which new conversations begin. A draft that is the same as the latest version
    makes no new one. Raises CannotPublish, for a webhook bot or AI IncompleteSettings, and Bot.DoesNotExist if the bot was
    deleted."""
    check_before_lock(bot)
    return _publish(bot, by, now)


def check_before_lock(bot: Bot) -> None:
    """Checks the draft of a flow, which may take seconds, so that its result is known when the bot is locked."""
    if bot.kind == BotKind.FLOW:
        check_document(bot.draft, organization_id=bot.organization_id)


@in_transaction
def _publish(bot: Bot, by: User | None, now: datetime) -> BotVersion:
    locked = lock_bot(bot)
    _check_draft(locked)
    latest = locked.versions.order_by("-number").first()
    if latest is None or latest.document != locked.draft:
        number = (locked.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        latest = BotVersion.objects.create(bot=locked, number=number, document=locked.draft, published_by=by, create_in=now)
    _record_publication(locked, latest, by=by)
    locked.published = latest
    locked.name = name_in(locked.draft) or locked.name
    locked.save(update_fields=["published", "name"])
    refresh_numbers(bot=locked, now=now)
    publish_revisions([locked.organization_id])
    return latest


def _record_publication(bot: Bot, version: BotVersion | None, *, by: User | None) -> None:
    """Records which version is published, and the URL of a webhook bot. None: the bot is switched off."""
    before, after = (_audited(each) for each in (bot.published, version))
    if changes := differences(before, after):
        record_bot(AuditAction.BOT_PUBLISHED if version else AuditAction.BOT_SWITCHED, bot, changes, by=by)


def _audited(version: BotVersion | None) -> dict[str, Any]:
    return {"version": version and version.number, "url": audited_url(str(version.document.get("url", "")) if version else "")}


def _check_draft(bot: Bot) -> None:
    if bot.kind == BotKind.FLOW:
        if blocking := check_document(bot.draft, organization_id=bot.organization_id).blocking:
            raise CannotPublish(blocking)
    elif texts := settings_problems(bot):
        raise IncompleteSettings(texts)


@in_transaction
def unpublish_bot(*, bot: Bot, by: User | None, now: datetime) -> None:
    """The bot begins no conversation any more. Running ones go on with their version. Versions and draft stay."""
    locked = lock_bot(bot)
    _record_publication(locked, None, by=by)
    locked.published = None
    locked.save(update_fields=["published"])
    refresh_numbers(bot=locked, now=now)
    publish_revisions([locked.organization_id])


@in_transaction
def restore_version(*, version: BotVersion, by: User | None, now: datetime) -> Bot:
    """Makes the flow of the version the draft. The draft before can be restored with undo. What is published does not change."""
    locked = lock_bot(version.bot)
    replace_draft(bot=locked, flow=version.document, now=now)
    publish_revisions([locked.organization_id])
    return locked
