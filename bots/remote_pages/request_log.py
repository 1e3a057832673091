"""Reads the log of requests to a bot. All queries use an index, however long the log is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404

from bots.models import Bot, BotRequest
from contacts.lists.contact_list import ListCursor

PAGE_SIZE = 50
BODIES = ("request", "response", "callbacks", "tools", "wamids")
"""Columns that only the page of one request needs."""


class LogFilter(StrEnum):
    """Which requests of a log are listed: all, those that failed, those that reached a limit, or those with late call-backs."""

    ALL = ""
    FAILED = "failed"
    LIMIT = "limit"
    LATE = "late"


FILTERS: dict[LogFilter, dict[str, Any]] = {
    LogFilter.ALL: {},
    LogFilter.FAILED: {"outcome": BotRequest.Outcome.FAILED},
    LogFilter.LIMIT: {"outcome": BotRequest.Outcome.LIMIT},
    LogFilter.LATE: {"has_late_callback": True},
}


@dataclass(frozen=True, slots=True)
class LogPage:
    """A part of the log, the latest request first. `next` is where the next page begins, None if this is the last one."""

    requests: Sequence[BotRequest]
    next: ListCursor | None


def list_requests(
    bot: Bot, *, log_filter: LogFilter = LogFilter.ALL, after: ListCursor | None = None, limit: int = PAGE_SIZE
) -> LogPage:
    """Returns up to `limit` requests to the bot, without their bodies."""
    rows = BotRequest.objects.filter(bot=bot, **FILTERS[log_filter])
    if after and after.at:
        rows = rows.filter(Q(create_in__lt=after.at) | Q(pk__lt=after.pk), create_in__lte=after.at)
    found = list(_with_contact(rows).defer(*BODIES).order_by("-create_in", "-pk")[: limit + 1])
    page = found[:limit]
    return LogPage(page, ListCursor(page[-1].create_in, page[-1].pk) if len(found) > limit else None)


def get_request_or_404(bot: Bot, request_id: int) -> BotRequest:
    """Returns a request to the bot. Raises Http404 for requests to others."""
    found: BotRequest = get_object_or_404(
        _with_contact(BotRequest.objects.filter(bot=bot)).select_related("version"), pk=request_id
    )
    return found


def latest_test(bot: Bot) -> BotRequest | None:
    """Returns the last request that was sent as a test."""
    recent = BotRequest.objects.filter(bot=bot, purpose=BotRequest.Purpose.TEST)
    return recent.order_by("-create_in", "-pk").first()


def _with_contact(rows: QuerySet[BotRequest]) -> QuerySet[BotRequest]:
    return rows.select_related("contact")
